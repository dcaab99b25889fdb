//! Tokens that only their server can read: it is asked, over HTTP, as it is in production.

use super::caller::{ASSESS, parameters, phenotype, post, sent_chart};
use crate::sandbox_ehr::app::{text, tokens};
use crate::sandbox_ehr::twin::{RESOURCE, Twin};
use crate::trust::ehr::{Ehr, PUBLIC_URL, now, production};
use crate::trust::key_server::{KeyServer, Publishes};
use crate::web::app::TestApp;
use crate::web::logs;
use serde_json::{Value, json};

async fn app(place: &KeyServer) -> TestApp {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(secret.path(), "s3cret\n").expect("written");
    let table = format!(
        "[{{ name = \"asked\", issuer = \"https://as.example.org\", introspection_url = \"{}\", client_id = \"us\", \
         client_secret_file = \"{}\" }}]",
        place.url(),
        secret.path().display()
    );
    production(&[]).setting("AUTHORIZATION_SERVER", &table).start().await
}

fn active() -> Value {
    json!({"active": true, "client_id": "c", "scope": "system/RiskAssessment.r", "exp": now() + 300,
           "aud": format!("{PUBLIC_URL}/fhir")})
}

async fn status(app: &TestApp, token: &str) -> u16 {
    post(app, ASSESS, token, &parameters(&[sent_chart(), phenotype()])).await.status
}

#[actix_web::test]
async fn a_clear_yes_lets_in_and_is_remembered_for_a_while() {
    let place = KeyServer::start(Publishes::Document(active().to_string()));
    let app = app(&place).await;
    assert_eq!((status(&app, "opaque-secret-1").await, status(&app, "opaque-secret-1").await), (200, 200));
    assert_eq!(place.asked(), 1);
    assert_eq!(status(&app, "opaque-secret-2").await, 200);
    assert_eq!(place.asked(), 2);
    assert!(!logs::read().contains("opaque-secret"), "a token is in the log");
}

#[actix_web::test]
async fn anything_but_a_clear_yes_is_a_no() {
    let place = KeyServer::start(Publishes::Document("{}".into()));
    let app = app(&place).await;
    let mut number = 0;
    for (member, value) in [
        ("active", json!("true")),
        ("active", json!(false)),
        ("active", Value::Null),
        ("exp", json!(now() - 1)),
        ("exp", Value::Null),
        ("aud", json!("https://ehr.example.org/fhir")),
        ("client_id", Value::Null),
    ] {
        let mut answer = active();
        answer[member] = value.clone();
        place.publish(Publishes::Document(answer.to_string()));
        number += 1;
        assert_eq!(status(&app, &format!("t{number}")).await, 401, "{member}: {value}");
    }
    // A server that says nothing of scopes grants none.
    let mut answer = active();
    answer["scope"] = Value::Null;
    place.publish(Publishes::Document(answer.to_string()));
    assert_eq!(status(&app, "bare").await, 403);
}

#[actix_web::test]
async fn a_server_that_cannot_be_asked_lets_nobody_in_and_says_so() {
    let place = KeyServer::start(Publishes::Noise);
    let app = app(&place).await;
    let answer = post(&app, ASSESS, "t", &parameters(&[sent_chart()])).await;
    answer.refuses_with(503, "token-undecided");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[actix_web::test]
async fn a_jwt_of_another_issuer_is_never_sent_to_the_one_that_can_be_asked() {
    let (place, stranger) = (KeyServer::start(Publishes::Document(active().to_string())), Ehr::es384());
    let app = app(&place).await;
    assert_eq!(status(&app, &super::caller::token(&stranger, "system/*.rs", None)).await, 401);
    assert_eq!(place.asked(), 0);
}

/// An app that asks the twin as its client `signing`, with the keys of this folder.
async fn asking(twin: &Twin, keys: &std::path::Path) -> TestApp {
    let page = &twin.page;
    let table = format!(
        "[{{ name = \"twin\", issuer = \"{page}\", audience = \"{RESOURCE}\", fhir_server = \"{page}/fhir\", \
         introspection_url = \"{page}/introspect\", client_id = \"signing\" }}]"
    );
    let app = production(&[]).setting("AUTHORIZATION_SERVER", &table);
    app.setting("KEYS__FOLDER", &keys.display().to_string()).start().await
}

#[actix_web::test]
async fn we_show_by_our_own_keys_who_asks_and_the_patient_is_read_with_the_token() {
    let twin = Twin::start();
    let app = asking(&twin, &twin.keys_folder()).await;
    let response = tokens(&twin, "patient/*.rs").await;
    let token = text(&response, "access_token");
    let answer = post(&app, ASSESS, token, &parameters(&[phenotype()])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["entry"][0]["resource"]["subject"]["reference"], "Patient/ann");
    let other = parameters(&[phenotype(), json!({"name": "patient", "valueId": "bob"})]);
    post(&app, ASSESS, token, &other).await.refuses_with(403, "other-patient");
    // Each question is signed anew: the twin takes no assertion twice.
    let narrow = tokens(&twin, "patient/Observation.rs").await;
    let refused = post(&app, ASSESS, text(&narrow, "access_token"), &parameters(&[])).await;
    refused.refuses_with(403, "insufficient-scope");
    let over = tokens(&twin, "patient/*.rs").await;
    let over = text(&over, "access_token");
    assert_eq!(twin.post("/revoke", &[("client_id", "public"), ("token", over)]).await.status, 200);
    post(&app, ASSESS, over, &parameters(&[])).await.refuses_with(401, "invalid-token");
}

#[actix_web::test]
async fn a_server_that_does_not_know_our_keys_lets_nobody_in() {
    let (twin, stranger) = (Twin::start(), Twin::start());
    let app = asking(&twin, &stranger.keys_folder()).await;
    let response = tokens(&twin, "patient/*.rs").await;
    let answer = post(&app, ASSESS, text(&response, "access_token"), &parameters(&[])).await;
    answer.refuses_with(503, "token-undecided");
}
