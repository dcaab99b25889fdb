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
