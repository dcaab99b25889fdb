//! Who is calling, as far as this version knows.

use super::app::TestApp;
use super::charts::{call, one_bundle};

/// `{"alg":"none"}.{"iss":"https://ehr.example.org"}.`
const TOKEN: &str = "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2Voci5leGFtcGxlLm9yZyJ9.";
const PATH: &str = "/cds-services/early-detection";
const CLIENT: &str = r#"[{ name = "ehr", issuer = "https://ehr.example.org", jwks_file = "ehr.jwks.json" }]"#;

async fn call_with_token(app: &TestApp) -> super::app::Answer {
    let body = call("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", one_bundle()).to_string().into_bytes();
    app.post_with(PATH, &[("content-type", "application/json"), ("authorization", TOKEN)], body).await
}

#[actix_web::test]
async fn a_token_of_a_configured_issuer_is_not_believed_without_being_verified() {
    let app = TestApp::builder().setting("CDS_CLIENT", CLIENT).start().await;
    let answer = call_with_token(&app).await;
    assert_eq!((answer.status, answer.body.len()), (401, 0));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[actix_web::test]
async fn a_token_of_another_issuer_is_an_anonymous_call_in_development() {
    let app = TestApp::start().await;
    assert_eq!(call_with_token(&app).await.status, 200);
}
