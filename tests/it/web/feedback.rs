//! `POST /cds-services/{id}/feedback`.

use super::app::{Answer, TestApp};
use serde_json::{Value, json};
use sqlx::{AnyPool, Row};

const PATH: &str = "/cds-services/early-detection/feedback";
const CARD: &str = "6c5d3f0e-8b0f-4a52-9d57-3f1b7a0a9e21";
const SUGGESTION: &str = "f2b6a2de-53e5-4fb0-b1fb-7a0a1d3c5b10";

fn accepted() -> Value {
    json!({"card": CARD, "outcome": "accepted", "acceptedSuggestions": [{"id": SUGGESTION}],
           "outcomeTimestamp": "2026-05-04T08:15:30.120Z"})
}

fn overridden() -> Value {
    json!({"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-05-04T08:16:00Z",
           "overrideReason": {"reason": {"system": "http://x.example", "code": "limited-time"},
                              "userComment": "ZEBEDIAH QUILLFEATHER declined"}})
}

async fn post(app: &TestApp, entries: &[Value]) -> Answer {
    app.post(PATH, json!({"feedback": entries}).to_string()).await
}

async fn rows(database: &AnyPool) -> i64 {
    let counted = sqlx::query("select count(*) as found from feedback").fetch_one(database).await;
    counted.expect("a count").get("found")
}

#[actix_web::test]
async fn feedback_is_stored_before_it_is_answered() {
    let app = TestApp::start().await;
    let database = app.database().await;
    let answer = post(&app, &[accepted(), overridden()]).await;
    assert_eq!((answer.status, rows(&database).await), (200, 2), "{}", answer.text());
    let row = sqlx::query("select * from feedback where outcome = 'overridden'").fetch_one(&database).await;
    let row = row.expect("the row");
    assert_eq!(row.get::<String, _>("override_code"), "limited-time");
    assert_eq!((row.get::<i64, _>("has_comment"), row.get::<i64, _>("known_card")), (1, 0));
}

#[actix_web::test]
async fn a_repeated_delivery_adds_nothing() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        assert_eq!(post(&app, &[accepted()]).await.status, 200);
    }
    assert_eq!(rows(&app.database().await).await, 1);
}

#[actix_web::test]
async fn a_refused_batch_leaves_no_row_and_names_the_member() {
    let app = TestApp::start().await;
    let mut without_time = overridden();
    without_time.as_object_mut().expect("an object").remove("outcomeTimestamp");
    let issue = post(&app, &[accepted(), without_time]).await.refuses_with(400, "invalid-request");
    assert_eq!(issue["expression"][0], "feedback[1].outcomeTimestamp");
    assert_eq!(issue["code"], "required");
    assert_eq!(rows(&app.database().await).await, 0);
}

#[actix_web::test]
async fn feedback_for_an_unknown_service_is_refused() {
    let app = TestApp::start().await;
    let answer = app.post("/cds-services/nothing/feedback", json!({"feedback": [accepted()]}).to_string()).await;
    answer.refuses_with(404, "unknown-service");
}

#[actix_web::test]
async fn a_comment_is_not_kept() {
    let app = TestApp::start().await;
    assert_eq!(post(&app, &[overridden()]).await.status, 200);
    let everything = app.database.everything().await;
    assert!(everything.contains("limited-time") && !everything.contains("QUILLFEATHER"), "{everything}");
}

#[actix_web::test]
async fn the_spelling_of_epic_is_taken_and_counted() {
    let app = TestApp::start().await;
    let mut entry = overridden();
    let reason = entry.as_object_mut().expect("an object").remove("overrideReason").expect("a reason");
    entry["overrideReasons"] = reason;
    assert_eq!(post(&app, &[entry]).await.status, 200);
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains(r#"prodrome_repairs_total{kind="feedback-spelling",client="anonymous"}"#), "{metrics}");
}
