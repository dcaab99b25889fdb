//! A planted name and id must never show up in logs, metrics or the database, whatever the call.

use super::app::TestApp;
use super::charts::{chart, resources};
use super::logs;
use serde_json::{Value, json};

/// Unmistakable, and nowhere else in this repository's tests.
const NAME: &str = "ZEBEDIAHQUILLFEATHER";
const ID: &str = "canary-7f3a9e";

/// The chart with name and id planted wherever a chart may carry them.
fn planted() -> Value {
    let text = chart().to_string().replace("chart-1", ID);
    let mut bundle: Value = serde_json::from_str(&text).expect("JSON");
    for entry in bundle["entry"].as_array_mut().expect("entries") {
        let resource = &mut entry["resource"];
        resource["text"] = json!({"status": "generated", "div": format!("<div>{NAME}</div>")});
        resource["identifier"] = json!([{"system": "urn:mrn", "value": format!("{NAME}-{ID}")}]);
        if resource["code"]["coding"][0].is_object() {
            resource["code"]["text"] = NAME.into();
        }
    }
    bundle["entry"][0]["resource"]["name"] = json!([{"family": NAME, "given": [NAME]}]);
    bundle
}

fn call(prefetch: Value) -> Value {
    json!({"hook": "patient-view", "hookInstance": "9b7d4c1e-0000-4000-8000-5d2f6f0e1a11",
           "context": {"userId": format!("Practitioner/{NAME}"), "patientId": ID, "encounterId": format!("enc-{ID}")},
           "prefetch": prefetch})
}

/// Calls of every fate: answered, refused, broken, foreign, at addresses that hold the id.
async fn make_calls(app: &TestApp) {
    let path = "/cds-services/early-detection";
    let good = call(json!({"everything": planted()}));
    let mut foreign = resources()[0].clone();
    foreign["id"] = NAME.into();
    let broken_chart = json!({"patient": planted()["entry"][0]["resource"], "x": {"resourceType": NAME},
                              "y": {"resourceType": "Observation", "id": ID, "status": [NAME]}, NAME: foreign});
    let mut wrong_hook = good.clone();
    wrong_hook["hook"] = NAME.into();
    let mut wrong_id = good.clone();
    wrong_id["context"]["patientId"] = format!("{NAME}/{ID}").into();
    let bodies = [
        good.to_string(),
        good.to_string(),
        call(broken_chart).to_string(),
        call(json!({NAME: NAME})).to_string(),
        call(json!({})).to_string(),
        wrong_hook.to_string(),
        wrong_id.to_string(),
        good.to_string().split_at(900).0.to_string(),
        format!("\"{NAME}\""),
    ];
    for body in bodies {
        app.post(path, body).await;
    }
    app.post(&format!("/cds-services/{NAME}"), good.to_string()).await;
    app.get(&format!("/Patient/{ID}?name={NAME}")).await;
    app.send(&NAME[..8], "/healthz", &[("authorization", &format!("Bearer {NAME}")), ("referer", NAME)], vec![]).await;
    let feedback = json!({"card": "6c5d3f0e-8b0f-4a52-9d57-3f1b7a0a9e21", "outcome": "overridden",
        "outcomeTimestamp": "2026-05-04T08:15:41Z",
        "overrideReason": {"reason": {"system": format!("{NAME} {ID}"), "code": format!("{NAME} {ID}")},
                           "userComment": format!("{NAME} {ID}")}});
    app.post(&format!("{path}/feedback"), json!({"feedback": [feedback.clone()]}).to_string()).await;
    app.post(&format!("{path}/feedback"), json!({"feedback": [feedback, NAME]}).to_string()).await;
}

#[actix_web::test]
async fn a_planted_name_and_id_reach_no_log_no_metric_and_no_row() {
    let app = TestApp::start().await;
    make_calls(&app).await;
    let (logs, metrics) = (logs::read(), app.get("/metrics").await.text());
    assert!(logs.contains("hook answered") && logs.contains("call refused"), "nothing was logged");
    assert!(metrics.contains("prodrome_hook_calls_total"), "nothing was counted");
    app.running.close_database().await;
    let written = app.database.everything().await;
    assert!(written.contains("9b7d4c1e-0000-4000-8000-5d2f6f0e1a11"), "nothing was written");
    for (place, text) in [("logs", &logs), ("metrics", &metrics), ("database", &written)] {
        for planted in [NAME, ID] {
            if let Some(at) = text.find(planted) {
                let around: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("`{planted}` is in the {place}, after: {around}");
            }
        }
    }
}
