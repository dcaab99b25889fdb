//! [`Sandbox`]: the sandbox EHR's FHIR server over the chart that web tests use, and hook calls that point to it.

use crate::web::app::{Answer, TestApp};
use crate::web::charts::{PATIENT, call, resources};
use prodrome::sandbox_ehr::{Registration, SandboxEhr, read_folder};
use serde_json::{Map, Value, json};
use std::net::TcpListener;
use std::time::Duration;
use uuid::Uuid;

/// Conditions beside the chart's own, so that searches have more than one page.
pub const MORE_CONDITIONS: usize = 230;

pub struct Sandbox {
    /// Without a final slash.
    pub page: String,
    /// A token for all of the one patient, one for the patient's own resource alone, and one for another patient.
    pub whole: String,
    pub narrow: String,
    pub foreign: String,
}

/// Every resource of the patient, as it is in the record.
pub fn record() -> Vec<Value> {
    let more = (0..MORE_CONDITIONS).map(|n| {
        json!({"resourceType": "Condition", "id": format!("more-{n}"), "subject": {"reference": format!("Patient/{PATIENT}")},
               "code": {"coding": [{"system": "http://snomed.info/sct", "code": format!("{}", 100_000 + n)}]},
               "recordedDate": format!("2015-01-{:02}", 1 + n % 28)})
    });
    let of_the_patient = |one: &Value| match (&one["subject"], &one["patient"]) {
        (Value::Null, Value::Null) => one["resourceType"] != "Patient" || one["id"] == PATIENT,
        (Value::Null, patient) => patient["reference"] == format!("Patient/{PATIENT}"),
        (subject, _) => subject["reference"] == format!("Patient/{PATIENT}"),
    };
    resources().into_iter().filter(of_the_patient).chain(more).collect()
}

impl Sandbox {
    pub fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// With backend services, which may need to know where the page is.
    pub fn start_with(services: impl FnOnce(&str) -> Vec<Registration>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let lines: Vec<String> = record().iter().map(Value::to_string).collect();
        std::fs::write(folder.path().join("one.ndjson"), lines.join("\n")).expect("written");
        let charts = read_folder(folder.path()).expect("a patient");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let page = format!("http://{}", listener.local_addr().expect("an address"));
        let ehr = SandboxEhr::new(charts, String::new(), page.clone(), services(&page)).expect("an EHR");
        let token = |scope: &str, patient: &str| ehr.give_token(scope, Some(patient), Duration::from_secs(300));
        let (whole, narrow) = (token("patient/*.rs", PATIENT), token("patient/Patient.rs", PATIENT));
        let foreign = token("patient/*.rs", "somebody-else");
        actix_web::rt::spawn(ehr.serve(listener).expect("a page"));
        Self { page, whole, narrow, foreign }
    }

    pub fn fhir(&self) -> String {
        format!("{}/fhir", self.page)
    }

    /// A call that may read here with this token.
    pub fn call(&self, prefetch: Value, token: &str) -> Value {
        pointing_to(&self.fhir(), prefetch, Some(token))
    }
}

/// A call that names this FHIR server.
pub fn pointing_to(fhir: &str, prefetch: Value, token: Option<&str>) -> Value {
    let mut call = call(&Uuid::new_v4().to_string(), prefetch);
    call["fhirServer"] = fhir.into();
    if let Some(token) = token {
        call["fhirAuthorization"] = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300,
            "scope": "patient/*.rs", "subject": "prodrome", "patient": PATIENT});
    }
    call
}

/// The prefetch that the templates of `early-detection` bring for this record.
pub fn whole_prefetch(templates: &Value) -> Value {
    let mut prefetch = Map::new();
    for (key, template) in templates.as_object().expect("templates") {
        let resource_type = template.as_str().expect("a template").split(['/', '?']).next().expect("a type");
        let found: Vec<Value> = record().into_iter().filter(|one| one["resourceType"] == resource_type).collect();
        let value = match (resource_type, found.as_slice()) {
            ("Patient", [patient]) => patient.clone(),
            _ => {
                let entries: Vec<Value> = found.iter().map(|one| json!({"resource": one})).collect();
                json!({"resourceType": "Bundle", "type": "searchset", "total": entries.len(), "entry": entries})
            }
        };
        prefetch.insert(key.clone(), value);
    }
    Value::Object(prefetch)
}

/// A prefetch of the patient and the conditions alone.
pub fn in_part() -> Value {
    whole_prefetch(&json!({"patient": "Patient/", "conditions": "Condition?"}))
}

/// The templates that the app publishes.
pub async fn templates(app: &TestApp) -> Value {
    let services = app.get("/cds-services").await.json();
    let services = services["services"].as_array().expect("services").clone();
    let found =
        services.into_iter().find(|service| service["id"] == "early-detection" && service["hook"] == "patient-view");
    found.expect("the service")["prefetch"].clone()
}

/// An app in development mode whose only client has these FHIR servers.
pub async fn app_reading(servers: &[&str]) -> TestApp {
    let client = format!(
        r#"[{{ name = "ehr", issuer = "https://ehr.example.org", jwks_url = "https://ehr.example.org/jwks", fhir_servers = {servers:?} }}]"#
    );
    TestApp::builder().setting("CDS_CLIENT", &client).start().await
}

/// The cards without what differs from call to call.
pub fn cards(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut cards = answer.json()["cards"].as_array().expect("cards").clone();
    for card in &mut cards {
        card["uuid"] = Value::Null;
        card["extension"]["org.prodrome.assessment"]["as_of"] = Value::Null;
        for suggestion in card["suggestions"].as_array_mut().into_iter().flatten() {
            suggestion["uuid"] = Value::Null;
            for action in suggestion["actions"].as_array_mut().into_iter().flatten() {
                action["resource"]["id"] = Value::Null;
                action["resource"]["authoredOn"] = Value::Null;
            }
        }
    }
    cards
}
