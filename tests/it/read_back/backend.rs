//! Hook calls whose data is read back with a token of our own (SMART Backend Services): the sandbox EHR's token endpoint
//! verifies, and one that this file plays counts.

use super::given::nowhere;
use super::keys::keys;
use super::sandbox::{Sandbox, cards, in_part, pointing_to};
use crate::trust::ehr::{CALL, Ehr, production};
use crate::trust::key_server::{KeyServer, Publishes};
use crate::web::app::{Answer, TestApp};
use futures_util::future::join_all;
use prodrome::platform::settings::KeySource;
use prodrome::sandbox_ehr::Registration;
use prodrome::trust::OwnKeys;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with one key of ours, and the file of its public half.
fn own_keys() -> (TempDir, OwnKeys) {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(keys(folder.path(), &["new"]).status.success());
    let own = OwnKeys::open(folder.path()).expect("keys");
    std::fs::write(folder.path().join("public.json"), own.public().to_string()).expect("written");
    (folder, own)
}

fn registered(folder: &Path, scope: &str) -> Vec<Registration> {
    let keys = KeySource::File(folder.join("public.json"));
    vec![Registration::backend("prodrome", keys, scope)]
}

/// An EHR whose FHIR server is at `fhir` and whose tokens are had at `tokens`.
fn ehr(fhir: &str, tokens: &str) -> Ehr {
    Ehr::es384()
        .with(&format!(r#"fhir_servers = ["{fhir}"], backend_token_url = "{tokens}", backend_client_id = "prodrome""#))
}

async fn app(ehr: &Ehr, folder: &Path) -> TestApp {
    production(&[ehr.in_file()]).setting("KEYS__FOLDER", &folder.display().to_string()).start().await
}

async fn asked(app: &TestApp, ehr: &Ehr, call: &Value) -> Answer {
    let authorization = format!("Bearer {}", ehr.token(CALL));
    let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
    app.post_with(CALL, &headers, call.to_string().into_bytes()).await
}

fn misses_something(answer: &Answer) -> bool {
    cards(answer)[0]["detail"].as_str().expect("a detail").contains("Not sent")
}

#[actix_web::test]
async fn ch_110_without_a_token_in_the_call_one_of_our_own_reads_the_chart() {
    let (folder, _) = own_keys();
    let sandbox = Sandbox::start_with(|_| registered(folder.path(), "system/*.rs"));
    let ehr = ehr(&sandbox.fhir(), &format!("{}/token", sandbox.page));
    let app = app(&ehr, folder.path()).await;
    let back = asked(&app, &ehr, &pointing_to(&sandbox.fhir(), json!({}), None)).await;
    assert!(!misses_something(&back), "{}", back.text());
    let mut over = sandbox.call(json!({}), "over");
    over["fhirAuthorization"]["expires_in"] = 0.into();
    assert_eq!(cards(&asked(&app, &ehr, &over).await), cards(&back));
}

#[actix_web::test]
async fn keys_by_address_are_fetched_from_our_own_server() {
    let (folder, _) = own_keys();
    // The sandbox fetches the keys from an app that is known only once it listens: both are there before the first call.
    let published = TestApp::builder().setting("KEYS__FOLDER", &folder.path().display().to_string()).start().await;
    let url = published.url("/.well-known/jwks.json");
    let services = vec![Registration::backend("prodrome", KeySource::Url(url), "system/*.read")];
    let sandbox = Sandbox::start_with(|_| services);
    let ehr = ehr(&sandbox.fhir(), &format!("{}/token", sandbox.page));
    let app = app(&ehr, folder.path()).await;
    assert!(!misses_something(&asked(&app, &ehr, &pointing_to(&sandbox.fhir(), json!({}), None)).await));
}

#[actix_web::test]
async fn a_given_token_that_is_refused_is_not_replaced_by_one_of_our_own() {
    let (folder, _) = own_keys();
    let sandbox = Sandbox::start_with(|_| registered(folder.path(), "system/*.rs"));
    let tokens = KeyServer::start(Publishes::Document("{}".into()));
    let ehr = ehr(&sandbox.fhir(), &tokens.url());
    let app = app(&ehr, folder.path()).await;
    for given in ["nobody-gave-this", &sandbox.foreign, &sandbox.narrow] {
        assert!(misses_something(&asked(&app, &ehr, &sandbox.call(in_part(), given)).await), "{given}");
    }
    assert_eq!(tokens.asked(), 0);
}

#[actix_web::test]
async fn one_token_serves_many_calls_and_equal_calls_at_once_ask_for_one() {
    let (folder, _) = own_keys();
    let tokens = KeyServer::start(Publishes::Document(
        json!({"access_token": "abc", "token_type": "bearer", "expires_in": 300, "scope": "system/*.rs"}).to_string(),
    ));
    let fhir = KeyServer::start(Publishes::Document(json!({"resourceType": "Bundle", "entry": []}).to_string()));
    let ehr = ehr(&fhir.url(), &tokens.url());
    let app = app(&ehr, folder.path()).await;
    let call = pointing_to(&fhir.url(), in_part(), None);
    let mut answers = join_all((0..3).map(|_| asked(&app, &ehr, &call))).await;
    answers.push(asked(&app, &ehr, &call).await);
    for answer in answers {
        assert!(!misses_something(&answer), "{}", answer.text());
    }
    assert_eq!(tokens.asked(), 1);
}

#[actix_web::test]
async fn a_token_endpoint_that_refuses_lies_or_is_slow_is_left_alone_for_a_while_and_the_call_is_answered() {
    let over = json!({"access_token": "abc", "token_type": "Bearer", "expires_in": 0}).to_string();
    let forever = json!({"access_token": "abc", "token_type": "Bearer"}).to_string();
    let other_kind = json!({"access_token": "abc", "token_type": "mac", "expires_in": 300}).to_string();
    let line_break = json!({"access_token": "a\r\nb", "token_type": "Bearer", "expires_in": 300}).to_string();
    for publishes in [
        Publishes::RedirectTo("http://127.0.0.1:1/".into()),
        Publishes::Noise,
        Publishes::Document("<html>".into()),
        Publishes::Document(forever),
        Publishes::Document(other_kind),
        Publishes::Document(line_break),
        Publishes::Huge(128 << 10),
        Publishes::Slowly,
        Publishes::Document(over.clone()),
    ] {
        let is_over = matches!(&publishes, Publishes::Document(text) if *text == over);
        let (folder, _) = own_keys();
        let (tokens, fhir) = (KeyServer::start(publishes), KeyServer::start(Publishes::Document("{}".into())));
        let ehr = ehr(&fhir.url(), &tokens.url());
        let app = app(&ehr, folder.path()).await;
        for _ in 0..2 {
            let begun = Instant::now();
            let answer = asked(&app, &ehr, &pointing_to(&fhir.url(), in_part(), None)).await;
            assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
            assert!(misses_something(&answer), "{}", answer.text());
        }
        assert_eq!(fhir.asked(), 0, "the FHIR server was asked without a token");
        // A token that is over when it comes is no refusal: the next call asks again.
        assert_eq!(tokens.asked(), if is_over { 2 } else { 1 });
    }
}

#[actix_web::test]
async fn an_anonymous_caller_in_development_gets_no_token_of_ours() {
    let (folder, _) = own_keys();
    let (tokens, fhir) =
        (KeyServer::start(Publishes::Document("{}".into())), KeyServer::start(Publishes::Document("{}".into())));
    let ehr = ehr(&fhir.url(), &tokens.url());
    let app = TestApp::builder()
        .setting("CDS_CLIENT", &format!("[{}]", ehr.in_file()))
        .setting("KEYS__FOLDER", &folder.path().display().to_string())
        .start()
        .await;
    app.post(CALL, pointing_to(&fhir.url(), in_part(), None).to_string()).await;
    assert_eq!(tokens.asked(), 0);
}

#[actix_web::test]
async fn a_token_of_our_own_reaches_no_log_no_metric_no_row_and_no_answer() {
    const TOKEN: &str = "CANARYTOKENofours5b2c9d";
    let (folder, _) = own_keys();
    let granted = json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "x"});
    let tokens = KeyServer::start(Publishes::Document(granted.to_string()));
    let sandbox = Sandbox::start();
    let ehr = ehr(&sandbox.fhir(), &tokens.url());
    let app = app(&ehr, folder.path()).await;
    let mut answers = String::new();
    for prefetch in [json!({}), in_part()] {
        answers.push_str(&asked(&app, &ehr, &pointing_to(&sandbox.fhir(), prefetch, None)).await.text());
    }
    nowhere(&app, TOKEN, &answers).await;
}

/// What the sandbox's token endpoint says to this form.
async fn token_request(sandbox: &Sandbox, form: &[(&str, &str)]) -> (u16, Value) {
    let mut answer =
        awc::Client::default().post(format!("{}/token", sandbox.page)).send_form(&form).await.expect("an answer");
    let body = answer.body().await.expect("a whole body");
    (answer.status().as_u16(), serde_json::from_slice(&body).expect("JSON"))
}

#[actix_web::test]
async fn the_sandbox_gives_a_token_to_the_registered_service_alone_once_for_each_assertion() {
    let (folder, own) = own_keys();
    let (_stranger_folder, stranger) = own_keys();
    let sandbox = Sandbox::start_with(|_| registered(folder.path(), "system/*.rs"));
    let address = format!("{}/token", sandbox.page);
    let now = prodrome::platform::clock::now;
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let good = || own.assertion("prodrome", &address, now()).expect("signed");
    let ask = async |assertion: &str, grant: &str, scope: &str| {
        let form = [("grant_type", grant), ("scope", scope), kind, ("client_assertion", assertion)];
        token_request(&sandbox, &form).await
    };
    let (status, granted) = ask(&good(), "client_credentials", "system/*.rs").await;
    assert_eq!(
        (status, granted["token_type"].as_str(), granted["expires_in"].as_u64()),
        (200, Some("Bearer"), Some(300))
    );
    let used = good();
    assert_eq!(ask(&used, "client_credentials", "system/*.rs").await.0, 200);
    let long_ago = now() - jiff::SignedDuration::from_hours(1);
    for (assertion, why) in [
        (used, "used before"),
        (stranger.assertion("prodrome", &address, now()).expect("signed"), "another's key"),
        (own.assertion("nobody", &address, now()).expect("signed"), "not registered"),
        (own.assertion("prodrome", &format!("{address}x"), now()).expect("signed"), "another endpoint"),
        (own.assertion("prodrome", &address, long_ago).expect("signed"), "over"),
        (String::new(), "none"),
    ] {
        let refused = ask(&assertion, "client_credentials", "system/*.rs").await;
        assert_eq!(refused, (401, json!({"error": "invalid_client"})), "{why}");
    }
    assert_eq!(ask(&good(), "password", "system/*.rs").await.1["error"], "unsupported_grant_type");
    assert_eq!(ask(&good(), "client_credentials", "patient/*.rs").await.1["error"], "invalid_scope");
}
