//! Two servers on one database, as behind a load balancer.

use super::app::{Answer, TestApp, send_to};
use super::charts::one_bundle;
use super::process::{Served, prodrome};
use crate::database::TestDatabase;
use crate::shipped_model::{END, call, charts};
use serde_json::{Value, json};
use sqlx::Row;
use std::path::Path;
use std::time::Duration;

const PATH: &str = "/cds-services/early-detection";

/// A process that serves what the repository ships, on this database.
fn replica(database: &TestDatabase) -> (Served, String) {
    let environment = [
        ("PRODROME__SERVER__MODE", "development"),
        ("PRODROME__DATABASE__URL", database.url()),
        ("PRODROME__ENGINE__DEADLINE", "60 s"),
    ];
    let (served, address) = Served::start(prodrome(Path::new(env!("CARGO_MANIFEST_DIR")), &environment));
    (served, format!("http://{address}"))
}

async fn ready(replica: &str) {
    for _ in 0..600 {
        if send_to("GET", &format!("{replica}/readyz"), &[], vec![]).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{replica} does not become ready");
}

async fn post(replica: &str, path: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    send_to("POST", &format!("{replica}{path}"), &headers, body.to_string().into_bytes()).await
}

/// The first chart of the demo that the replica has a card for: the call, and its cards.
async fn call_with_cards(replica: &str) -> (Value, Vec<Value>) {
    for chart in charts() {
        let body = call(&chart, END.0);
        let answer = post(replica, PATH, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cards = answer.json()["cards"].as_array().expect("cards").clone();
        if !cards.is_empty() {
            return (body, cards);
        }
    }
    panic!("no chart of the demo gives a card");
}

/// The uuids of the cards. The rest of an answer names the second in which it was given.
fn uuids(answer: &Answer) -> Vec<String> {
    let cards = answer.json()["cards"].as_array().expect("cards").clone();
    cards.iter().map(|card| card["uuid"].as_str().expect("a uuid").to_owned()).collect()
}

#[actix_web::test]
async fn one_call_that_reaches_both_at_once_is_one_set_of_cards_and_two_answers() {
    let first = TestApp::start().await;
    let second = TestApp::builder().sharing(&first).start().await;
    let database = first.database().await;
    let count = async |table: &str| {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) as found from {table}"));
        sqlx::query(sql).fetch_one(&database).await.expect("a count").get::<i64, _>("found")
    };
    let (mut cards, mut answers) = (0, 0);
    for instance in 1..=8 {
        let body = super::charts::call(&format!("d1577c69-dfbe-44ad-ba6d-{instance:012}"), one_bundle());
        let (one, other) = tokio::join!(first.post(PATH, body.to_string()), second.post(PATH, body.to_string()));
        assert_eq!((one.status, other.status), (200, 200));
        assert_eq!(uuids(&one), uuids(&other));
        cards += uuids(&one).len() as i64;
        answers += 2;
    }
    assert!(cards > 0);
    assert_eq!((count("card").await, count("audit").await), (cards, answers));
}

/// The processes start together on an empty database.
#[actix_web::test]
async fn feedback_that_reaches_the_second_process_knows_the_card_that_the_first_one_showed() {
    let database = TestDatabase::fresh();
    let ((_one, first), (_two, second)) = (replica(&database), replica(&database));
    ready(&first).await;
    ready(&second).await;
    let (body, cards) = call_with_cards(&first).await;
    let entry = json!({"card": cards[0]["uuid"], "outcome": "accepted", "outcomeTimestamp": "2026-05-04T08:15:30Z",
                       "acceptedSuggestions": [{"id": cards[0]["suggestions"][0]["uuid"]}]});
    let batch = json!({"feedback": [entry]});
    for replica in [&second, &first] {
        assert_eq!(post(replica, &format!("{PATH}/feedback"), &batch).await.status, 200);
    }
    let reader = database.connect().await;
    let feedback = sqlx::query("select known_card, outcome from feedback").fetch_all(&reader).await.expect("rows");
    assert_eq!(feedback.len(), 1, "a delivery repeated to the other process added a row");
    assert_eq!((feedback[0].get::<i64, _>("known_card"), feedback[0].get("outcome")), (1, "accepted".to_string()));

    // The same call to the other process shows the same cards, and both answers stand in one audit.
    assert_eq!(post(&second, PATH, &body).await.json()["cards"], Value::Array(cards.clone()));
    let uuids: Vec<&Value> = cards.iter().map(|card| &card["uuid"]).collect();
    let uuids = serde_json::to_string(&uuids).expect("JSON");
    let answers = sqlx::query("select count(*) as found from audit where cards = $1").bind(uuids);
    assert_eq!(answers.fetch_one(&reader).await.expect("a count").get::<i64, _>("found"), 2);
}
