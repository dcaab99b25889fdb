//! Who is let in, and to what (SMART App Launch 2.2, resource servers).

use super::caller::{
    ASSESS, EMBED, access_claims, access_header, app, parameters, phenotype, post, post_as, sent_chart, token,
};
use crate::trust::ehr::{CALL, Ehr, PUBLIC_URL, now, unsigned};
use crate::web::app::TestApp;
use crate::web::charts::PATIENT;
use serde_json::{Value, json};

fn body() -> Value {
    parameters(&[sent_chart(), phenotype()])
}

#[actix_web::test]
async fn only_access_tokens_of_a_configured_server_for_us_and_now_are_taken() {
    let (server, stranger) = (Ehr::rs384(), Ehr::es384());
    let app = app(&server).await;
    let scope = "system/RiskAssessment.r";
    assert_eq!(post(&app, ASSESS, &token(&server, scope, None), &body()).await.status, 200);
    let with = |name: &str, value: Value| {
        let mut claims = access_claims(&server, scope, None);
        claims[name] = value;
        server.sign(&access_header(&server), &claims)
    };
    let mut typed = access_header(&server);
    typed["typ"] = "JWT".into();
    let claims = access_claims(&server, scope, None);
    let none = json!({"alg": "none", "typ": "at+jwt", "kid": "k1"}).to_string();
    for (what, bad) in [
        ("expired", with("exp", json!(now() - 61))),
        ("not yet valid", with("nbf", json!(now() + 120))),
        ("for another audience", with("aud", json!("https://ehr.example.org/fhir"))),
        ("an id_token or a client assertion by its type", server.sign(&typed, &claims)),
        ("a CDS Hooks JWT", server.token(CALL)),
        ("without a client", with("client_id", Value::Null)),
        ("of a stranger", token(&stranger, scope, None)),
        ("of another issuer by this key", with("iss", json!("https://other.example.org"))),
        ("unsigned", format!("{}.", unsigned(&none, &claims.to_string()))),
        ("opaque, with nobody to ask", "abc".into()),
        ("longer than 8 KiB", "a".repeat(9000)),
        ("no token at all", "a\"b".into()),
    ] {
        let answer = post(&app, ASSESS, &bad, &body()).await;
        answer.refuses_with(401, "invalid-token");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer error=\"invalid_token\""), "{what}");
    }
}

#[actix_web::test]
async fn a_token_comes_in_one_header_and_nowhere_else() {
    let server = Ehr::es384();
    let app = app(&server).await;
    let good = token(&server, "system/*.rs", None);
    assert_eq!(post_as(&app, ASSESS, &format!("bearer {good}"), &body()).await.status, 200);
    let missing = app.post(&format!("{ASSESS}?access_token={good}"), body().to_string()).await;
    missing.refuses_with(401, "invalid-token");
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    let authorization = format!("Bearer {good}");
    let length = body().to_string().len().to_string();
    let request = format!(
        "POST {ASSESS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nAuthorization: {authorization}\r\nAuthorization: {authorization}\r\n\r\n{}",
        body()
    );
    let answer = crate::web::http::raw(app.running.address, request.into_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[actix_web::test]
async fn a_cds_client_s_key_is_no_key_for_access_tokens_and_the_other_way_round() {
    let (client, server) = (Ehr::rs384(), Ehr::es384());
    let app = crate::trust::ehr::production(&[client.in_file()])
        .setting("AUTHORIZATION_SERVER", &format!("[{}]", server.in_file()))
        .start()
        .await;
    post(&app, ASSESS, &token(&client, "system/*.rs", None), &body()).await.refuses_with(401, "invalid-token");
    assert_eq!(crate::trust::ehr::call_with(&app, &token(&server, "system/*.rs", None)).await.status, 401);
    client.calls(&app).await;
}

#[actix_web::test]
async fn scopes_let_only_what_they_name() {
    let server = Ehr::es384();
    let app = app(&server).await;
    for (scope, patient, path, status) in [
        ("patient/RiskAssessment.r", Some(PATIENT), ASSESS, 200),
        ("patient/*.read", Some(PATIENT), ASSESS, 200),
        ("user/RiskAssessment.rs", None, ASSESS, 200),
        ("patient/*.rs", None, ASSESS, 403),
        ("patient/*.rs", Some("another"), ASSESS, 403),
        ("patient/RiskAssessment.cud", Some(PATIENT), ASSESS, 403),
        ("patient/RiskAssessment.s", Some(PATIENT), ASSESS, 403),
        ("patient/RiskAssessment.write", Some(PATIENT), ASSESS, 403),
        ("patient/RiskAssessment.sr", Some(PATIENT), ASSESS, 403),
        ("patient/RiskAssessment.r?status=final", Some(PATIENT), ASSESS, 403),
        ("patient/riskassessment.r", Some(PATIENT), ASSESS, 403),
        ("patient/Observation.rs", Some(PATIENT), ASSESS, 403),
        ("system/RiskAssessment.r", None, EMBED, 403),
        ("system/*.cud", None, EMBED, 403),
        ("openid fhirUser launch", Some(PATIENT), ASSESS, 403),
        ("", Some(PATIENT), ASSESS, 403),
    ] {
        let asked = if path == EMBED { parameters(&[sent_chart()]) } else { body() };
        let answer = post(&app, path, &token(&server, scope, patient), &asked).await;
        assert_eq!(answer.status, status, "{scope}: {}", answer.text());
        let told = answer.header("www-authenticate").unwrap_or_default();
        assert!(status == 200 || patient == Some("another") || told.contains("insufficient_scope"), "{scope}: {told}");
    }
    let asked = parameters(&[sent_chart(), json!({"name": "patient", "valueId": "another"})]);
    let answer = post(&app, ASSESS, &token(&server, "patient/*.rs", Some(PATIENT)), &asked).await;
    answer.refuses_with(403, "other-patient");
}

#[actix_web::test]
async fn development_takes_charts_from_anyone_without_a_token_reads_nowhere_and_says_so() {
    let server = Ehr::es384().with("fhir_server = \"https://ehr.example.org/r4\"");
    for app in [TestApp::start().await, development(&server).await] {
        assert_eq!(app.post(ASSESS, body().to_string()).await.status, 200);
        let named = parameters(&[json!({"name": "patient", "valueId": PATIENT})]);
        app.post(ASSESS, named.to_string()).await.refuses_with(400, "wrong-parameter");
    }
    let logs = crate::web::logs::read();
    assert_eq!(logs.matches("our own API answers calls without an access token").count(), 1, "once a process");
}

#[actix_web::test]
async fn a_token_that_is_shown_is_checked_in_development_too() {
    let (server, stranger) = (Ehr::rs384(), Ehr::es384());
    let app = development(&server).await;
    assert_eq!(post(&app, ASSESS, &token(&server, "system/RiskAssessment.r", None), &body()).await.status, 200);
    let elsewhere = post(&app, ASSESS, &token(&server, "patient/*.rs", Some("another")), &body()).await;
    elsewhere.refuses_with(403, "other-patient");
    let mut over = access_claims(&server, "system/*.rs", None);
    over["exp"] = (now() - 61).into();
    let over = server.sign(&access_header(&server), &over);
    let nobody_to_ask = TestApp::start().await;
    for bad in [over, token(&stranger, "system/*.rs", None), "opaque".to_owned()] {
        for app in [&app, &nobody_to_ask] {
            post(app, ASSESS, &bad, &body()).await.refuses_with(401, "invalid-token");
        }
    }
    for header in ["", "Bearer", "Basic YTpi"] {
        post_as(&app, ASSESS, header, &body()).await.refuses_with(401, "invalid-token");
    }
}

async fn development(server: &Ehr) -> TestApp {
    let table = format!("[{}]", server.in_file());
    TestApp::builder().setting("SERVER__PUBLIC_URL", PUBLIC_URL).setting("AUTHORIZATION_SERVER", &table).start().await
}

#[actix_web::test]
async fn production_without_an_authorization_server_lets_nobody_in() {
    let app = crate::trust::ehr::production(&[]).start().await;
    app.post(ASSESS, body().to_string()).await.refuses_with(401, "invalid-token");
}
