//! Hook calls whose data is read back with the token that the EHR gave, against the sandbox EHR's FHIR server.

use super::sandbox::{Sandbox, app_reading, cards, in_part, pointing_to, templates, whole_prefetch};
use crate::trust::ehr::CALL;
use crate::trust::key_server::{KeyServer, Publishes};
use crate::web::app::{Answer, TestApp};
use crate::web::charts::PATIENT;
use crate::web::logs;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::time::{Duration, Instant};

async fn asked(app: &TestApp, call: &Value) -> Answer {
    app.post(CALL, call.to_string()).await
}

fn detail(answer: &Answer) -> String {
    cards(answer)[0]["detail"].as_str().expect("a detail").to_owned()
}

#[actix_web::test]
async fn ch_110_a_call_without_prefetch_gives_the_cards_of_one_with_all_of_it() {
    let sandbox = Sandbox::start();
    let app = app_reading(&[&sandbox.fhir()]).await;
    let whole = asked(&app, &sandbox.call(whole_prefetch(&templates(&app).await), "not-a-token")).await;
    let back = asked(&app, &sandbox.call(json!({}), &sandbox.whole)).await;
    assert!(!cards(&whole).is_empty());
    assert_eq!(cards(&back), cards(&whole));
    assert!(!detail(&back).contains("Not sent"), "{}", detail(&back));
}

#[actix_web::test]
async fn ch_103_a_prefetch_in_part_is_completed_and_ch_111_a_first_page_is_read_to_its_end() {
    let sandbox = Sandbox::start();
    let app = app_reading(&[&sandbox.fhir()]).await;
    let all = whole_prefetch(&templates(&app).await);
    let whole = asked(&app, &sandbox.call(all.clone(), &sandbox.whole)).await;
    let mut part = all.clone();
    part.as_object_mut().expect("an object").remove("observations");
    let mut page = all;
    page["conditions"]["entry"].as_array_mut().expect("entries").truncate(20);
    page["conditions"]["link"] = json!([{"relation": "next", "url": format!("{}/Condition?page=2", sandbox.fhir())}]);
    for prefetch in [part, page] {
        assert_eq!(cards(&asked(&app, &sandbox.call(prefetch, &sandbox.whole)).await), cards(&whole));
    }
}

#[actix_web::test]
async fn ch_112_the_pages_after_a_first_one_are_read_with_the_token_and_the_first_is_kept() {
    let sandbox = Sandbox::start();
    let app = app_reading(&[&sandbox.fhir()]).await;
    let mut whole = whole_prefetch(&templates(&app).await);
    // Only the call brings it: were the key read again, it would be gone.
    let brought = json!({"resource": {"resourceType": "Condition", "id": "brought",
        "subject": {"reference": format!("Patient/{PATIENT}")}, "recordedDate": "2016-02-02",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "99999"}]}}});
    let entries = whole["conditions"]["entry"].as_array_mut().expect("entries");
    entries.insert(0, brought.clone());
    let total = entries.len();
    whole["conditions"]["total"] = total.into();
    let mut page = whole.clone();
    let next = format!("{}/Condition?patient={PATIENT}&_count=100", sandbox.fhir());
    page["conditions"] = json!({"resourceType": "Bundle", "type": "searchset", "total": total, "entry": [brought],
        "link": [{"relation": "next", "url": next}]});
    let expected = cards(&asked(&app, &sandbox.call(whole, &sandbox.whole)).await);
    assert_eq!(cards(&asked(&app, &sandbox.call(page.clone(), &sandbox.whole)).await), expected);
    let unread = asked(&app, &sandbox.call(page, &sandbox.narrow)).await;
    assert!(detail(&unread).contains("Not sent, or not whole: `conditions`"), "{}", detail(&unread));
}

#[actix_web::test]
async fn a_token_that_is_over_is_not_used() {
    let server = KeyServer::start(Publishes::Document("{}".into()));
    let app = app_reading(&[&server.url()]).await;
    let mut call = pointing_to(&server.url(), in_part(), Some("over"));
    call["fhirAuthorization"]["expires_in"] = 0.into();
    let answer = asked(&app, &call).await;
    assert!(detail(&answer).contains("`observations`"), "{}", detail(&answer));
    assert_eq!(server.asked(), 0, "a token that was over was sent");
    call["fhirAuthorization"]["expires_in"] = 60.into();
    asked(&app, &call).await;
    assert!(server.asked() > 0, "one that was not over was not sent");
}

#[actix_web::test]
async fn ch_107_what_the_scope_does_not_let_stays_missing_and_the_card_says_so() {
    let sandbox = Sandbox::start();
    let app = app_reading(&[&sandbox.fhir()]).await;
    let prefetch = json!({"observations": whole_prefetch(&templates(&app).await)["observations"]});
    let answer = asked(&app, &sandbox.call(prefetch, &sandbox.narrow)).await;
    let said = detail(&answer);
    let line = said.lines().find(|line| line.starts_with("Not sent")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("`conditions`") && !line.contains("`patient`") && !line.contains("`observations`"), "{line}");
}

#[actix_web::test]
async fn ch_104_ch_105_a_required_patient_that_cannot_be_read_back_is_named_and_one_that_can_is_no_error() {
    let sandbox = Sandbox::start();
    let app = app_reading(&[&sandbox.fhir()]).await;
    assert_eq!(asked(&app, &sandbox.call(json!({}), &sandbox.narrow)).await.status, 200);
    for token in ["nobody-gave-this", &sandbox.foreign] {
        let issue = asked(&app, &sandbox.call(json!({}), token)).await.refuses_with(412, "data-missing");
        assert_eq!(issue["expression"], json!(["prefetch.patient"]));
        assert!(!issue.to_string().contains(token));
    }
}

#[actix_web::test]
async fn dead_slow_and_lying_fhir_servers_leave_an_answer_within_two_and_a_half_seconds() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let dead = format!("http://{nobody}/fhir");
    let lying = [
        Publishes::Slowly,
        Publishes::Noise,
        Publishes::Huge(64 << 10),
        Publishes::RedirectTo("http://127.0.0.1:1/".into()),
        Publishes::Document("<html>".into()),
        Publishes::Document(r#"{"resourceType": "Patient", "id": "somebody-else", "birthDate": "1950-01-01"}"#.into()),
        Publishes::Document(
            r#"{"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": 7}, null]}"#.into(),
        ),
    ];
    let servers: Vec<KeyServer> = lying.into_iter().map(KeyServer::start).collect();
    let urls: Vec<String> = servers.iter().map(KeyServer::url).chain([dead]).collect();
    let app = app_reading(&urls.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for url in &urls {
        let begun = Instant::now();
        let answer = asked(&app, &pointing_to(url, in_part(), Some("t"))).await;
        assert!(begun.elapsed() < Duration::from_millis(2500), "{url} took {:?}", begun.elapsed());
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        let missing = asked(&app, &pointing_to(url, json!({}), Some("t"))).await;
        missing.refuses_with(412, "data-missing");
    }
}

#[actix_web::test]
async fn ch_144_a_server_of_nobody_is_never_called() {
    let (own, foreign) = (Sandbox::start(), KeyServer::start(Publishes::Document("{}".into())));
    let app = app_reading(&[&own.fhir()]).await;
    for server in [foreign.url(), format!("{}/../jwks", foreign.url()), format!("{}x", own.fhir())] {
        let answer = asked(&app, &pointing_to(&server, in_part(), Some("t"))).await;
        assert!(detail(&answer).contains("`observations`"), "{server}");
    }
    assert_eq!(foreign.asked(), 0);
}

#[actix_web::test]
async fn ch_113_a_next_page_elsewhere_is_never_fetched() {
    let foreign = KeyServer::start(Publishes::Document("{}".into()));
    let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": [],
                      "link": [{"relation": "next", "url": foreign.url()}]});
    let own = KeyServer::start(Publishes::Document(page.to_string()));
    let app = app_reading(&[&own.url()]).await;
    let answer = asked(&app, &pointing_to(&own.url(), in_part(), Some("t"))).await;
    assert!(detail(&answer).contains("Not sent, or not whole"), "{}", detail(&answer));
    assert!(own.asked() > 0);
    assert_eq!(foreign.asked(), 0);
}

#[actix_web::test]
async fn in_development_an_anonymous_call_may_read_from_every_configured_server() {
    let (first, second) = (Sandbox::start(), Sandbox::start());
    let client = |name: &str, server: &str| {
        format!(
            r#"{{ name = "{name}", issuer = "https://{name}", jwks_url = "https://{name}/jwks", fhir_servers = ["{server}/"] }}"#
        )
    };
    let clients = format!("[{}, {}]", client("a.example", &first.fhir()), client("b.example", &second.fhir()));
    let app = TestApp::builder().setting("CDS_CLIENT", &clients).start().await;
    for sandbox in [&first, &second] {
        let answer = asked(&app, &sandbox.call(json!({}), &sandbox.whole)).await;
        assert!(!detail(&answer).contains("Not sent"), "{}", detail(&answer));
    }
}

#[actix_web::test]
async fn a_given_token_reaches_no_log_no_metric_no_row_and_no_answer() {
    const TOKEN: &str = "CANARYTOKEN8d1f3b7e";
    let sandbox = Sandbox::start();
    let broken = KeyServer::start(Publishes::Noise);
    let app = app_reading(&[&sandbox.fhir(), &broken.url()]).await;
    let mut answers = String::new();
    for server in [sandbox.fhir(), broken.url(), "https://elsewhere.example.org/r4".to_owned()] {
        let mut wrong = pointing_to(&server, json!({}), Some(TOKEN));
        wrong["fhirAuthorization"]["expires_in"] = TOKEN.into();
        for call in [pointing_to(&server, json!({}), Some(TOKEN)), pointing_to(&server, in_part(), Some(TOKEN)), wrong]
        {
            answers.push_str(&asked(&app, &call).await.text());
        }
    }
    nowhere(&app, TOKEN, &answers).await;
}

/// A secret is in no answer, log line, metric or file of the database.
pub async fn nowhere(app: &TestApp, secret: &str, answers: &str) {
    let (log, metrics) = (logs::read(), app.get("/metrics").await.text());
    assert!(metrics.contains("prodrome_fhir_reads_total") && log.contains("hook answered"), "nothing happened");
    app.running.close_database().await;
    let files = app.database.everything().await;
    assert!(files.contains("early-detection"), "nothing was written");
    for (place, text) in [("answers", answers), ("logs", &log), ("metrics", &metrics), ("database", &files)] {
        if let Some(at) = text.find(secret) {
            let before: String = text[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
            panic!("the token is in the {place}, after: {before}");
        }
    }
}

#[actix_web::test]
async fn the_sandbox_lets_nobody_read_without_a_token_that_lets_them() {
    let sandbox = Sandbox::start();
    let get = async |path: &str, token: Option<&str>| {
        let mut request = awc::Client::default().get(format!("{}{path}", sandbox.fhir()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.expect("an answer").status().as_u16()
    };
    let (patient, search) = (format!("/Patient/{PATIENT}"), format!("/Condition?patient={PATIENT}"));
    for (path, token, status) in [
        ("/metadata", None, 200),
        ("/.well-known/smart-configuration", None, 200),
        (patient.as_str(), None, 401),
        (patient.as_str(), Some("x"), 401),
        (patient.as_str(), Some(&*sandbox.narrow), 200),
        (search.as_str(), Some(&*sandbox.narrow), 403),
        (search.as_str(), Some(&*sandbox.whole), 200),
        (search.as_str(), Some(&*sandbox.foreign), 403),
        (patient.as_str(), Some(&*sandbox.foreign), 404),
        ("/Condition", Some(&*sandbox.whole), 400),
        ("/Patient/nobody", Some(&*sandbox.whole), 404),
        ("/Condition?patient=chart-1&nonsense=1", Some(&*sandbox.whole), 400),
    ] {
        assert_eq!(get(path, token).await, status, "{path} {token:?}");
    }
}

#[actix_web::test]
async fn every_entry_of_the_sandbox_says_where_its_resource_is_and_why_it_is_there() {
    let sandbox = Sandbox::start();
    let url = format!("{}/Condition?patient={PATIENT}&_count=3", sandbox.fhir());
    let mut answer = awc::Client::default().get(url).bearer_auth(&sandbox.whole).send().await.expect("an answer");
    let page: Value = answer.json().await.expect("JSON");
    let entries = page["entry"].as_array().expect("entries");
    assert_eq!(entries.len(), 3);
    for entry in entries {
        let id = entry["resource"]["id"].as_str().expect("an id");
        assert_eq!(entry["fullUrl"], format!("{}/Condition/{id}", sandbox.fhir()));
        assert_eq!(entry["search"]["mode"], "match");
    }
}
