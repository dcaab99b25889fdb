//! Which addresses ask who calls.

use super::ehr::{CALL, Ehr, body, call_with, production};
use crate::web::app::{Answer, TestApp};
use serde_json::json;

const FEEDBACK: &str = "/cds-services/early-detection/feedback";
const DISCOVERY: &str = "/cds-services";

fn feedback() -> Vec<u8> {
    json!({"feedback": [{"card": "6c5d3f0e-8b0f-4a52-9d57-3f1b7a0a9e21", "outcome": "overridden",
                         "outcomeTimestamp": "2026-05-04T08:15:41Z"}]})
    .to_string()
    .into_bytes()
}

async fn get_with(app: &TestApp, path: &str, token: &str) -> Answer {
    app.send("GET", path, &[("authorization", &format!("Bearer {token}"))], vec![]).await
}

async fn post_with(app: &TestApp, path: &str, token: &str, body: Vec<u8>) -> Answer {
    let headers = [("content-type", "application/json"), ("authorization", &*format!("Bearer {token}"))];
    app.post_with(path, &headers, body).await
}

#[actix_web::test]
async fn ch_253_ch_239_production_asks_everyone_who_posts_and_nobody_who_looks() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).start().await;
    for path in [DISCOVERY, "/healthz", "/readyz", "/metrics"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }
    for (path, body) in [(CALL, body()), (FEEDBACK, feedback()), ("/cds-services/unknown", body())] {
        for headers in [&[("content-type", "application/json")][..], &[("content-type", "text/plain")], &[]] {
            let answer = app.post_with(path, headers, body.clone()).await;
            assert_eq!((answer.status, answer.body.len()), (401, 0), "{path}");
        }
    }
    let database = app.database().await;
    let stored = sqlx::query("select id from feedback").fetch_all(&database).await.expect("rows");
    assert!(stored.is_empty(), "feedback of a stranger was stored");
}

#[actix_web::test]
async fn feedback_is_taken_with_a_token_for_its_own_address() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).start().await;
    assert_eq!(post_with(&app, FEEDBACK, &ehr.token(FEEDBACK), feedback()).await.status, 200);
    ehr.refused(&post_with(&app, FEEDBACK, &ehr.token(CALL), feedback()).await, "`aud`");
}

#[actix_web::test]
async fn a_trailing_slash_of_the_address_changes_no_audience() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).start().await;
    assert_eq!(post_with(&app, &format!("{CALL}/"), &ehr.token(CALL), body()).await.status, 200);
}

#[actix_web::test]
async fn ch_040_signed_discovery_asks_for_a_token_of_its_address() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).setting("SERVER__DISCOVERY", "signed").start().await;
    let refused = app.get(DISCOVERY).await;
    assert_eq!((refused.status, refused.body.len(), refused.header("www-authenticate")), (401, 0, Some("Bearer")));
    assert_eq!(app.send("HEAD", DISCOVERY, &[], vec![]).await.status, 401);
    ehr.refused(&get_with(&app, DISCOVERY, &ehr.token(CALL)).await, "`aud`");
    assert_eq!(get_with(&app, DISCOVERY, &ehr.token(DISCOVERY)).await.json()["services"][0]["id"], "early-detection");
    assert_eq!(app.get("/healthz").await.status, 200);
}

#[actix_web::test]
async fn configured_audiences_hold_for_every_address() {
    let ehr = Ehr::rs384().with(r#"audiences = ["typed by hand", "https://old.example.org"]"#);
    let app = production(&[ehr.in_file()]).setting("SERVER__DISCOVERY", "signed").start().await;
    let token = |audience: &str| {
        let mut claims = ehr.claims(CALL);
        claims["aud"] = audience.into();
        ehr.sign(&ehr.header(), &claims)
    };
    assert_eq!(call_with(&app, &token("typed by hand")).await.status, 200);
    assert_eq!(post_with(&app, FEEDBACK, &token("https://old.example.org"), feedback()).await.status, 200);
    assert_eq!(get_with(&app, DISCOVERY, &token("typed by hand")).await.status, 200);
    ehr.refused(&call_with(&app, &token("typed by")).await, "`aud`");
    ehr.calls(&app).await;
}

#[actix_web::test]
async fn rows_name_the_client_that_called() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).start().await;
    ehr.calls(&app).await;
    let row = sqlx::query("select client from audit").fetch_one(&app.database().await).await.expect("a row");
    assert_eq!(sqlx::Row::get::<String, _>(&row, "client"), ehr.issuer);
}

#[actix_web::test]
async fn a_page_of_a_listed_origin_may_read_a_refusal_too() {
    let app =
        production(&[Ehr::rs384().in_file()]).setting("SERVER__CORS_ORIGINS", "https://page.example.org").start().await;
    let answer = app.post_with(CALL, &[("origin", "https://page.example.org")], body()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://page.example.org"));
}
