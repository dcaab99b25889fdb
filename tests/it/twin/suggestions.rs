//! Accepted suggestions and the drafts that they change.

use super::stage::{CARD, SUGGESTION, Stage};
use serde_json::{Value, json};

/// A stage with one drug among the drafts, and a card that suggests these actions.
async fn suggesting(actions: Value, more: Value) -> (Stage, String) {
    let stage = Stage::start().await;
    let drug = stage.drug("ibuprofen").await;
    let mut suggestion = json!({"label": "do", "uuid": SUGGESTION, "actions": actions});
    for (name, value) in more.as_object().expect("members") {
        suggestion[name] = value.clone();
    }
    let text = json!({"suggestions": [suggestion]}).to_string().replace("MedicationRequest/IT", &drug);
    stage.service.shows(
        serde_json::from_str(&text.replace("\"IT\"", &json!(drug.split_once('/').expect("an id").1).to_string()))
            .expect("JSON"),
    );
    stage.fire("order-sign").await;
    (stage, drug)
}

fn create(kind: &str) -> Value {
    json!({"type": "create", "description": "c", "resource": {"resourceType": kind, "id": "n1", "code": {"text": "x"}}})
}

fn update() -> Value {
    json!({"type": "update", "description": "u", "resource": {"resourceType": "MedicationRequest", "id": "IT", "status": "draft", "intent": "order",
        "subject": {"reference": "Patient/ann"}, "medicationCodeableConcept": {"text": "paracetamol"}}})
}

fn delete() -> Value {
    json!({"type": "delete", "description": "d", "resourceId": "MedicationRequest/IT"})
}

fn names(drafts: &[Value]) -> Vec<&str> {
    drafts.iter().map(|draft| draft["resourceType"].as_str().expect("a type")).collect()
}

#[actix_web::test]
async fn ch_188_all_actions_are_done_together() {
    let (stage, _) = suggesting(json!([create("ServiceRequest"), create("Condition"), update()]), json!({})).await;
    let (status, said) = stage.accept().await;
    assert_eq!((status, said["applied"].as_array().map(Vec::len)), (200, Some(3)), "{said}");
    let drafts = stage.drafts().await;
    assert_eq!(names(&drafts), ["MedicationRequest", "ServiceRequest", "Condition"]);
    assert_eq!(drafts[0]["medicationCodeableConcept"]["text"], "paracetamol");
}

#[actix_web::test]
async fn ch_189_actions_are_a_transaction_deletes_creates_updates() {
    let (stage, kept) = suggesting(json!([]), json!({})).await;
    let gone = stage.drug("warfarin").await;
    let remove = json!({"type": "delete", "description": "d", "resourceId": gone});
    let mut change = update();
    change["resource"]["id"] = kept.split_once('/').expect("an id").1.into();
    let suggestion = json!({"label": "do", "uuid": SUGGESTION, "actions": [change, create("ServiceRequest"), remove]});
    stage.service.shows(json!({"suggestions": [suggestion]}));
    stage.fire("order-sign").await;
    let (_, said) = stage.accept().await;
    let order: Vec<&Value> = said["applied"].as_array().expect("changes").iter().map(|one| &one["action"]).collect();
    assert_eq!(order, ["delete", "create", "update"]);
}

#[actix_web::test]
async fn an_action_that_cannot_be_done_lets_none_be_done() {
    for bad in [
        json!({"type": "delete", "resourceId": "Condition/nowhere"}),
        json!({"type": "patch"}),
        json!({"type": "create"}),
    ] {
        let (stage, _) = suggesting(json!([create("ServiceRequest"), bad]), json!({})).await;
        assert_eq!(stage.accept().await.0, 400, "{bad}");
        assert_eq!(names(&stage.drafts().await), ["MedicationRequest"]);
        assert!(stage.service.feedback().is_empty());
    }
}

#[actix_web::test]
async fn ch_190_references_to_what_is_created_follow_its_new_id() {
    let mut referring = create("Condition");
    referring["resource"]["id"] = "n2".into();
    referring["resource"]["evidence"] = json!([{"detail": [{"reference": "ServiceRequest/n1"}]}]);
    let (stage, _) = suggesting(json!([referring, create("ServiceRequest")]), json!({})).await;
    stage.accept().await;
    let drafts = stage.drafts().await;
    let find = |kind: &str| drafts.iter().find(|draft| draft["resourceType"] == kind).expect("created");
    let id = find("ServiceRequest")["id"].as_str().expect("an id");
    assert_ne!(id, "n1");
    assert_eq!(find("Condition")["evidence"][0]["detail"][0]["reference"], format!("ServiceRequest/{id}"));
}

#[actix_web::test]
async fn ch_191_what_is_recommended_stands_out() {
    for (recommended, class) in [(true, "class=\"suggest primary\""), (false, "class=\"suggest\"")] {
        let stage = Stage::start().await;
        let suggestion = json!({"label": "do", "uuid": SUGGESTION, "isRecommended": recommended});
        stage.service.shows(json!({"suggestions": [suggestion]}));
        let (_, drawn) = stage.form("/patients/ann/open", &[]).await;
        assert!(drawn.contains(class), "{drawn}");
    }
}

#[actix_web::test]
async fn ch_192_an_unknown_action_selection_is_refused_as_a_whole_and_known_ones_hold() {
    let path = format!("/control/cards/{CARD}/accept");
    for (behavior, actions, status, left) in [
        (json!("pick-two"), Value::Null, 400, 1),
        (json!("all"), json!([0]), 400, 1),
        (json!("any"), json!([1]), 200, 2),
        (json!("any"), json!([7]), 400, 1),
        (json!("at-most-one"), json!([0]), 200, 2),
        (json!("at-most-one"), json!([0, 1]), 400, 1),
        (json!("at-most-one"), Value::Null, 400, 1),
    ] {
        let more = json!({"actionSelectionBehavior": behavior});
        let (stage, _) = suggesting(json!([create("ServiceRequest"), create("Condition")]), more).await;
        let mut body = json!({"suggestion": SUGGESTION});
        if !actions.is_null() {
            body["actions"] = actions.clone();
        }
        assert_eq!(stage.send("POST", &path, Some(body)).await.0, status, "{behavior} {actions}");
        assert_eq!(stage.drafts().await.len(), left, "{behavior} {actions}");
    }
}

#[actix_web::test]
async fn ch_201_a_delete_of_older_services_is_understood() {
    let (stage, _) = suggesting(json!([{"type": "delete", "resource": "MedicationRequest/IT"}]), json!({})).await;
    assert_eq!(stage.accept().await.0, 200);
    assert!(stage.drafts().await.is_empty());
    let (stage, _) = suggesting(json!([delete()]), json!({})).await;
    assert_eq!(stage.accept().await.0, 200);
    assert!(stage.drafts().await.is_empty());
}

#[actix_web::test]
async fn ch_203_a_draft_that_was_changed_meanwhile_is_not_overwritten() {
    let (stage, drug) = suggesting(json!([update()]), json!({})).await;
    let changed = json!({"medicationCodeableConcept": {"text": "naproxen"}});
    stage.done("PUT", &format!("/control/drafts/{drug}"), Some(changed)).await;
    assert_eq!(stage.accept().await.0, 409);
    assert_eq!(stage.drafts().await[0]["medicationCodeableConcept"]["text"], "naproxen");
}

#[actix_web::test]
async fn ch_204_system_actions_are_done_where_the_ehr_lets_them() {
    for (setting, text) in [("ignored", "ibuprofen"), ("service-requests", "ibuprofen"), ("applied", "paracetamol")] {
        let stage = Stage::start().await;
        let drug = stage.drug("ibuprofen").await;
        let mut action = update();
        action["resource"]["id"] = drug.split_once('/').expect("an id").1.into();
        stage.service.answers(200, json!({"cards": [], "systemActions": [action]}));
        stage.switch(json!({"system_actions": setting})).await;
        stage.fire("order-sign").await;
        assert_eq!(stage.drafts().await[0]["medicationCodeableConcept"]["text"], text, "{setting}");
    }
}
