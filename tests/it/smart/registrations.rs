//! What a registration decides: how the app shows who it is, what it asks for, and what old servers are told.

use super::browser::Browser;
use super::ehr_of_tests::{Server, TestEhr, tokens};
use serde_json::{Value, json};

#[actix_web::test]
async fn the_app_shows_who_it_is_as_registered_and_in_no_other_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s:e/c r+t\n").expect("written");
    let by_secret = format!(r#", client_secret_file = "{}""#, secret.display());
    for (more, authorization, client_id, assertion) in [
        (&*by_secret, "Basic YXBwOnMlM0FlJTJGYytyJTJCdA==", false, false),
        (r#", authentication = "public""#, "", true, false),
        ("", "", false, true),
    ] {
        let (ehr, browser) = (TestEhr::start(), Browser::default());
        let server = Server::at(&[("north", &ehr.fhir(), more)]).await;
        assert_eq!(server.launched(&browser, &ehr, "north", tokens()).await.status, 303, "{more}");
        let asked = &ehr.asked()[0];
        assert_eq!(asked.authorization, authorization);
        assert_eq!(asked.form.contains_key("client_id"), client_id, "{more}");
        assert_eq!(asked.form.contains_key("client_assertion"), assertion, "{more}");
        assert!((43..=128).contains(&asked.form["code_verifier"].len()));
    }
}

#[actix_web::test]
async fn old_servers_get_old_scopes_relative_addresses_work_and_without_issuer_nobody_asks_who_looks() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    ehr.says("capabilities", json!(["launch-ehr", "permission-v1"]));
    ehr.says("issuer", Value::Null);
    ehr.says("token_endpoint", json!("token"));
    let scopes = r#", scopes = "openid fhirUser patient/Observation.rs user/Practitioner.r""#;
    let server = Server::at(&[("north", &ehr.fhir(), scopes)]).await;
    let sent = server.launch(&browser, &ehr.fhir()).await;
    assert_eq!(sent.parameter("scope"), "launch patient/Observation.read user/Practitioner.read");
    assert!(!sent.location().contains("nonce="));
    ehr.answers(200, tokens());
    let back = server.come_back(&browser, "north", &[("code", "c"), ("state", &sent.parameter("state"))]).await;
    assert_eq!(back.status, 303, "{}", back.text);
    assert_eq!(ehr.asked()[0].path, "/fhir/token");
}

#[actix_web::test]
async fn an_endpoint_that_the_settings_pin_holds_against_discovery() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let pinned = r#", token_endpoint = "https://ehr.example.org/token""#;
    let server = Server::at(&[("north", &ehr.fhir(), pinned)]).await;
    server.launch(&browser, &ehr.fhir()).await.says(502, "The EHR has changed");
    assert!(ehr.asked().is_empty());
}

#[actix_web::test]
async fn an_ehr_that_does_not_answer_is_told_as_such() {
    let browser = Browser::default();
    let server = Server::at(&[("north", "http://127.0.0.1:9/fhir", "")]).await;
    server.launch(&browser, "http://127.0.0.1:9/fhir").await.says(502, "no usable answer");
}

#[actix_web::test]
async fn opened_by_itself_the_app_offers_the_registered_ehrs_and_asks_for_a_patient() {
    let (north, south, browser) = (TestEhr::start(), TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &north.fhir(), ""), ("south", &south.fhir(), "")]).await;
    let choice = browser.get(&format!("{}/smart", server.url)).await;
    choice.says(200, "/smart/standalone?ehr=north");
    choice.says(200, "/smart/standalone?ehr=south");
    let sent = browser.get(&format!("{}/smart/standalone?ehr=south", server.url)).await;
    assert!(sent.location().starts_with(&south.base));
    assert_eq!(sent.parameter("scope"), "launch/patient openid fhirUser patient/*.rs");
    assert_eq!(sent.parameter("aud"), south.fhir());
    assert!(!sent.location().contains("launch=") && sent.header("set-cookie").contains("HttpOnly"));
    browser.get(&format!("{}/smart/standalone?ehr=other", server.url)).await.says(403, "This EHR is not known");
}

#[actix_web::test]
async fn a_server_that_no_ehr_knows_has_no_app() {
    let app = crate::web::app::TestApp::start().await;
    for path in ["/smart", "/smart/launch?iss=a&launch=b", "/smart/callback/x?state=a", "/smart/patient"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.header("content-security-policy").is_some(), "{path}");
    }
}
