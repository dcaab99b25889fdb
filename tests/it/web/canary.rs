//! A planted name and id must never show up in logs, metrics or the database, whatever the call.

use super::app::TestApp;
use super::charts::{PATIENT, chart, resources};
use super::logs;
use crate::trust::ehr::Ehr;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Unmistakable, and nowhere else in this repository's tests.
const NAME: &str = "ZEBEDIAHQUILLFEATHER";
const ID: &str = "canary-7f3a9e";
/// An access token that nobody else has.
const TOKEN: &str = "canary-access-51c08e7d";

/// A FHIR server that gives one answer, and what it was asked.
struct FhirServer {
    base: String,
    asked: Arc<Mutex<String>>,
}

impl FhirServer {
    fn start(answer: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}/fhir", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(String::new()));
        let seen = asked.clone();
        std::thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                let mut request = [0; 8192];
                let Ok(length) = socket.read(&mut request) else { continue };
                seen.lock().expect("no panic").push_str(&String::from_utf8_lossy(&request[..length]));
                let (body, head) = (answer.to_string(), "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ");
                // The other side may hang up at any time.
                drop(write!(socket, "{head}{}\r\n\r\n{body}", body.len()));
            }
        });
        Self { base, asked }
    }

    fn saw(&self, word: &str) -> bool {
        self.asked.lock().expect("no panic").contains(word)
    }
}

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

/// Logs, metrics and every file of the database, with the name of each place.
async fn everything_kept(app: &TestApp) -> [(&'static str, String); 3] {
    let (logs, metrics) = (logs::read(), app.get("/metrics").await.text());
    app.running.close_database().await;
    let written = app.database.everything().await;
    assert!(written.contains("9b7d4c1e-0000-4000-8000-5d2f6f0e1a11"), "nothing was written");
    [("logs", logs), ("metrics", metrics), ("database", written)]
}

/// None of these words stands in any place.
fn found_nowhere(places: &[(&str, String)], planted: &[&str]) {
    for (place, text) in places {
        for planted in planted {
            if let Some(at) = text.find(planted) {
                let around: String = text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("`{planted}` is in the {place}, after: {around}");
            }
        }
    }
}

#[actix_web::test]
async fn ch_276_a_planted_name_and_id_reach_no_log_no_metric_and_no_row() {
    let app = TestApp::start().await;
    make_calls(&app).await;
    let places = everything_kept(&app).await;
    let [(_, logs), (_, metrics), _] = &places;
    assert!(logs.contains("hook answered") && logs.contains("call refused"), "nothing was logged");
    assert!(metrics.contains("prodrome_hook_calls_total"), "nothing was counted");
    found_nowhere(&places, &[NAME, ID]);
}

#[actix_web::test]
async fn ch_142_an_access_token_is_forgotten_once_the_answer_is_sent() {
    let fhir = FhirServer::start(json!({"resourceType": "Bundle", "type": "searchset"}));
    let client = Ehr::es384().with(&format!("fhir_servers = [\"{}\"]", fhir.base));
    let app = TestApp::builder().setting("CDS_CLIENT", &format!("[{}]", client.in_file())).start().await;
    for server in [&*fhir.base, "http://127.0.0.1:9/fhir"] {
        let mut body = call(json!({"patient": resources()[0]}));
        body["context"]["patientId"] = PATIENT.into();
        body["fhirServer"] = server.into();
        body["fhirAuthorization"] = json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60,
            "scope": "patient/*.rs", "subject": "s", "patient": PATIENT});
        let answer = app.post("/cds-services/early-detection", body.to_string()).await;
        assert!(answer.status == 200 && !answer.text().contains(TOKEN), "{}", answer.text());
    }
    assert!(fhir.saw(TOKEN), "the token was never used");
    found_nowhere(&everything_kept(&app).await, &[TOKEN]);
}
