//! Orders, discharges and admissions: the hooks beyond patient-view.

use super::app::{Answer, TestApp};
use super::charts::{PATIENT, one_bundle};
use serde_json::{Value, json};
use sqlx::Row;

const OUTLOOK: &str = "/cds-services/order-outlook";
const INSTANCE: &str = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea";

fn drug(id: &str, display: &str) -> Value {
    json!({"resourceType": "MedicationRequest", "id": id, "status": "draft", "intent": "order",
           "subject": {"reference": format!("Patient/{PATIENT}")}, "_local": {"extension": [{"url": "urn:x", "valueDecimal": 1.50}]},
           "medicationCodeableConcept": {"coding": [{
               "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "849574", "display": display}]}})
}

fn bundle(resources: &[Value]) -> Value {
    let entries: Vec<Value> = resources.iter().map(|resource| json!({"resource": resource})).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

fn call(hook: &str, context: Value) -> Value {
    let mut whole = json!({"userId": "Practitioner/p", "patientId": format!("Patient/{PATIENT}")});
    whole.as_object_mut().expect("an object").extend(context.as_object().expect("an object").clone());
    json!({"hook": hook, "hookInstance": INSTANCE, "context": whole, "prefetch": one_bundle(),
           "extension": {"org.prodrome.as-of": "2027-01-01T09:00:00Z"}})
}

/// The call with creatinine and haemoglobin measured lately: a laboratory outcome needs a value to start from.
fn measured(mut body: Value) -> Value {
    let lately = "2026-12-01";
    let result = |id: &str, code: &str, value: f64, unit: &str| {
        json!({"resource": {"resourceType": "Observation", "id": id, "status": "final", "effectiveDateTime": lately,
           "subject": {"reference": format!("Patient/{PATIENT}")},
           "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
           "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}}})
    };
    let entries = body["prefetch"]["everything"]["entry"].as_array_mut().expect("entries");
    entries.push(result("lab-1", "2160-0", 1.2, "mg/dL"));
    entries.push(result("lab-2", "718-7", 13.1, "g/dL"));
    body
}

async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    app.post(path, body.to_string()).await
}

fn topics(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cards = answer.json()["cards"].as_array().expect("cards").clone();
    cards.iter().map(|card| card["source"]["topic"]["code"].as_str().expect("a code").to_owned()).collect()
}

#[actix_web::test]
async fn ch_067_a_drug_that_is_started_gets_a_card_of_what_followed_such_starts() {
    let app = TestApp::start().await;
    let naproxen = drug("d1", "Naproxen sodium 220 MG Oral Tablet");
    let body = measured(call("order-sign", json!({"draftOrders": bundle(std::slice::from_ref(&naproxen))})));
    let answer = post(&app, OUTLOOK, &body).await;
    let shown = topics(&answer);
    assert!((1..=3).contains(&shown.len()) && shown.contains(&"nsaidcreatinine90".into()), "{}", answer.text());
    assert!(shown.iter().all(|topic| topic.starts_with("nsaid")), "{shown:?}");
    for card in answer.json()["cards"].as_array().expect("cards") {
        let summary = card["summary"].as_str().expect("a summary");
        assert!(
            summary.starts_with("Patients like this who start an NSAID: ") && summary.chars().count() < 140,
            "{summary}"
        );
        assert!(card["detail"].as_str().is_some_and(|detail| detail.contains("association, not effect")));
        let assessment = &card["extension"]["org.prodrome.assessment"];
        assert_eq!(assessment["occasion"], "new-nsaid");
        assert!(assessment["risk"].is_f64() && assessment["baseline_risk"].is_f64(), "{assessment}");
        assert_eq!(card["suggestions"][0]["actions"][0]["type"], "create");
    }
}

#[actix_web::test]
async fn ch_197_ch_198_ch_202_the_note_goes_into_the_whole_draft_and_nothing_else_of_it_changes() {
    let app = TestApp::start().await;
    let naproxen = drug("d1", "Naproxen sodium 220 MG Oral Tablet");
    let body = measured(call("order-sign", json!({"draftOrders": bundle(std::slice::from_ref(&naproxen))})));
    let answer = post(&app, OUTLOOK, &body).await.json();
    let cards = answer["cards"].as_array().expect("cards").iter();
    let card = cards.into_iter().find(|card| card["source"]["topic"]["code"] == "nsaidcreatinine90").expect("a card");
    let actions = card["suggestions"][0]["actions"].as_array().expect("actions");
    let kinds: Vec<&str> = actions.iter().map(|action| action["type"].as_str().expect("a type")).collect();
    assert_eq!(kinds, ["create", "update"]);
    assert_eq!(actions[0]["resource"]["code"]["coding"][0]["code"], "2160-0");
    let mut changed = actions[1]["resource"].clone();
    let notes = changed.as_object_mut().expect("an object").remove("note").expect("a note");
    assert_eq!(changed.to_string(), naproxen.to_string());
    assert!(notes[0]["text"].as_str().is_some_and(|text| text.contains("monitoring")), "{notes}");
}

#[actix_web::test]
async fn ch_064_only_what_was_selected_is_spoken_of() {
    let app = TestApp::start().await;
    let orders = bundle(&[drug("d1", "Naproxen 220 MG"), drug("d2", "Warfarin Sodium 5 MG Oral Tablet")]);
    let select =
        |selections: Value| measured(call("order-select", json!({"selections": selections, "draftOrders": orders})));
    let chosen = topics(&post(&app, OUTLOOK, &select(json!(["MedicationRequest/d2"]))).await);
    assert!(!chosen.is_empty() && chosen.iter().all(|topic| topic.starts_with("anticoagulant")), "{chosen:?}");
    assert!(topics(&post(&app, OUTLOOK, &select(json!(["MedicationRequest/d9"]))).await).is_empty());
    let both = topics(&post(&app, OUTLOOK, &select(json!(["MedicationRequest/d1", "MedicationRequest/d2"]))).await);
    assert_eq!(both.len(), 3, "{both:?}");
}

#[actix_web::test]
async fn ch_082_deprecated_hooks_are_answered_like_their_successors() {
    let app = TestApp::start().await;
    let orders = bundle(&[drug("d1", "Naproxen 220 MG")]);
    let signed = topics(&post(&app, OUTLOOK, &measured(call("order-sign", json!({"draftOrders": orders})))).await);
    for (hook, member) in [("order-review", "orders"), ("medication-prescribe", "medications")] {
        let body = measured(call(hook, json!({member: orders})));
        assert_eq!(topics(&post(&app, OUTLOOK, &body).await), signed, "{hook}");
        let mut body = body;
        body["context"].as_object_mut().expect("an object").remove(member);
        let issue = post(&app, OUTLOOK, &body).await.refuses_with(400, "invalid-request");
        assert_eq!(issue["expression"][0], format!("context.{member}"));
    }
    let repairs = app.get("/metrics").await.text();
    assert!(repairs.contains(r#"prodrome_repairs_total{kind="deprecated-hook",client="anonymous"}"#), "{repairs}");
}

#[actix_web::test]
async fn a_pair_without_skill_is_asked_about_and_never_shown() {
    let app = TestApp::start().await;
    let body = measured(call("order-sign", json!({"draftOrders": bundle(&[drug("d1", "metformin 500 MG")])})));
    assert!(topics(&post(&app, OUTLOOK, &body).await).is_empty());
    let row = sqlx::query("select abstained, outcome from audit").fetch_one(&app.database().await).await.expect("one");
    assert!(row.get::<String, _>("abstained").contains(r#""reason":"no-skill""#));
    assert_eq!(row.get::<String, _>("outcome"), "no-cards");
}

#[actix_web::test]
async fn a_renewal_and_an_order_that_says_nothing_get_no_card() {
    let app = TestApp::start().await;
    let mut earlier = drug("m1", "Ibuprofen 200 MG");
    (earlier["status"], earlier["authoredOn"]) = ("active".into(), "2026-06-01".into());
    let mut renewal = measured(call("order-sign", json!({"draftOrders": bundle(&[drug("d1", "Naproxen 220 MG")])})));
    renewal["prefetch"]["medicationRequests"] = bundle(&[earlier]);
    assert!(topics(&post(&app, OUTLOOK, &renewal).await).is_empty());
    for orders in [
        bundle(&[]),
        bundle(&[json!({"resourceType": "MedicationRequest"}), json!(7), json!({"resourceType": "NutritionOrder"})]),
    ] {
        let body = measured(call("order-sign", json!({"draftOrders": orders})));
        assert!(topics(&post(&app, OUTLOOK, &body).await).is_empty());
    }
}

#[actix_web::test]
async fn ch_076_a_hospital_stay_that_ends_gets_one_card_of_admissions() {
    let app = TestApp::start().await;
    let path = "/cds-services/readmission-risk";
    let body = call("encounter-discharge", json!({"encounterId": "not-in-the-record"}));
    let shown = topics(&post(&app, path, &body).await);
    assert_eq!(shown.iter().filter(|topic| topic.contains("readmission")).count(), 1, "{shown:?}");
    let mut without = body;
    without["context"].as_object_mut().expect("an object").remove("encounterId");
    let issue = post(&app, path, &without).await.refuses_with(400, "invalid-request");
    assert_eq!(issue["expression"][0], "context.encounterId");
}

#[actix_web::test]
async fn ch_075_early_detection_also_speaks_at_the_start_of_an_encounter_and_at_the_address_of_3_0() {
    let app = TestApp::start().await;
    let body = call("encounter-start", json!({"encounterId": "e-1"}));
    let second = topics(&post(&app, "/cds-services/early-detection", &body).await);
    assert_eq!(second.len(), 3);
    assert_eq!(topics(&post(&app, "/v3/cds-services/early-detection", &body).await), second);
    post(&app, "/v3/cds-services/nothing", &body).await.refuses_with(404, "unknown-service");
    let feedback = app.post("/v3/cds-services/early-detection/feedback", r#"{"feedback":[]}"#).await;
    assert_eq!(feedback.status, 200);
}
