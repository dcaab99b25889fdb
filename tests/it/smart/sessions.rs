//! How long a patient stays open: cookies, renewing, logging out.

use super::browser::{Browser, client};
use super::ehr_of_tests::{Server, TestEhr, tokens};
use serde_json::{Value, json};

/// A response whose token is almost over, with what renews it.
fn short(refresh: &str) -> Value {
    let mut tokens = tokens();
    tokens["expires_in"] = json!(20);
    tokens["refresh_token"] = refresh.into();
    tokens
}

#[actix_web::test]
async fn a_token_that_is_almost_over_is_renewed_once_and_the_new_refresh_token_takes_its_place() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    server.launched(&browser, &ehr, "north", short("refresh-1")).await;
    ehr.answers(200, short("refresh-2"));
    let mut whole = tokens();
    whole["expires_in"] = json!(900);
    server.patient(&browser).await.says(200, "p-1");
    ehr.answers(200, whole);
    // Both need the token; one renews it.
    let (one, other) = futures_util::join!(server.patient(&browser), server.patient(&browser));
    one.says(200, "p-1");
    other.says(200, "p-1");
    let asked = ehr.asked();
    let renewed: Vec<&str> = asked[1..].iter().map(|asked| &*asked.form["refresh_token"]).collect();
    assert_eq!(renewed, ["refresh-1", "refresh-2"]);
    assert!(asked[1..].iter().all(|asked| asked.form.contains_key("client_assertion")));
}

#[actix_web::test]
async fn a_refused_renewal_ends_the_session() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    server.launched(&browser, &ehr, "north", short("refresh-1")).await;
    ehr.answers(401, json!({"error": "invalid_grant"}));
    server.patient(&browser).await.says(403, "No patient is open here");
    server.patient(&browser).await.says(403, "No patient is open here");
    assert_eq!(ehr.asked().len(), 2, "a refused refresh token is not tried again");
}

#[actix_web::test]
async fn a_session_without_renewal_ends_with_its_token() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let mut over = tokens();
    over["expires_in"] = json!(0);
    assert_eq!(server.launched(&browser, &ehr, "north", over).await.status, 303);
    server.patient(&browser).await.says(403, "No patient is open here");
}

#[actix_web::test]
async fn a_token_that_the_fhir_server_refuses_before_its_time_is_renewed_once_and_the_chart_read_again() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let mut first = tokens();
    first["refresh_token"] = "refresh-1".into();
    server.launched(&browser, &ehr, "north", first.clone()).await;
    ehr.refuses("access-1");
    let mut second = first;
    (second["access_token"], second["refresh_token"]) = ("access-2".into(), "refresh-2".into());
    ehr.answers(200, second.clone());
    server.patient(&browser).await.says(200, "p-1");
    assert_eq!(ehr.asked()[1..].iter().map(|asked| &*asked.form["refresh_token"]).collect::<Vec<_>>(), ["refresh-1"]);
    server.patient(&browser).await.says(200, "p-1");
    assert_eq!(ehr.asked().len(), 2, "the new token is good");
    // Refused again, as is the one after it: there is no third try.
    ehr.refuses("access-2");
    ehr.refuses("access-3");
    second["access_token"] = "access-3".into();
    ehr.answers(200, second);
    server.patient(&browser).await.says(403, "The EHR has ended the app's leave");
    assert_eq!(ehr.asked().len(), 3);
}

#[actix_web::test]
async fn a_refused_token_that_cannot_be_renewed_is_said_and_asks_for_no_other() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    server.launched(&browser, &ehr, "north", tokens()).await;
    ehr.refuses("access-1");
    server.patient(&browser).await.says(403, "The EHR has ended the app's leave");
    assert_eq!(ehr.asked().len(), 1);
}

/// Closes the patient by the form of its page.
async fn log_out(server: &Server, browser: &Browser) -> super::browser::Page {
    let page = server.patient(browser).await;
    let (_, token) = page.text.split_once("name=\"token\" value=\"").expect("a token");
    let token = token.split('"').next().expect("its end");
    browser.post(&format!("{}/smart/logout", server.url), &[("token", token)]).await
}

/// The audience of a client assertion.
fn audience(assertion: &str) -> Value {
    let claims = assertion.split('.').nth(1).expect("claims");
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).expect("base64");
    serde_json::from_slice::<Value>(&claims).expect("claims")["aud"].clone()
}

#[actix_web::test]
async fn logging_out_ends_both_tokens_at_an_ehr_that_says_how() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let revocation = format!("{}/revoke", ehr.base);
    ehr.says("revocation_endpoint", revocation.clone().into());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let mut first = tokens();
    first["refresh_token"] = "refresh-1".into();
    server.launched(&browser, &ehr, "north", first).await;
    for _ in 0..2 {
        ehr.answers(200, json!({}));
    }
    log_out(&server, &browser).await.says(200, "No patient is open here any more");
    let mut ended: Vec<(String, String)> = Vec::new();
    for asked in &ehr.asked()[1..] {
        assert_eq!(asked.path, "/revoke");
        assert_eq!(audience(&asked.form["client_assertion"]), revocation);
        ended.push((asked.form["token_type_hint"].clone(), asked.form["token"].clone()));
    }
    ended.sort();
    let pair = |kind: &str, token: &str| (kind.to_owned(), token.to_owned());
    assert_eq!(ended, [pair("access_token", "access-1"), pair("refresh_token", "refresh-1")]);
    server.patient(&browser).await.says(403, "No patient is open here");
}

#[actix_web::test]
async fn tokens_of_a_launch_that_opens_nothing_and_of_a_patient_whose_place_is_taken_are_ended_too() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    ehr.says("revocation_endpoint", json!(format!("{}/revoke", ehr.base)));
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let with = |token: &str, patient: Value| {
        let mut tokens = tokens();
        (tokens["access_token"], tokens["patient"]) = (token.into(), patient);
        tokens
    };
    let ended = async |token: &str| {
        let is_it = |asked: &super::ehr_of_tests::TokenRequest| asked.path == "/revoke" && asked.form["token"] == token;
        for _ in 0..1000 {
            if ehr.asked().iter().any(is_it) {
                return;
            }
            actix_web::rt::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{token} was not ended");
    };
    server.launched(&browser, &ehr, "north", with("opens-nothing", Value::Null)).await.says(502, "No patient is open");
    ended("opens-nothing").await;
    server.launched(&browser, &ehr, "north", with("the-first", "p-1".into())).await;
    server.launched(&browser, &ehr, "north", with("the-second", "p-2".into())).await;
    ended("the-first").await;
    server.patient(&browser).await.says(200, "p-2");
    assert!(!ehr.asked().iter().any(|asked| asked.form.get("token").is_some_and(|token| token == "the-second")));
}

#[actix_web::test]
async fn an_ehr_that_refuses_or_never_answers_keeps_nobody_from_logging_out() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = (format!("http://{}/revoke", silent.local_addr().expect("an address")), silent);
    for revocation in [None, Some("relative"), Some(&*silent.0)] {
        let (ehr, browser) = (TestEhr::start(), Browser::default());
        if let Some(revocation) = revocation {
            ehr.says("revocation_endpoint", revocation.into());
        }
        let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
        let mut secret = tokens();
        secret["access_token"] = "canary-access-5b2e".into();
        server.launched(&browser, &ehr, "north", secret).await;
        let begun = std::time::Instant::now();
        log_out(&server, &browser).await.says(200, "No patient is open here any more");
        assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{revocation:?}");
        // The second is asked and refuses: what this EHR answers where it was told nothing.
        assert_eq!(ehr.asked().len(), if revocation == Some("relative") { 2 } else { 1 }, "{revocation:?}");
        server.patient(&browser).await.says(403, "No patient is open here");
        let logs = crate::web::logs::read();
        assert!(!logs.contains("canary-access-5b2e"), "a token is in the log");
        assert!(revocation != Some("relative") || logs.contains("tokens could not be revoked"));
    }
}

#[actix_web::test]
async fn a_new_launch_of_the_same_browser_ends_the_session_before_and_logging_out_the_last() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let session = |page: &super::browser::Page| page.header("set-cookie").split(';').next().expect("a pair").to_owned();
    let first = session(&server.launched(&browser, &ehr, "north", tokens()).await);
    let mut other = tokens();
    other["patient"] = "p-2".into();
    let second = session(&server.launched(&browser, &ehr, "north", other).await);
    server.patient(&browser).await.says(200, "p-2");
    let with = async |cookie: &str| {
        let answer = client().get(format!("{}/smart/patient", server.url));
        answer.insert_header(("cookie", cookie.to_owned())).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((with(&first).await, with(&second).await), (403, 200));
    let logout = format!("{}/smart/logout", server.url);
    for form in [&[][..], &[("token", "guessed")]] {
        browser.post(&logout, form).await.says(403, "belongs to another site");
    }
    let long = "x".repeat(300_000);
    browser.post(&logout, &[("token", &long)]).await.says(400, "This link is not whole");
    assert_eq!(with(&second).await, 200);
    let page = server.patient(&browser).await;
    let (_, token) = page.text.split_once("name=\"token\" value=\"").expect("a token");
    let closed = browser.post(&logout, &[("token", token.split('"').next().expect("its end"))]).await;
    closed.says(200, "No patient is open here any more");
    assert!(closed.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(with(&second).await, 403);
}

#[actix_web::test]
async fn cookies_of_an_https_address_are_bound_to_it_and_reach_into_frames_only_where_those_are_permitted() {
    let ehr = TestEhr::start();
    let public = ("SERVER__PUBLIC_URL", "https://cds.example.org");
    let framed = ("SMART__FRAME_ANCESTORS", "https://ehr.example.org");
    for (settings, site) in [(&[public][..], "SameSite=Lax"), (&[public, framed], "SameSite=None; Partitioned")] {
        let (server, browser) = (Server::with(&[("north", &ehr.fhir(), "")], settings).await, Browser::default());
        let sent = server.launch(&browser, &ehr.fhir()).await;
        assert_eq!(sent.parameter("redirect_uri"), "https://cds.example.org/smart/callback/north");
        ehr.answers(200, tokens());
        let back = server.come_back(&browser, "north", &[("code", "c"), ("state", &sent.parameter("state"))]).await;
        assert_eq!(back.location(), "https://cds.example.org/smart/patient");
        for page in [sent, back] {
            let cookie = page.header("set-cookie");
            assert!(cookie.starts_with("__Host-prodrome-"), "{cookie}");
            assert!(cookie.contains(&format!("; Path=/; HttpOnly; Secure; {site}")), "{cookie}");
        }
    }
}
