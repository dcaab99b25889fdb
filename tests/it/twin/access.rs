//! The leave to read that a call brings.

use super::stage::Stage;
use serde_json::{Value, json};

fn leave(body: &Value) -> Value {
    body["fhirAuthorization"].clone()
}

#[actix_web::test]
async fn ch_130_131_132_133_137_139_the_leave_is_whole_short_and_this_patients() {
    let stage = Stage::with_two().await;
    stage.fire("patient-view").await;
    let second = stage.second.as_ref().expect("a second service");
    let scope = regex::Regex::new(r"^(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.c?r?u?d?s?$").expect("a pattern");
    for (service, client) in [(&stage.service, "prodrome-backend"), (second, "cds-second")] {
        let leave = leave(&service.last().body);
        assert!(leave["access_token"].is_string());
        assert_eq!(
            (&leave["token_type"], &leave["subject"], &leave["patient"]),
            (&json!("Bearer"), &json!(client), &json!("ann"))
        );
        assert!(leave["expires_in"].as_u64().is_some_and(|seconds| seconds <= 300), "{leave}");
        let scopes = leave["scope"].as_str().expect("scopes");
        assert!(!scopes.is_empty() && scopes.split(' ').all(|one| scope.is_match(one)), "{leave}");
    }
}

#[actix_web::test]
async fn ch_134_two_services_get_tokens_of_their_own() {
    let stage = Stage::with_two().await;
    stage.fire("patient-view").await;
    let second = stage.second.as_ref().expect("a second service");
    let (one, two) = (leave(&stage.service.last().body), leave(&second.last().body));
    assert_ne!(one["access_token"], two["access_token"]);
    assert_ne!(one["subject"], two["subject"]);
}

#[actix_web::test]
async fn ch_135_140_the_token_reaches_no_further_than_the_user() {
    let stage = Stage::start().await;
    stage.switch(json!({"forbidden_types": ["Condition"], "revokes_tokens": false})).await;
    let leave = leave(&stage.fired("patient-view").await);
    let token = leave["access_token"].as_str().expect("a token");
    assert!(!leave["scope"].as_str().expect("scopes").contains("Condition"));
    for (query, status) in [
        ("Condition?patient=ann", 403),
        ("Condition/ann-c", 403),
        ("Observation?patient=ann", 200),
        ("Observation?patient=bob", 403),
    ] {
        assert_eq!(stage.fhir(query, token).await.0, status, "{query}");
    }
}

#[actix_web::test]
async fn ch_138_the_token_ends_with_the_call() {
    let stage = Stage::start().await;
    stage.service.reads("Condition?patient=ann");
    let body = stage.fired("patient-view").await;
    assert_eq!(stage.service.last().read, Some(200), "while the call lasts");
    let token = leave(&body)["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(stage.fhir("Condition?patient=ann", &token).await.0, 401);
}
