//! An assessment as FHIR R4: a RiskAssessment for each outcome after the profile in `profiles/`, the model as a Device,
//! and the Provenance of both. A state as Parameters.
//!
//! Where the model stays silent there is no number: the prediction says that it is absent, and why.

use super::{AssessedOutcome, AssessedRisk, Assessment, Evidence, NOTE, State};
use crate::decision_support::protocol::is_fhir_id;
use crate::patient_record::moment;
use crate::patient_record::timeline::SECONDS_PER_DAY;
use crate::prediction::answer::Abstention;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir_fence::risk_assessment::{ABSTAINED, BASELINE, INTERVAL, MODELS, NOT_READ, OUTCOMES, PROFILE};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

const ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
/// Longest words of a chart beside a reference.
const LONGEST_DISPLAY: usize = 120;

/// A Bundle of everything that is said, and who said it from what.
pub fn assessment_bundle(assessment: &Assessment, at: Timestamp) -> Value {
    let device = address();
    let written: Vec<(String, Value)> =
        assessment.outcomes.iter().map(|outcome| (address(), risk_assessment(assessment, outcome, &device))).collect();
    let provenance = provenance(assessment, &written, &device, at);
    let entries = written.into_iter().chain([(device, model_device(&assessment.model)), (address(), provenance)]);
    let entries = entries.map(|(url, resource)| json!({"fullUrl": url, "resource": resource}));
    json!({
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": at.to_string(),
        "meta": {"security": [ai_asserted()]},
        "entry": entries.collect::<Vec<_>>(),
    })
}

fn address() -> String {
    format!("urn:uuid:{}", Uuid::new_v4())
}

fn ai_asserted() -> Value {
    json!({
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
        "code": "AIAST",
        "display": "Artificial Intelligence asserted",
    })
}

fn risk_assessment(assessment: &Assessment, outcome: &AssessedOutcome, device: &str) -> Value {
    let mut resource = json!({
        "resourceType": "RiskAssessment",
        "meta": {"profile": [PROFILE], "security": [ai_asserted()]},
        "extension": [{"url": NOT_READ, "valueUnsignedInt": assessment.skipped.total()}],
        "status": "preliminary",
        "method": {"coding": [{"system": MODELS, "code": assessment.model}], "text": assessment.model},
        "subject": {"reference": format!("Patient/{}", assessment.patient)},
        "occurrenceDateTime": moment::write(assessment.as_of),
        "performer": {"reference": device},
        "prediction": outcome.horizons.iter().map(|one| prediction(assessment, outcome, one)).collect::<Vec<_>>(),
        "note": notes(assessment, outcome),
    });
    let basis = basis(outcome);
    if !basis.is_empty() {
        resource["basis"] = Value::Array(basis);
    }
    resource
}

fn prediction(assessment: &Assessment, outcome: &AssessedOutcome, assessed: &AssessedRisk) -> Value {
    let risk = &assessed.risk;
    let mut extensions = vec![json!({"url": BASELINE, "valueDecimal": percent(risk.baseline_risk)})];
    let mut codes = vec![json!({"system": OUTCOMES, "code": &*outcome.phenotype})];
    codes.extend(outcome.snomed.as_ref().map(|code| json!({"system": "http://snomed.info/sct", "code": code})));
    let end = assessment.as_of + i64::from(risk.horizon_days) * SECONDS_PER_DAY;
    let mut written = Map::new();
    if let Some(silence) = assessed.silence {
        extensions.push(json!({"url": ABSTAINED, "valueCode": silence.as_str()}));
        extensions.push(json!({"url": ABSENT, "valueCode": absent(silence)}));
    } else {
        if let Some((low, high)) = risk.interval {
            let bound = |value| json!({"value": percent(value), "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"});
            extensions.push(json!({"url": INTERVAL, "valueRange": {"low": bound(low), "high": bound(high)}}));
        }
        written.insert("probabilityDecimal".into(), percent(risk.risk));
        let ratio = risk.risk / risk.baseline_risk;
        if ratio.is_finite() {
            written.insert("relativeRisk".into(), json!((ratio * 1e3).round() / 1e3));
        }
    }
    written.insert("extension".into(), Value::Array(extensions));
    written.insert("outcome".into(), json!({"coding": codes, "text": outcome.title}));
    let period = json!({"start": moment::write(assessment.as_of), "end": moment::write(end)});
    written.insert("whenPeriod".into(), period);
    Value::Object(written)
}

/// Whether the question has no answer, or this model has none. It stands at the prediction: an element without a value, only
/// with a reason, is more than HL7's validator can read here.
fn absent(silence: Abstention) -> &'static str {
    match silence {
        Abstention::Deceased | Abstention::AlreadyPresent | Abstention::NotEligible => "not-applicable",
        _ => "unsupported",
    }
}

/// R4 writes probabilities in percent. Four places, as everywhere.
fn percent(probability: f64) -> Value {
    json!((probability * 1e6).round() / 1e4)
}

/// Each resource once, with what it says of the horizon that it moved first.
fn basis(outcome: &AssessedOutcome) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let evidence = outcome.horizons.iter().flat_map(|one| one.evidence.iter().map(move |evidence| (one, evidence)));
    evidence
        .filter_map(|(one, evidence)| {
            let reference = reference(evidence)?;
            let display = format!(
                "{}, {}: within {} days {:.1} %, without it {:.1} %",
                words(&evidence.what),
                moment::write(evidence.when).get(..10).unwrap_or_default(),
                one.risk.horizon_days,
                one.risk.risk * 100.0,
                evidence.risk_without * 100.0
            );
            seen.insert(reference.clone()).then(|| json!({"reference": reference, "display": display}))
        })
        .collect()
}

fn reference(evidence: &Evidence) -> Option<String> {
    let source = &evidence.source;
    is_fhir_id(&source.id).then(|| format!("{}/{}", source.resource_type, source.id))
}

/// Words of a chart, cut, without what could disguise them.
fn words(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().filter(|letter| !letter.is_control()).take(LONGEST_DISPLAY).collect()
}

fn notes(assessment: &Assessment, outcome: &AssessedOutcome) -> Vec<Value> {
    let mut notes = vec![NOTE.to_owned()];
    notes.push(
        "The basis moved the estimate by association, not effect: changing it need not change the risk.".to_owned(),
    );
    if !outcome.horizons.iter().any(|one| one.live) {
        notes.push("No service of this installation shows this outcome to clinicians.".to_owned());
    }
    if !assessment.unread.is_empty() {
        notes.push(format!("Not given, or not whole, which is not absent: {}.", assessment.unread.join(", ")));
    }
    notes.into_iter().map(|text| json!({"text": text})).collect()
}

fn model_device(model: &str) -> Value {
    let (name, version) = model.split_once('@').unwrap_or((model, ""));
    let mut device = json!({
        "resourceType": "Device",
        "identifier": [{"system": MODELS, "value": model}],
        "deviceName": [{"name": name, "type": "model-name"}],
        "type": {"text": "Machine-learning model"},
        "note": [{"text": NOTE}],
    });
    if !version.is_empty() {
        device["version"] = json!([{"value": version}]);
    }
    device
}

fn provenance(assessment: &Assessment, written: &[(String, Value)], device: &str, at: Timestamp) -> Value {
    let targets: Vec<Value> = written.iter().map(|(url, _)| json!({"reference": url})).collect();
    let all = assessment.outcomes.iter().flat_map(|outcome| &outcome.horizons).flat_map(|one| &one.evidence);
    let sources: BTreeSet<String> = all.filter_map(reference).collect();
    let source = |reference: &String| json!({"role": "source", "what": {"reference": reference}});
    let mut provenance = json!({
        "resourceType": "Provenance",
        "meta": {"security": [ai_asserted()]},
        "target": targets,
        "occurredDateTime": moment::write(assessment.as_of),
        "recorded": at.to_string(),
        "activity": {"text": format!("Assessed from {} events", assessment.events_read)},
        "agent": [{
            "type": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                "code": "assembler",
            }]},
            "who": {"reference": device, "display": assessment.model},
        }],
    });
    if !sources.is_empty() {
        provenance["entity"] = Value::Array(sources.iter().map(source).collect());
    }
    provenance
}

/// A state as Parameters: little-endian 32-bit floats in base64, or decimals with `decimal`.
pub fn state_parameters(state: &State, decimal: bool) -> Value {
    let mut parameters = vec![
        json!({"name": "model", "valueString": state.model}),
        json!({"name": "as-of", "valueDateTime": moment::write(state.as_of)}),
        json!({"name": "patient", "valueReference": {"reference": format!("Patient/{}", state.patient)}}),
        json!({"name": "events-read", "valueInteger": state.events_read}),
        json!({"name": "length", "valueInteger": state.values.len()}),
        json!({"name": "note", "valueString": NOTE}),
    ];
    if decimal {
        parameters.extend(state.values.iter().map(|value| json!({"name": "value", "valueDecimal": value})));
    } else {
        let bytes: Vec<u8> = state.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        parameters.push(json!({"name": "state", "valueBase64Binary": STANDARD.encode(bytes)}));
    }
    json!({"resourceType": "Parameters", "meta": {"security": [ai_asserted()]}, "parameter": parameters})
}
