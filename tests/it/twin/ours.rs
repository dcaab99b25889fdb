//! Our own server, called by the twin as each profile: every hook that it serves is answered, with cards that the EHR takes.

use super::stage::{Stage, twin_on};
use crate::web::app::TestApp;
use serde_json::{Value, json};
use std::net::TcpListener;

/// Typed in by hand on both sides: where our server is, is known only when it runs.
const AUDIENCE: &str = "urn:our:server";

/// Our server, which knows the twin as a client with these quirks, and the twin.
async fn ours(quirks: &str) -> (TestApp, Stage) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let page = format!("http://{}", listener.local_addr().expect("an address"));
    let client = format!(
        "[{{ name = \"twin\", issuer = \"{page}\", jwks_url = \"{page}/.well-known/jwks.json\", \
         fhir_servers = [\"{page}/fhir\"], quirks = \"{quirks}\", audiences = [\"{AUDIENCE}\"] }}]"
    );
    let services = concat!(env!("CARGO_MANIFEST_DIR"), "/cds-services");
    let app = TestApp::builder().setting("CDS_CLIENT", &client).setting("SERVICES__PATH", services).start().await;
    twin_on(listener, &app.url(""), |ehr| ehr);
    let stage = Stage { page, service: super::stage::Recorder::start(), second: None };
    stage.put("/control/desk", json!({"patient": "ann"})).await;
    stage.switch(json!({ "audience": AUDIENCE })).await;
    (app, stage)
}

async fn answered(stage: &Stage, profile: &str) -> usize {
    stage.put("/control/behavior", json!({"profile": profile, "switches": {"audience": AUDIENCE}})).await;
    stage.drug("metformin").await;
    let mut cards = 0;
    for hook in ["patient-view", "encounter-start", "encounter-discharge", "order-select", "order-sign"] {
        let said = stage.fire(hook).await;
        assert_eq!(said["problems"], json!([]), "{profile} {hook}");
        for call in said["calls"].as_array().expect("calls") {
            assert_eq!((&call["status"], &call["problems"]), (&json!(200), &json!([])), "{profile} {hook}: {said}");
            cards += call["cards"].as_array().map_or(0, Vec::len);
        }
    }
    cards
}

#[actix_web::test]
async fn each_profile_is_answered_with_cards_that_it_takes() {
    for (profile, quirks) in [("plain", "none"), ("epic", "epic"), ("oracle", "oracle"), ("inferno", "none")] {
        let (_app, stage) = ours(quirks).await;
        assert!(answered(&stage, profile).await > 0, "{profile}: no cards at all");
    }
}

#[actix_web::test]
async fn a_chart_is_read_back_as_each_profile_and_through_each_fault() {
    let (_app, stage) = ours("none").await;
    let with = stage.fire("patient-view").await["calls"][0]["cards"].as_array().map_or(0, Vec::len);
    stage.put("/control/faults", json!({"prefetch_withheld": true})).await;
    let back = stage.fire("patient-view").await;
    assert_eq!(back["calls"][0]["cards"].as_array().map_or(0, Vec::len), with, "{back}");
    for fhir in [json!({"failing": {"status": 503}}), json!({"slow": {"millis": 4000}}), json!("half-open")] {
        stage.put("/control/faults", json!({"fhir": fhir, "prefetch_withheld": true})).await;
        let start = std::time::Instant::now();
        let said = stage.fire("patient-view").await;
        let problem = said["calls"][0]["problems"][0].as_str().unwrap_or_default().to_owned();
        assert!(problem.contains("answered 412"), "{fhir}: {said}");
        assert!(start.elapsed() < std::time::Duration::from_millis(3500), "{fhir}: too late");
    }
    stage.put("/control/faults", json!({"expired_call_token": true})).await;
    let said = stage.fire("patient-view").await;
    assert!(said["calls"][0]["problems"][0].as_str().is_some_and(|why| why.contains("answered 401")), "{said}");
    stage.put("/control/faults", json!({"expired_access_token": true, "prefetch_withheld": true})).await;
    let said = stage.fire("patient-view").await;
    assert!(said["calls"][0]["problems"][0].as_str().is_some_and(|why| why.contains("answered 412")), "{said}");
    stage.put("/control/faults", Value::Object(Default::default())).await;
    assert_eq!(stage.fire("patient-view").await["calls"][0]["status"], 200);
}
