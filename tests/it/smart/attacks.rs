//! What somebody between EHR, browser and app may try (items 1 to 8, 14, 31, 32 of the catalogue in `docs/guides/smart-app.md`).

use super::browser::{Browser, client};
use super::ehr_of_tests::{Server, TestEhr, tokens};
use futures_util::StreamExt as _;
use serde_json::json;
use std::net::TcpListener;

#[actix_web::test]
async fn a_launch_goes_to_the_registered_ehr_with_pkce_state_nonce_and_aud_and_comes_back_to_a_clean_address() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let sent = server.launch(&browser, &format!("{}/", ehr.fhir())).await;
    assert_eq!(sent.status, 302);
    assert!(sent.location().starts_with(&format!("{}/authorize?tenant=a&", ehr.base)), "{}", sent.location());
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", &format!("{}/smart/callback/north", server.url)),
        ("launch", "handle-of-the-ehr"),
        ("scope", "launch openid fhirUser patient/*.rs"),
        // As the EHR wrote it.
        ("aud", &format!("{}/", ehr.fhir())),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(sent.parameter(name), value, "{name}");
    }
    assert!(sent.parameter("state").len() >= 43 && sent.parameter("nonce").len() >= 43);
    ehr.answers(200, tokens());
    let back = server.come_back(&browser, "north", &[("code", "code-1"), ("state", &sent.parameter("state"))]).await;
    assert_eq!((back.status, back.location()), (303, format!("{}/smart/patient", server.url)));
    let asked = &ehr.asked()[0];
    assert_eq!(asked.path, "/token");
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "code-1"),
        ("redirect_uri", &*format!("{}/smart/callback/north", server.url)),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    ] {
        assert_eq!(asked.form[name], value, "{name}");
    }
    assert!(!asked.form.contains_key("client_id"), "a confidential app shows it by its signature alone");
    server.patient(&browser).await.says(200, "p-1");
}

#[actix_web::test]
async fn an_unknown_or_used_state_reaches_no_token_endpoint() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let sent = server.launch(&browser, &ehr.fhir()).await;
    for query in [&[("code", "c"), ("state", "other")][..], &[("code", "c")], &[("state", "other"), ("error", "x")]] {
        assert_eq!(server.come_back(&browser, "north", query).await.status, 400);
    }
    assert!(ehr.asked().is_empty());
    let state = sent.parameter("state");
    ehr.answers(200, tokens());
    assert_eq!(server.come_back(&browser, "north", &[("code", "c"), ("state", &state)]).await.status, 303);
    let again = server.come_back(&browser, "north", &[("code", "c"), ("state", &state)]).await;
    again.says(400, "This launch is over");
    assert_eq!(ehr.asked().len(), 1);
}

#[actix_web::test]
async fn another_browser_cannot_finish_a_launch() {
    let (ehr, victim, attacker) = (TestEhr::start(), Browser::default(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let state = server.launch(&attacker, &ehr.fhir()).await.parameter("state");
    server.launch(&victim, &ehr.fhir()).await;
    for browser in [&victim, &Browser::default()] {
        let back = server.come_back(browser, "north", &[("code", "of-the-attacker"), ("state", &state)]).await;
        back.says(400, "This launch is over");
    }
    assert!(ehr.asked().is_empty());
    server.patient(&victim).await.says(403, "No patient is open here");
}

#[actix_web::test]
async fn two_launches_of_one_browser_at_once_can_both_be_finished() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let first = server.launch(&browser, &ehr.fhir()).await.parameter("state");
    let second = server.launch(&browser, &ehr.fhir()).await.parameter("state");
    for state in [first, second] {
        ehr.answers(200, tokens());
        assert_eq!(server.come_back(&browser, "north", &[("code", "c"), ("state", &state)]).await.status, 303);
    }
}

#[actix_web::test]
async fn an_unregistered_iss_causes_no_request_at_all() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    stranger.set_nonblocking(true).expect("a mode");
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let base = format!("http://{}/fhir", stranger.local_addr().expect("an address"));
    for iss in [&*base, &format!("{}/../fhir", ehr.fhir()), &ehr.fhir().to_uppercase(), &format!("{}//", ehr.fhir())] {
        server.launch(&browser, iss).await.says(403, "This EHR is not known");
    }
    let connections = std::iter::from_fn(|| stranger.accept().ok()).count();
    assert_eq!(connections, 0);
}

#[actix_web::test]
async fn a_launch_without_iss_or_launch_or_with_too_much_of_it_goes_nowhere() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let long = format!("iss={}&launch={}", ehr.fhir(), "a".repeat(4097));
    for query in
        ["", "launch=a", &format!("iss={}", ehr.fhir()), &format!("iss={0}&iss={0}&launch=a", ehr.fhir()), &long]
    {
        browser.get(&format!("{}/smart/launch?{query}", server.url)).await.says(400, "This link is not whole");
    }
    let whole = format!("{}/smart/launch?iss={}&launch={}", server.url, ehr.fhir(), "a".repeat(4096));
    assert_eq!(browser.get(&whole).await.status, 302);
}

#[actix_web::test]
async fn a_code_of_one_ehr_is_sent_to_no_other() {
    let (north, south, browser) = (TestEhr::start(), TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &north.fhir(), ""), ("south", &south.fhir(), "")]).await;
    let state = server.launch(&browser, &north.fhir()).await.parameter("state");
    let back = server.come_back(&browser, "south", &[("code", "c"), ("state", &state)]).await;
    back.says(400, "This launch is over");
    let state = server.launch(&browser, &north.fhir()).await.parameter("state");
    let query = [("code", "c"), ("state", &*state), ("iss", &south.base)];
    server.come_back(&browser, "north", &query).await.says(400, "This launch is over");
    // Who says that its answers name the issuer has to name it.
    north.says("authorization_response_iss_parameter_supported", json!(true));
    let state = server.launch(&browser, &north.fhir()).await.parameter("state");
    let back = server.come_back(&browser, "north", &[("code", "c"), ("state", &state)]).await;
    back.says(400, "This launch is over");
    assert!(north.asked().is_empty() && south.asked().is_empty());
    north.answers(200, tokens());
    let state = server.launch(&browser, &north.fhir()).await.parameter("state");
    let query = [("code", "c"), ("state", &*state), ("iss", &north.base)];
    assert_eq!(server.come_back(&browser, "north", &query).await.status, 303);
}

#[actix_web::test]
async fn a_changed_endpoint_is_not_followed() {
    for name in ["token_endpoint", "authorization_endpoint", "issuer", "jwks_uri"] {
        let (ehr, evil, browser) = (TestEhr::start(), TestEhr::start(), Browser::default());
        let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
        let state = server.launch(&browser, &ehr.fhir()).await.parameter("state");
        ehr.says(name, format!("{}/token", evil.base).into());
        server.launch(&browser, &ehr.fhir()).await.says(502, "The EHR has changed");
        // A launch under way ends where it was to end.
        ehr.answers(200, tokens());
        assert_eq!(server.come_back(&browser, "north", &[("code", "c"), ("state", &state)]).await.status, 303);
        assert!(evil.asked().is_empty() && ehr.asked().len() == 1);
        let logs = crate::web::logs::read();
        assert!(logs.contains(&format!("names another `{name}` than the one pinned")), "{name}");
    }
}

#[actix_web::test]
async fn no_parameter_sends_the_browser_elsewhere() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let evil = "next=https://evil.example&returnTo=//evil.example&redirect_uri=https://evil.example";
    let launch = format!("{}/smart/launch?iss={}&launch=a&{evil}", server.url, ehr.fhir());
    let sent = browser.get(&launch).await;
    assert!(!sent.location().contains("evil"), "{}", sent.location());
    ehr.answers(200, tokens());
    let state = sent.parameter("state");
    let back = browser.get(&format!("{}/smart/callback/north?code=c&state={state}&{evil}", server.url)).await;
    assert_eq!(back.location(), format!("{}/smart/patient", server.url));
}

#[actix_web::test]
async fn a_refusal_of_the_ehr_is_told_in_our_words() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let state = server.launch(&browser, &ehr.fhir()).await.parameter("state");
    let query = [("error", "access_denied"), ("error_description", "<b>call 555</b>"), ("state", &state)];
    let back = server.come_back(&browser, "north", &query).await;
    back.says(403, "did not let the app in");
    assert!(!back.text.contains("555"));
    assert!(ehr.asked().is_empty());
}

#[actix_web::test]
async fn a_launch_that_fails_on_its_way_back_leaves_neither_code_nor_state_in_the_address() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let mut without = tokens();
    without.as_object_mut().expect("an object").remove("patient");
    for (answer, error, reason) in [
        (Some((400, json!({"error": "invalid_grant"}))), None, "token"),
        (Some((200, without)), None, "no-patient"),
        (None, Some("access_denied"), "denied"),
        (None, None, "request"),
    ] {
        let state = server.launch(&browser, &ehr.fhir()).await.parameter("state");
        let mut query = vec![("state", &*state)];
        query.extend(error.map(|error| ("error", error)));
        if let Some((status, answer)) = answer {
            ehr.answers(status, answer);
            query.push(("code", "the-used-code"));
        }
        // A second time, the launch is over.
        for reason in [reason, "not-begun-here"] {
            let back = browser.get(&server.back("north", &query)).await;
            assert_eq!((back.status, &*back.text), (303, ""), "{reason}");
            assert_eq!(back.location(), format!("{}/smart/refused/{reason}", server.url));
            let page = browser.get(&back.location()).await;
            assert!(page.status >= 400 && page.text.contains("role=\"alert\""), "{reason}: {}", page.text);
            assert!(!page.text.contains("the-used-code") && !page.text.contains(&state), "{reason}");
            assert!(crate::web::logs::read().contains(&format!("\"code\":\"{reason}\"")), "{reason} is in the log");
        }
    }
    for guess in ["nothing", "no-session", "%3Cscript%3E", "..%2Fpatient"] {
        let page = browser.get(&format!("{}/smart/refused/{guess}", server.url)).await;
        assert_eq!(page.status, 404, "{guess}: {}", page.text);
    }
}

#[actix_web::test]
async fn a_flood_of_launches_takes_the_place_of_the_oldest_and_of_no_more_memory() {
    const MOST: usize = 10_000;
    let (ehr, oldest, newest) = (TestEhr::start(), Browser::default(), Browser::default());
    ehr.lets_keep();
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let first = server.launch(&oldest, &ehr.fhir()).await.parameter("state");
    let address = format!("{}/smart/launch?iss={}&launch=a", server.url, ehr.fhir());
    let client = client();
    let flood = (0..MOST).map(|_| async { client.get(&address).send().await.map(|answer| answer.status().as_u16()) });
    let flood: Vec<_> = futures_util::stream::iter(flood).buffer_unordered(16).collect().await;
    assert!(flood.iter().all(|status| *status.as_ref().expect("an answer") == 302));
    let last = server.launch(&newest, &ehr.fhir()).await.parameter("state");
    server.come_back(&oldest, "north", &[("code", "c"), ("state", &first)]).await.says(400, "This launch is over");
    assert!(ehr.asked().is_empty(), "a launch that is forgotten reaches no token endpoint");
    ehr.answers(200, tokens());
    assert_eq!(server.come_back(&newest, "north", &[("code", "c"), ("state", &last)]).await.status, 303);
}

#[actix_web::test]
async fn tokens_without_a_patient_or_of_another_kind_open_nothing() {
    let without = |name: &str| {
        let mut tokens = tokens();
        tokens.as_object_mut().expect("an object").remove(name);
        tokens
    };
    let with = |name: &str, value: serde_json::Value| {
        let mut tokens = tokens();
        tokens[name] = value;
        tokens
    };
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    for (answer, words) in [
        (without("patient"), "No patient is open"),
        (with("patient", json!("../Patient")), "No patient is open"),
        (with("patient", json!("<script>")), "No patient is open"),
        (without("access_token"), "no usable answer"),
        (without("scope"), "no usable answer"),
        (with("token_type", json!("mac")), "no usable answer"),
        (with("access_token", json!("a\r\nb")), "no usable answer"),
        (with("appContext", json!({"a": 1})), "no usable answer"),
    ] {
        let back = server.launched(&browser, &ehr, "north", answer).await;
        back.says(502, words);
        server.patient(&browser).await.says(403, "No patient is open here");
    }
}

#[actix_web::test]
async fn every_answer_names_who_may_frame_it_and_sends_no_referrer() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let ancestors = ("SMART__FRAME_ANCESTORS", "https://ehr.example.org, https://other.example.org");
    let framed = Server::with(&[("north", &ehr.fhir(), "")], &[ancestors]).await;
    let alone = Server::at(&[("north", &ehr.fhir(), "")]).await;
    for (server, policy) in [
        (&framed, "frame-ancestors https://ehr.example.org https://other.example.org"),
        (&alone, "frame-ancestors 'none'"),
    ] {
        let sent = server.launch(&browser, &ehr.fhir()).await;
        let state = sent.parameter("state");
        ehr.answers(200, tokens());
        let back = server.come_back(&browser, "north", &[("code", "c"), ("state", &state)]).await;
        let lost = server.come_back(&browser, "north", &[("code", "c"), ("state", &state)]).await;
        let (page, choice) = (server.patient(&browser).await, browser.get(&format!("{}/smart", server.url)).await);
        for page in [sent, back, lost, page, choice] {
            assert!(page.header("content-security-policy").ends_with(policy), "{}", page.url);
            assert!(page.header("content-security-policy").starts_with("default-src 'none'; "), "{}", page.url);
            assert_eq!(page.header("referrer-policy"), "no-referrer", "{}", page.url);
            assert_eq!(page.header("cache-control"), "no-store", "{}", page.url);
            let count = |text: &str| page.text.matches(text).count();
            let ours = count("<script type=\"module\" src=\"/smart/assets/") + count("type=\"application/json\">");
            assert!(count(" style=") == 0 && count("<script") == ours, "{}", page.text);
        }
    }
}
