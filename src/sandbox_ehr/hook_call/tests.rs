//! Requests that never leave: how a production EHR would write them.

use super::*;
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::chart::{Chart, Resource};
use crate::sandbox_ehr::twin::Hook;
use serde_json::{Value, json};

/// A `patient-view` of an EHR at this address, in production.
fn written(page: &str) -> Value {
    let patient = json!({"resourceType": "Patient", "id": "p"});
    let resources = Resource::of(&patient).into_iter().collect();
    let chart =
        Chart { id: "p".into(), name: String::new(), sex: "female".into(), birth: None, deceased: None, resources };
    let ehr = SandboxEhr::new(vec![chart], "https://cds.example".into(), page.into(), Vec::new()).expect("an EHR");
    ehr.desk().switches.production = true;
    let service = json!({"id": "a", "hook": "patient-view", "prefetch": {"patient": "Patient/{{context.patientId}}"}});
    let service: Service = serde_json::from_value(service).expect("a service");
    let (desk, hook) = (ehr.desk().snapshot("p"), Hook::PatientView);
    let request = request(&ehr, (&ehr.servers[0], &service), (hook, hook), &ehr.charts[0], &desk, &Manner::default());
    serde_json::to_value(request.expect("a request")).expect("JSON")
}

#[test]
fn ch_054_in_production_only_a_fhir_server_with_https_is_named() {
    let request = written("https://ehr.example");
    assert_eq!(request["fhirServer"], "https://ehr.example/fhir");
    assert!(request["fhirAuthorization"].is_object());
    let request = written("http://ehr.example");
    assert!(request.get("fhirServer").is_none() && request.get("fhirAuthorization").is_none(), "{request}");
}
