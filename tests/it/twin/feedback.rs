//! Feedback: what is sent, and what is not.

use super::stage::{CARD, SUGGESTION, Stage, card};
use serde_json::{Value, json};

async fn shown(changes: Value) -> Stage {
    let stage = Stage::start().await;
    stage.service.shows(changes);
    stage.fire("patient-view").await;
    stage
}

fn reasons() -> Value {
    json!({"overrideReasons": [{"code": "r", "system": "http://example.org", "display": "Not now"}]})
}

async fn dismiss(stage: &Stage, body: Value) -> Value {
    stage.post(&format!("/control/cards/{CARD}/dismiss"), body).await
}

fn entries(stage: &Stage) -> Vec<Value> {
    let all = stage.service.feedback().into_iter();
    all.flat_map(|one| one.body["feedback"].as_array().expect("an array").clone()).collect()
}

#[actix_web::test]
async fn ch_221_222_223_224_225_226_an_accepted_suggestion_is_reported_by_its_id() {
    let stage = shown(json!({})).await;
    assert_eq!(stage.accept().await.0, 200);
    let feedback = stage.service.feedback();
    assert_eq!(feedback[0].path, "/a/b/cds-services/patient-view/feedback");
    let all = entries(&stage);
    let [entry] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((&entry["card"], &entry["outcome"]), (&json!(CARD), &json!("accepted")));
    assert_eq!(entry["acceptedSuggestions"], json!([{"id": SUGGESTION}]));
    let at = regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$").expect("a pattern");
    assert!(at.is_match(entry["outcomeTimestamp"].as_str().expect("a time")));
}

#[actix_web::test]
async fn ch_227_228_229_a_reason_and_a_comment_are_sent_and_nothing_empty() {
    for (body, expected) in [
        (json!({"reason": "r"}), json!({"reason": {"code": "r", "system": "http://example.org"}})),
        (json!({"comment": " later "}), json!({"userComment": "later"})),
        (
            json!({"reason": "r", "comment": "later"}),
            json!({"reason": {"code": "r", "system": "http://example.org"}, "userComment": "later"}),
        ),
        (json!({"comment": "  "}), Value::Null),
        (json!({}), Value::Null),
    ] {
        let stage = shown(reasons()).await;
        dismiss(&stage, body).await;
        assert_eq!(
            (&entries(&stage)[0]["outcome"], &entries(&stage)[0]["overrideReason"]),
            (&json!("overridden"), &expected)
        );
    }
}

#[actix_web::test]
async fn ch_230_cards_and_suggestions_without_uuid_are_not_reported() {
    let mut nameless = card(json!({}));
    nameless.as_object_mut().expect("an object").remove("uuid");
    let mut half = card(json!({}));
    half["suggestions"][0].as_object_mut().expect("an object").remove("uuid");
    for one in [nameless, half] {
        let stage = Stage::start().await;
        stage.service.answers(200, json!({"cards": [one]}));
        stage.fire("patient-view").await;
        let cards = stage.get("/control/cards").await;
        let key = cards[0]["card"]["key"].as_str().expect("a key");
        let said = stage.post(&format!("/control/cards/{key}/accept"), json!({"suggestion": "0"})).await;
        assert_eq!(said["feedback"], "none");
        assert!(stage.service.feedback().is_empty());
    }
}

#[actix_web::test]
async fn ch_231_a_card_that_is_ignored_is_not_reported() {
    let stage = shown(json!({})).await;
    stage.put("/control/desk", json!({"patient": "bob"})).await;
    stage.fire("patient-view").await;
    assert!(stage.service.feedback().is_empty());
}

#[actix_web::test]
async fn ch_232_each_decision_is_reported() {
    let stage = Stage::start().await;
    let other = "5b0f6a0e-1a4f-4d0e-9b7c-3d2a1c5e7f01";
    stage.service.answers(200, json!({"cards": [card(json!({})), card(json!({"uuid": other}))]}));
    stage.fire("patient-view").await;
    stage.accept().await;
    stage.post(&format!("/control/cards/{other}/dismiss"), json!({})).await;
    let outcomes: Vec<Value> = entries(&stage).iter().map(|entry| entry["outcome"].clone()).collect();
    assert_eq!(outcomes, [json!("accepted"), json!("overridden")]);
}

#[actix_web::test]
async fn ch_233_feedback_is_signed_for_its_own_address() {
    let stage = shown(json!({})).await;
    dismiss(&stage, json!({})).await;
    let feedback = stage.service.feedback().remove(0);
    let audience = format!("{}/cds-services/patient-view/feedback", stage.service.base);
    super::trust::verified(&stage, feedback.token(), &audience).await;
}
