//! Prefetch as services receive it. How templates are read is tested where they are: `prodrome::sandbox_ehr::prefetch::tests`.

use super::stage::{Recorder, Stage};
use serde_json::{Value, json};

/// A stage whose service asks for these.
async fn asking(prefetch: Value) -> Stage {
    let stage = Stage::start().await;
    ask(&stage.service, prefetch);
    stage
}

fn ask(service: &Recorder, prefetch: Value) {
    service.lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "prefetch": prefetch}]));
}

fn usual() -> Value {
    json!({
        "patient": "Patient/{{context.patientId}}",
        "conditions": "Condition?patient={{context.patientId}}",
        "observations": "Observation?patient={{context.patientId}}&_sort=-date",
        "none": "Procedure?patient={{context.patientId}}",
        "visit": "Encounter/nowhere",
        "odd": "Condition?severity=x",
    })
}

#[actix_web::test]
async fn ch_093_an_ehr_may_send_no_prefetch_at_all() {
    let stage = asking(usual()).await;
    stage.switch(json!({"prefetch": false})).await;
    assert!(stage.fired("patient-view").await.get("prefetch").is_none());
}

#[actix_web::test]
async fn ch_094_a_value_is_what_the_fhir_server_answers_to_the_query() {
    let stage = asking(usual()).await;
    stage.switch(json!({"revokes_tokens": false})).await;
    let said = stage.fire("patient-view").await;
    let body = stage.service.last().body;
    let token = body["fhirAuthorization"]["access_token"].as_str().expect("a token");
    for filled in said["calls"][0]["prefetch"].as_array().expect("keys") {
        let (key, query) = (filled["key"].as_str().expect("a key"), filled["query"].as_str().expect("a query"));
        let Some(sent) = body["prefetch"].get(key) else { continue };
        let (status, mut answer) = stage.fhir(query, token).await;
        let mut sent = sent.clone();
        for value in [&mut answer, &mut sent] {
            value.as_object_mut().map(|members| members.remove("link"));
        }
        match status {
            404 => assert!(sent.is_null(), "{key}"),
            _ => assert_eq!(sent, answer, "{key}"),
        }
    }
    assert_eq!(body["prefetch"]["observations"]["entry"][0]["resource"]["id"], "ann-o2");
}

#[actix_web::test]
async fn ch_095_each_service_gets_its_own_keys_alone() {
    let stage = Stage::with_two().await;
    let second = stage.second.clone().expect("a second service");
    ask(&stage.service, json!({"one": "Patient/{{context.patientId}}"}));
    ask(&second, json!({"two": "Patient/{{context.patientId}}"}));
    stage.fire("patient-view").await;
    for (service, key) in [(&stage.service, "one"), (&second, "two")] {
        let body = service.last().body;
        assert_eq!(body["prefetch"].as_object().expect("prefetch").keys().collect::<Vec<_>>(), [key]);
    }
}

#[actix_web::test]
async fn ch_096_100_what_the_user_may_not_see_is_an_outcome_and_never_data() {
    let stage = asking(usual()).await;
    stage.switch(json!({"forbidden_types": ["Condition"]})).await;
    let body = stage.fired("patient-view").await;
    let refused = &body["prefetch"]["conditions"];
    assert_eq!(
        (&refused["resourceType"], &refused["issue"][0]["code"]),
        (&json!("OperationOutcome"), &json!("forbidden"))
    );
    assert!(!body["prefetch"].to_string().contains("ann-c"));
    assert_eq!(body["prefetch"]["patient"]["id"], "ann");
}

#[actix_web::test]
async fn ch_097_a_service_that_is_not_registered_gets_neither_prefetch_nor_token() {
    let stage = asking(usual()).await;
    stage.switch(json!({"registered": false})).await;
    let body = stage.fired("patient-view").await;
    assert!(body.get("prefetch").is_none() && body.get("fhirAuthorization").is_none(), "{body}");
}

#[actix_web::test]
async fn ch_098_099_a_key_that_cannot_be_filled_is_left_out_and_one_without_data_is_null_or_empty() {
    let stage = asking(usual()).await;
    let body = stage.fired("patient-view").await;
    let prefetch = body["prefetch"].as_object().expect("prefetch");
    assert!(!prefetch.contains_key("odd") && prefetch["visit"].is_null(), "{body}");
    assert_eq!((&prefetch["none"]["type"], &prefetch["none"]["total"]), (&json!("searchset"), &json!(0)));
    assert!(prefetch["none"].get("entry").is_none());
    stage.put("/control/faults", json!({"fhir": "half-open"})).await;
    let body = stage.fired("patient-view").await;
    assert!(body.get("prefetch").is_none(), "{body}");
}

#[actix_web::test]
async fn ch_111_searches_may_come_by_pages_that_the_fhir_server_continues() {
    let stage = asking(usual()).await;
    stage.switch(json!({"page_size": 1, "revokes_tokens": false})).await;
    let body = stage.fired("patient-view").await;
    let page = &body["prefetch"]["observations"];
    assert_eq!((page["entry"].as_array().map(Vec::len), &page["total"]), (Some(1), &json!(2)));
    let links = page["link"].as_array().expect("links").iter();
    let next =
        links.filter(|link| link["relation"] == "next").find_map(|link| link["url"].as_str()).expect("a next page");
    let token = body["fhirAuthorization"]["access_token"].as_str().expect("a token");
    let query = next.strip_prefix(&format!("{}/fhir/", stage.page)).expect("at the FHIR server");
    assert_eq!(stage.fhir(query, token).await.1["entry"][0]["resource"]["id"], "ann-o1");
}

#[actix_web::test]
async fn keys_that_only_left_out_values_have_send_no_prefetch() {
    let stage = asking(json!({"odd": "Condition?severity=x"})).await;
    assert!(stage.fired("patient-view").await.get("prefetch").is_none());
}
