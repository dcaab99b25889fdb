//! Our own server, called by the twin as each profile: every hook that it serves is answered, with cards that the EHR takes.

use super::stage::{Stage, twin_on};
use crate::web::app::TestApp;
use serde_json::{Value, json};
use std::net::TcpListener;

/// Typed in by hand on both sides: where our server is, is known only when it runs.
const AUDIENCE: &str = "urn:our:server";

const TENANT: &str = "ec2458f2-1e24";

/// Our server, which knows the twin as a client with these quirks, and the twin.
async fn ours(quirks: &str) -> (TestApp, Stage) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let page = format!("http://{}", listener.local_addr().expect("an address"));
    let client = format!(
        "[{{ name = \"twin\", issuer = \"{page}\", jwks_url = \"{page}/.well-known/jwks.json\", \
         fhir_servers = [\"{page}/fhir\", \"{page}/fhir/{TENANT}\"], quirks = \"{quirks}\", audiences = [\"{AUDIENCE}\"] }}]"
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
        let calls = said["calls"].as_array().expect("calls");
        let fired = ["plain", "inferno"].contains(&profile) || hook == "patient-view";
        assert!(!calls.is_empty() || !fired, "{profile} {hook}: {said}");
        assert!(said["problems"] == json!([]) || calls.is_empty(), "{profile} {hook}: {said}");
        for call in calls {
            assert_eq!((&call["status"], &call["problems"]), (&json!(200), &json!([])), "{profile} {hook}: {said}");
            cards += call["cards"].as_array().map_or(0, Vec::len);
        }
    }
    cards
}

#[actix_web::test]
async fn each_profile_is_answered_with_cards_that_it_takes() {
    for (profile, quirks) in
        [("plain", "none"), ("epic", "epic"), ("oracle", "oracle"), ("inferno", "none"), ("public-sandbox", "none")]
    {
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

/// Every cards' topics that the services give for a hook, and nothing but good answers.
async fn topics(stage: &Stage, hook: &str, switches: &Value) -> Vec<String> {
    let said = stage.fire(hook).await;
    assert_eq!(said["problems"], json!([]), "{switches} {hook}");
    let mut topics = Vec::new();
    for call in said["calls"].as_array().expect("calls") {
        assert_eq!((&call["status"], &call["problems"]), (&json!(200), &json!([])), "{switches} {hook}: {said}");
        let cards = call["cards"].as_array().expect("cards").iter();
        topics.extend(cards.map(|card| card["source"]["topic"]["code"].as_str().expect("a topic").to_owned()));
    }
    assert!(!topics.is_empty(), "{switches} {hook}: no cards");
    topics
}

#[actix_web::test]
async fn each_habit_alone_is_answered_with_the_same_cards_as_none() {
    let (_app, stage) = ours("none").await;
    let naproxen = json!({"resourceType": "MedicationRequest", "medicationCodeableConcept": {"coding": [{
        "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "849574", "display": "Naproxen sodium 220 MG Oral Tablet"}]},
        "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1}}]}]});
    let mut plain = None;
    for switches in [
        json!({}),
        json!({"double_slash": true}),
        json!({"trailing_slash": true}),
        json!({"from_browser": true}),
        json!({"get_first": true}),
        json!({"gzip": true}),
        json!({"content_type": "application/fhir+json"}),
        json!({"content_type": "application/json;charset=UTF-8"}),
        json!({"accept": "application/json+fhir"}),
        json!({"clock_skew_seconds": 50}),
        json!({"clock_skew_seconds": -240}),
        json!({"nbf": true, "base64_kid": true, "signature": "RS384", "token_seconds": 900}),
        json!({"vendor_extension": true, "trigger_as_number": true}),
        json!({"unknown_context_member": true, "user_as_role": true, "in_encounter": true}),
        json!({"medications_beside_orders": true}),
        json!({"contained_medications": true}),
        json!({"order_id": "request-123", "order_category_as_object": true, "bundle_without_type": true}),
        json!({"absolute_references": true}),
        json!({"older_shapes": true, "local_codes_first": true, "several_drug_codes": true}),
        json!({"narrative_letters": 1_000_000}),
        json!({"tenant": TENANT}),
        json!({"tenant": TENANT, "prefetch": false}),
        json!({"vendor_scope": true, "names_patient": false, "prefetch": false}),
        json!({"page_size": 1}),
        json!({"page_size": 1, "getpages": true}),
        json!({"page_size": 1, "getpages": true, "prefetch": false}),
        json!({"empty_search": "null"}),
        json!({"empty_search": "outcome"}),
        json!({"unresolved_left_out": true, "joins_repeated_parameters": true}),
        json!({"access_token": false}),
        json!({"fhir_server": false}),
        json!({"shared_hook_instance": true}),
        json!({"html_detail": true, "strict_cards": true, "plain_topics": true}),
    ] {
        let mut all = switches.clone();
        all["audience"] = AUDIENCE.into();
        stage.put("/control/behavior", json!({"profile": "plain", "switches": all})).await;
        stage.draft(naproxen.clone()).await;
        let mut found = Vec::new();
        for hook in ["patient-view", "order-select", "order-sign"] {
            found.push(topics(&stage, hook, &switches).await);
        }
        assert_eq!(plain.get_or_insert_with(|| found.clone()), &found, "{switches}");
        for draft in stage.drafts().await {
            let name = format!("/control/drafts/MedicationRequest/{}", draft["id"].as_str().expect("an id"));
            stage.done("DELETE", &name, None).await;
        }
    }
}

/// What the cards and suggestions of an answer are called.
fn names(call: &Value) -> Vec<String> {
    let answer: Value = serde_json::from_str(call["response"]["body"].as_str().expect("a body")).expect("JSON");
    let cards = answer["cards"].as_array().expect("cards").iter();
    let named = cards.flat_map(|card| card["suggestions"].as_array().into_iter().flatten().chain([card]));
    named.map(|one| one["uuid"].as_str().expect("a uuid").to_owned()).collect()
}

#[actix_web::test]
async fn a_call_that_is_repeated_gets_the_same_cards_by_the_same_names() {
    let (_app, stage) = ours("none").await;
    stage.switch(json!({"repeats": true})).await;
    let said = stage.fire("patient-view").await;
    let uuid = said["calls"][0]["cards"][0]["uuid"].as_str().expect("a uuid").to_owned();
    let calls = stage.get("/control/exchanges?kind=call").await;
    let answers: Vec<Vec<String>> = calls.as_array().expect("calls").iter().map(names).collect();
    assert!(answers.len() == 2 && answers[0].contains(&uuid) && answers[0] == answers[1], "{answers:?}");
    let (status, said) = stage.send("POST", &format!("/control/cards/{uuid}/dismiss"), Some(json!({}))).await;
    assert_eq!((status, &said["feedback"]), (200, &json!(200)), "{said}");
}

#[actix_web::test]
async fn an_order_screen_on_which_nothing_was_chosen_gets_an_answer_without_cards() {
    let (_app, stage) = ours("none").await;
    let switches = json!({"audience": AUDIENCE});
    stage.put("/control/behavior", json!({"profile": "public-sandbox", "switches": switches})).await;
    let said = stage.fire("order-select").await;
    let [call] = said["calls"].as_array().expect("calls").as_slice() else { panic!("{said}") };
    assert_eq!((&call["status"], &call["cards"], &call["problems"]), (&json!(200), &json!([]), &json!([])));
}
