//! Faults that a service should stand, seen from the service.

use super::stage::Stage;
use serde_json::json;
use std::time::{Duration, Instant};

async fn failing(faults: serde_json::Value) -> (Stage, serde_json::Value) {
    let stage = Stage::start().await;
    let entry = json!({"id": "a", "hook": "patient-view", "description": "d", "prefetch": {"patient": "Patient/{{context.patientId}}"}});
    stage.service.lists(json!([entry]));
    stage.switch(json!({"revokes_tokens": false})).await;
    stage.put("/control/faults", faults).await;
    let body = stage.fired("patient-view").await;
    (stage, body)
}

#[actix_web::test]
async fn a_failing_fhir_server_answers_errors_and_prefetch_says_so() {
    let (stage, body) = failing(json!({"fhir": {"failing": {"status": 503}}})).await;
    assert_eq!(body["prefetch"]["patient"]["resourceType"], "OperationOutcome");
    let token = body["fhirAuthorization"]["access_token"].as_str().expect("a token");
    assert_eq!(stage.fhir("Patient/ann", token).await.0, 503);
    stage.put("/control/faults", json!({})).await;
    assert_eq!(stage.fhir("Patient/ann", token).await.0, 200);
}

#[actix_web::test]
async fn a_slow_fhir_server_answers_late_and_is_not_waited_for() {
    let (stage, body) = failing(json!({"fhir": {"slow": {"millis": 300}}})).await;
    assert!(body.get("prefetch").is_none());
    let token = body["fhirAuthorization"]["access_token"].as_str().expect("a token");
    let start = Instant::now();
    assert_eq!(stage.fhir("Patient/ann", token).await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[actix_web::test]
async fn a_half_open_fhir_server_begins_an_answer_and_never_ends_it() {
    let (stage, body) = failing(json!({"fhir": "half-open"})).await;
    let token = body["fhirAuthorization"]["access_token"].as_str().expect("a token");
    let client = awc::Client::default();
    let mut answer =
        client.get(format!("{}/fhir/Patient/ann", stage.page)).bearer_auth(token).send().await.expect("the beginning");
    assert_eq!(answer.status(), 200);
    let rest = tokio::time::timeout(Duration::from_millis(300), answer.body()).await;
    assert!(rest.is_err(), "the answer ended");
}

#[actix_web::test]
async fn prefetch_may_be_withheld() {
    let (_, body) = failing(json!({"prefetch_withheld": true})).await;
    assert!(body.get("prefetch").is_none() && body["fhirAuthorization"].is_object());
}

#[actix_web::test]
async fn the_token_for_the_fhir_server_may_have_ended() {
    let (stage, body) = failing(json!({"expired_access_token": true})).await;
    let token = body["fhirAuthorization"]["access_token"].as_str().expect("a token");
    assert_eq!(stage.fhir("Patient/ann", token).await.0, 401);
}

#[actix_web::test]
async fn the_token_of_the_call_may_have_ended() {
    let (stage, _) = failing(json!({"expired_call_token": true})).await;
    let call = stage.service.last();
    let audience = format!("{}/cds-services/a", stage.service.base);
    let (_, claims) = super::trust::verified(&stage, call.token(), &audience).await;
    let now = prodrome::platform::clock::now().as_second();
    assert!(claims["exp"].as_i64().expect("a time") < now - 3000, "{claims}");
}

#[actix_web::test]
async fn draft_orders_may_be_withheld() {
    let stage = Stage::start().await;
    stage.drug("a").await;
    stage.put("/control/faults", json!({"draft_orders_withheld": true})).await;
    let body = stage.fired("order-select").await;
    assert!(body["context"].get("draftOrders").is_none() && body["context"]["selections"].is_array(), "{body}");
}
