//! What outlives a process that is killed: feedback, and the uuids by which an EHR knows a card.

use super::http::exchange;
use super::process::Served;
use crate::database::TestDatabase;
use serde_json::{Value, json};
use sqlx::Row;
use std::path::Path;

const CALL: &str = "/cds-services/early-detection";
const FEEDBACK: &str = "/cds-services/early-detection/feedback";
const CARD: &str = "6c5d3f0e-8b0f-4a52-9d57-3f1b7a0a9e21";

/// Status and body of an answer to a posted body.
fn post(address: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let answer = exchange(address.parse().expect("an address"), (head + &body).into_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn entry(at: &str) -> Value {
    json!({"card": CARD, "outcome": "overridden", "outcomeTimestamp": at})
}

async fn rows(database: &TestDatabase) -> i64 {
    let database = database.connect().await;
    let counted = sqlx::query("select count(*) as found from feedback").fetch_one(&database).await.expect("a count");
    database.close().await;
    counted.get("found")
}

/// A call for a shipped patient of the demonstration who gets cards.
fn call() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/patients/ea00005.ndjson.zst");
    let text = zstd::decode_all(std::fs::File::open(file).expect("a patient")).expect("zstd");
    let lines = std::str::from_utf8(&text).expect("text").lines();
    let resources: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let patient = resources.iter().find(|one| one["resourceType"] == "Patient").expect("a Patient")["id"].clone();
    let entries: Vec<Value> = resources.into_iter().map(|resource| json!({"resource": resource})).collect();
    json!({"hook": "patient-view", "hookInstance": "0b8c3a60-5d5e-4b0c-9d57-1f6f0f6f7c11",
           "context": {"userId": "Practitioner/p", "patientId": patient},
           "extension": {"org.prodrome.as-of": "2026-01-01T23:59:59Z"},
           "prefetch": {"everything": {"resourceType": "Bundle", "type": "collection", "entry": entries}}})
}

/// The uuids of cards and suggestions that a call gets.
fn uuids(address: &str, request: &Value) -> Vec<Value> {
    let (_, answer) = post(address, CALL, request);
    let cards = answer["cards"].as_array().cloned().unwrap_or_default();
    let mut uuids = Vec::new();
    for card in cards {
        uuids.push(card["uuid"].clone());
        uuids.extend(card["suggestions"].as_array().into_iter().flatten().map(|one| one["uuid"].clone()));
    }
    uuids
}

#[actix_web::test]
async fn feedback_that_was_answered_outlives_a_kill_and_uuids_outlive_the_process() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), TestDatabase::fresh());
    let (mut served, address) = Served::ready(folder.path(), &database);
    let request = call();
    let first = uuids(&address, &request);
    assert!(!first.is_empty() && first.iter().all(Value::is_string), "{first:?}");
    let batch = json!({"feedback": [entry("2026-05-04T08:15:30Z"), entry("2026-05-04T08:16:30Z")]});
    let (status, _) = post(&address, FEEDBACK, &batch);
    served.kill();
    assert_eq!((status, rows(&database).await), (200, 2));

    let (mut again, address) = Served::ready(folder.path(), &database);
    assert_eq!(uuids(&address, &request), first, "after a restart");
    let refused = json!({"feedback": [entry("2026-05-04T08:17:30Z"), {"card": CARD}]});
    assert_eq!(post(&address, FEEDBACK, &refused).0, 400);
    assert_eq!(post(&address, FEEDBACK, &batch).0, 200);

    let (elsewhere, own) = (tempfile::tempdir().expect("a folder"), TestDatabase::fresh());
    let (_beside, other) = Served::ready(elsewhere.path(), &own);
    assert_eq!(uuids(&other, &request), first, "from a process beside it, with a database of its own");
    again.kill();
    assert_eq!(rows(&database).await, 2, "a refused batch left a row, or a repeated one added some");
}
