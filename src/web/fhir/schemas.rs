//! What is sent and what comes back, as JSON Schema with an example of each thing that can be sent.
//!
//! Tells of FHIR as much as a caller has to write or look for, and leaves the rest to FHIR.

use super::addresses::Sent;
use super::batch::MOST_ENTRIES;
use super::operations::Operation;
use super::parameters::{Outcomes, parameters};
use serde_json::{Value, json};

/// The name of a schema below `components`.
pub fn name(sent: Sent) -> &'static str {
    match sent {
        Sent::Parameters(Operation::AssessRisk) => "AssessRiskParameters",
        Sent::Parameters(Operation::Embed) => "EmbedParameters",
        Sent::Batch => "Batch",
        Sent::HookCall => "HookCall",
        Sent::Feedback => "Feedback",
    }
}

/// Everything below `components.schemas`.
pub fn schemas(outcomes: &Outcomes) -> Value {
    let text = json!({"type": "string"});
    json!({
        "AssessRiskParameters": sent_parameters(Operation::AssessRisk, outcomes),
        "EmbedParameters": sent_parameters(Operation::Embed, outcomes),
        "Batch": {"type": "object", "required": ["resourceType", "type", "entry"], "properties": {
            "resourceType": {"const": "Bundle"}, "type": {"const": "batch"},
            "entry": {"type": "array", "maxItems": MOST_ENTRIES, "items": {
                "type": "object", "required": ["request", "resource"], "properties": {
                    "request": {"type": "object", "required": ["method", "url"], "properties": {
                        "method": {"const": "POST"}, "url": {"enum": ["$assess-risk", "$embed"]}}},
                    "resource": {"anyOf": [reference("AssessRiskParameters"), reference("EmbedParameters")]}}}}}},
        "HookCall": {"type": "object", "required": ["hook", "hookInstance", "context"], "properties": {
            "hook": text, "hookInstance": {"type": "string", "format": "uuid"},
            "context": {"type": "object", "description": "What the hook defines"},
            "prefetch": {"type": "object", "description": "A FHIR resource, a Bundle or null for each key that discovery lists"},
            "fhirServer": {"type": "string", "format": "uri"},
            "fhirAuthorization": {"type": "object", "description": "Leave to read from `fhirServer`"}}},
        "Feedback": {"type": "object", "required": ["feedback"], "properties": {"feedback": {"type": "array", "items": {
            "type": "object", "required": ["card", "outcome", "outcomeTimestamp"], "properties": {
                "card": {"type": "string", "format": "uuid"}, "outcome": {"enum": ["accepted", "overridden"]},
                "acceptedSuggestions": {"type": "array", "items": {
                    "type": "object", "required": ["id"], "properties": {"id": {"type": "string", "format": "uuid"}}}},
                "overrideReason": {"type": "object"}, "outcomeTimestamp": {"type": "string", "format": "date-time"}}}}}},
        "Cards": {"type": "object", "required": ["cards"], "properties": {"cards": {"type": "array", "items": {
            "type": "object", "required": ["summary", "indicator", "source"], "properties": {
                "uuid": text, "summary": text, "detail": text, "indicator": {"enum": ["info", "warning", "critical"]},
                "source": {"type": "object"}, "suggestions": {"type": "array", "items": {"type": "object"}},
                "links": {"type": "array", "items": {"type": "object"}}}}}}},
        "Assessment": {"type": "object", "required": ["resourceType", "type", "entry"], "properties": {
            "resourceType": {"const": "Bundle"}, "type": {"const": "collection"},
            "entry": {"type": "array", "items": {"type": "object", "properties": {"resource": {"anyOf": [
                reference("RiskAssessment"), typed("Device"), typed("Provenance")]}}}}}},
        "RiskAssessment": risk_assessment(outcomes),
        "OperationOutcome": {"type": "object", "required": ["resourceType", "issue"], "properties": {
            "resourceType": {"const": "OperationOutcome"},
            "issue": {"type": "array", "items": {"type": "object", "properties": {
                "code": text, "details": {"type": "object", "properties": {"text": text, "coding": {"type": "array", "items": {
                    "type": "object", "properties": {"system": {"const": "urn:prodrome:problem"}, "code": text}}}}},
                "expression": {"type": "array", "items": text, "description": "The member of the request to change"}}}}}},
    })
}

/// One that this server accepts; of a batch, one entry.
pub fn example(sent: Sent, outcomes: &Outcomes) -> Value {
    let chart = json!({"name": "chart", "resource": {
        "resourceType": "Bundle", "type": "collection",
        "entry": little_chart().map(|resource| json!({ "resource": resource })),
    }});
    let as_of = json!({"name": "as-of", "valueDate": "2019-12-31"});
    let parameters = |more: Option<Value>| {
        let all: Vec<Value> = [as_of, chart].into_iter().chain(more).collect();
        json!({"resourceType": "Parameters", "parameter": all})
    };
    let phenotype = outcomes.keys().next().map(|code| json!({"name": "phenotype", "valueCode": code}));
    match sent {
        Sent::Parameters(Operation::AssessRisk) => parameters(phenotype),
        Sent::Parameters(Operation::Embed) => parameters(Some(json!({"name": "encoding", "valueCode": "decimal"}))),
        Sent::Batch => json!({"resourceType": "Bundle", "type": "batch", "entry": [
            {"request": {"method": "POST", "url": "$assess-risk"}, "resource": parameters(phenotype)}]}),
        Sent::HookCall => {
            let [patient, ..] = little_chart();
            json!({"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
                   "context": {"userId": "Practitioner/example", "patientId": "example"}, "prefetch": {"patient": patient}})
        }
        Sent::Feedback => json!({"feedback": [{
            "card": "4e0a3a1e-8b0f-4a52-9d57-3f1b7a0a9e21", "outcome": "accepted",
            "acceptedSuggestions": [{"id": "0f3f8a44-30a1-4d0c-8a3c-6a4b8f7c1d02"}],
            "outcomeTimestamp": "2026-05-04T08:15:30Z"}]}),
    }
}

/// A made-up patient with one measurement: enough to be read, too little for an estimate.
fn little_chart() -> [Value; 2] {
    [
        json!({"resourceType": "Patient", "id": "example", "gender": "female", "birthDate": "1957-05-02"}),
        json!({"resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/example"},
               "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": "Hemoglobin A1c"}]},
               "effectiveDateTime": "2019-06-11",
               "valueQuantity": {"value": 6.1, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}),
    ]
}

fn sent_parameters(operation: Operation, outcomes: &Outcomes) -> Value {
    let entries: Vec<Value> = parameters(operation).iter().map(|one| one.schema(outcomes)).collect();
    json!({"type": "object", "required": ["resourceType"], "properties": {
        "resourceType": {"const": "Parameters"}, "parameter": {"type": "array", "items": {"oneOf": entries}}}})
}

/// One outcome; where the model stays silent a prediction has no probability, and an extension says why.
fn risk_assessment(outcomes: &Outcomes) -> Value {
    let codes: Vec<&String> = outcomes.keys().collect();
    let mut code =
        json!({"type": "string", "description": "Of the system https://prodrome.org/fhir/CodeSystem/outcome"});
    if !codes.is_empty() {
        code["examples"] = json!(codes);
    }
    json!({"type": "object", "required": ["resourceType", "status", "subject", "prediction"], "properties": {
        "resourceType": {"const": "RiskAssessment"}, "status": {"const": "preliminary"}, "subject": {"type": "object"},
        "occurrenceDateTime": {"type": "string", "format": "date-time", "description": "The moment of `as-of`"},
        "prediction": {"type": "array", "items": {"type": "object", "required": ["outcome", "whenPeriod"], "properties": {
            "outcome": {"type": "object", "properties": {"text": {"type": "string"}, "coding": {"type": "array", "items": {
                "type": "object", "properties": {"system": {"type": "string"}, "code": code}}}}},
            "probabilityDecimal": {"type": "number", "minimum": 0, "maximum": 100,
                                   "description": "In percent; absent where the model stays silent, which is no low risk"},
            "relativeRisk": {"type": "number", "description": "To the average of the same age and sex"},
            "whenPeriod": {"type": "object"},
            "extension": {"type": "array", "items": {"type": "object"},
                          "description": "Interval and average, or why there is no number"}}}},
        "basis": {"type": "array", "items": {"type": "object"}, "description": "What of the chart moved the estimate"}}})
}

/// A resource of which only the type is told.
pub fn typed(resource_type: &str) -> Value {
    json!({"type": "object", "required": ["resourceType"], "properties": {"resourceType": {"const": resource_type}}})
}

/// Leads to one of [`schemas`].
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
