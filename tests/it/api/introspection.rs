//! Tokens that only their server can read: it is asked, over HTTP, as it is in production.

use super::caller::{ASSESS, parameters, phenotype, post, sent_chart};
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
