//! An authorization server with a key of its own, the tokens it gives, and calls with them.

use crate::trust::ehr::{Ehr, PUBLIC_URL, now, production};
use crate::web::app::{Answer, TestApp};
use crate::web::charts::{PATIENT, chart};
use serde_json::{Value, json};

pub const ASSESS: &str = "/fhir/$assess-risk";
pub const EMBED: &str = "/fhir/$embed";
/// An outcome of the phenotypes.
pub const PHENOTYPE: &str = "ckd-any";

pub fn access_header(server: &Ehr) -> Value {
    json!({"alg": server.algorithm, "typ": "at+jwt", "kid": "k1"})
}

/// Claims of an access token for us.
pub fn access_claims(server: &Ehr, scope: &str, patient: Option<&str>) -> Value {
    let mut claims = json!({"iss": server.issuer, "aud": format!("{PUBLIC_URL}/fhir"), "iat": now(), "exp": now() + 300,
                            "sub": "u", "client_id": "ward-dashboard", "jti": uuid::Uuid::new_v4().to_string(),
                            "scope": scope});
    if let Some(patient) = patient {
        claims["patient"] = patient.into();
    }
    claims
}

pub fn token(server: &Ehr, scope: &str, patient: Option<&str>) -> String {
    server.sign(&access_header(server), &access_claims(server, scope, patient))
}

/// An app in production that takes this server's tokens.
pub async fn app(server: &Ehr) -> TestApp {
    production(&[]).setting("AUTHORIZATION_SERVER", &format!("[{}]", server.in_file())).start().await
}

pub fn parameters(more: &[Value]) -> Value {
    json!({"resourceType": "Parameters", "parameter": more})
}

/// The chart without the Patient of others.
pub fn own_chart() -> Value {
    let mut own = chart();
    let entries = own["entry"].as_array_mut().expect("entries");
    entries.retain(|entry| entry["resource"]["resourceType"] != "Patient" || entry["resource"]["id"] == PATIENT);
    own
}

pub fn sent_chart() -> Value {
    json!({"name": "chart", "resource": own_chart()})
}

pub fn phenotype() -> Value {
    json!({"name": "phenotype", "valueCode": PHENOTYPE})
}

/// Posts with this Authorization header.
pub async fn post_as(app: &TestApp, path: &str, authorization: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/fhir+json"), ("authorization", authorization)];
    app.post_with(path, &headers, body.to_string().into_bytes()).await
}

pub async fn post(app: &TestApp, path: &str, token: &str, body: &Value) -> Answer {
    post_as(app, path, &format!("Bearer {token}"), body).await
}
