//! Hook calls as an EHR writes them: the context of every hook of the library, prefetch from the chart, names that
//! nobody has used before. Refuses to send them.

use super::chart::{Chart, Tokens};
use crate::platform::clock;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The clinician of every call.
pub(crate) const USER: &str = "Practitioner/conform";
const ENCOUNTER: &str = "conform-visit-3";

/// The hooks of the library: version in the metadata table, and the context members that must be there.
pub(crate) const LIBRARY: [(&str, &str, &[&str]); 13] = [
    ("patient-view", "1.0", &["userId", "patientId"]),
    ("order-sign", "1.0", &["userId", "patientId", "draftOrders"]),
    ("order-select", "1.0", &["userId", "patientId", "selections", "draftOrders"]),
    ("appointment-book", "1.0", &["userId", "patientId", "appointments"]),
    ("encounter-start", "1.0", &["userId", "patientId", "encounterId"]),
    ("encounter-discharge", "1.0", &["userId", "patientId", "encounterId"]),
    ("order-dispatch", "1.1", &["patientId", "dispatchedOrders", "performer"]),
    ("medication-refill", "0.1.0", &["patientId", "medications"]),
    ("allergyintolerance-create", "0.1.0", &["userId", "patientId", "allergyIntolerance"]),
    ("problem-list-item-create", "0.1.0", &["userId", "patientId", "conditions"]),
    ("medication-verify", "0.1.0", &["userId", "patientId", "medication"]),
    ("medication-prescribe", "1.0", &["userId", "patientId", "medications"]),
    ("order-review", "1.0", &["userId", "patientId", "orders"]),
];

/// One entry of the discovery document.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub id: String,
    pub hook: String,
    /// In the order published.
    pub templates: Vec<(String, String)>,
}

impl Offer {
    /// The name that the report uses.
    pub fn name(&self) -> String {
        format!("{} ({})", self.id, self.hook)
    }

    /// Where it is called, below the base.
    pub fn path(&self) -> String {
        format!("/cds-services/{}", self.id)
    }

    pub fn is_order_hook(&self) -> bool {
        matches!(&*self.hook, "order-sign" | "order-select" | "order-review" | "medication-prescribe")
    }
}

/// A draft with what services tend to lose: a vendor's extension, an extended primitive, a contained resource and
/// a decimal whose last zero means something.
fn draft(patient: &str) -> Value {
    json!({
        "resourceType": "MedicationRequest", "id": "conform-draft", "status": "draft", "intent": "order",
        "_intent": {"extension": [{"url": "https://conform.example/primitive", "valueCode": "kept"}]},
        "extension": [{"url": "https://conform.example/vendor", "valueDecimal": 1.50}],
        "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "ibuprofen 400 mg tablet"}}],
        "medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm",
            "code": "197806", "display": "ibuprofen 600 MG Oral Tablet"}], "text": "ibuprofen 600 mg tablet"},
        "subject": {"reference": format!("Patient/{patient}")},
        "authoredOn": "2026-05-04",
    })
}

fn bundle(resources: &[Value]) -> Value {
    let entry: Vec<Value> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entry})
}

/// The context of a hook for a patient, with every member that must be there and the encounter.
pub(crate) fn context(hook: &str, patient: &str) -> Value {
    let mut context = json!({"userId": USER, "patientId": patient, "encounterId": ENCOUNTER});
    let orders = || bundle(&[draft(patient)]);
    let with = |resource: Value| {
        let mut resource = resource;
        resource["patient"] = json!({"reference": format!("Patient/{patient}")});
        resource
    };
    let rest = match hook {
        "order-sign" => json!({"draftOrders": orders()}),
        "order-select" => json!({"selections": ["MedicationRequest/conform-draft"], "draftOrders": orders()}),
        "order-review" => json!({"orders": orders()}),
        "medication-prescribe" | "medication-refill" => json!({"medications": orders()}),
        "medication-verify" => {
            let mut active = draft(patient);
            active["status"] = "active".into();
            json!({"medication": active})
        }
        "order-dispatch" => {
            json!({"dispatchedOrders": ["ServiceRequest/conform-order"], "performer": "Organization/conform"})
        }
        "appointment-book" => json!({"appointments": bundle(&[json!({
            "resourceType": "Appointment", "id": "conform-appointment", "status": "proposed",
            "participant": [{"actor": {"reference": format!("Patient/{patient}")}, "status": "needs-action"}]})])}),
        "allergyintolerance-create" => json!({"allergyIntolerance": with(json!({
            "resourceType": "AllergyIntolerance", "id": "conform-new-allergy",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "764146007"}], "text": "Penicillin"}}))}),
        "problem-list-item-create" => json!({"conditions": bundle(&[json!({
            "resourceType": "Condition", "id": "conform-new-problem",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category",
                "code": "problem-list-item"}]}],
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "59621000"}]},
            "subject": {"reference": format!("Patient/{patient}")}})])}),
        _ => json!({}),
    };
    if let (Some(context), Value::Object(rest)) = (context.as_object_mut(), rest) {
        context.extend(rest);
        if hook == "order-dispatch" {
            context.retain(|name, _| !matches!(&**name, "userId" | "encounterId"));
        }
    }
    context
}

/// A call with everything in it that the templates ask for.
pub(crate) fn call(offer: &Offer, chart: &Chart) -> Value {
    let context = context(&offer.hook, &chart.patient);
    let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let tokens = Tokens { context: &context, today };
    let filled = offer.templates.iter().filter_map(|(key, template)| {
        let value = chart.prefetch(template, &tokens)?;
        Some((key.clone(), value))
    });
    let prefetch: Map<String, Value> = filled.collect();
    let mut call = json!({"hook": offer.hook, "hookInstance": fresh(), "context": context});
    if !prefetch.is_empty() {
        call["prefetch"] = prefetch.into();
    }
    call
}

/// A name that was never used.
pub(crate) fn fresh() -> String {
    Uuid::new_v4().to_string()
}

/// The same call under a new name, changed.
pub(crate) fn changed(call: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut call = call.clone();
    call["hookInstance"] = fresh().into();
    change(&mut call);
    call
}

/// Takes a member away.
pub(crate) fn drop_member(value: &mut Value, name: &str) {
    if let Some(members) = value.as_object_mut() {
        members.retain(|known, _| known != name);
    }
}

/// Leave to read from a FHIR server with a token.
pub(crate) fn with_access(call: &mut Value, server: &str, token: &str, scope: &str) {
    call["fhirServer"] = server.into();
    call["fhirAuthorization"] = json!({"access_token": token, "token_type": "Bearer", "expires_in": 60,
        "scope": scope, "subject": "conform", "patient": call["context"]["patientId"]});
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_of_the_library_is_called_with_all_that_it_requires() {
        for (hook, _, required) in LIBRARY {
            let context = context(hook, "p");
            for member in required {
                assert!(!context[member].is_null(), "{hook}: {member}");
            }
        }
        assert!(context("order-dispatch", "p")["userId"].is_null());
        assert_eq!(context("net.example.ward-round", "p")["patientId"], "p");
    }
}
