//! Development believes a known issuer no more than production does, and everyone else is anonymous there.

use super::ehr::{CALL, Ehr, PUBLIC_URL, body, call_as, call_with};
use crate::web::app::TestApp;

async fn development(ehr: &Ehr) -> TestApp {
    TestApp::builder()
        .setting("SERVER__PUBLIC_URL", PUBLIC_URL)
        .setting("CDS_CLIENT", &format!("[{}]", ehr.in_file()))
        .start()
        .await
}

#[actix_web::test]
async fn in_development_a_stranger_is_anonymous() {
    let (ehr, stranger) = (Ehr::rs384(), Ehr::es384());
    let app = development(&ehr).await;
    assert_eq!(app.post_with(CALL, &[("content-type", "application/json")], body()).await.status, 200);
    for authorization in ["Bearer nonsense", "Basic eDp5", &format!("Bearer {}", stranger.token(CALL))] {
        assert_eq!(call_as(&app, authorization).await.status, 200, "{authorization:.20}");
    }
    let clients =
        sqlx::query("select client from audit where client is not null").fetch_all(&app.database().await).await;
    assert!(clients.expect("rows").is_empty());
}

#[actix_web::test]
async fn in_development_a_configured_issuer_must_verify() {
    let ehr = Ehr::rs384();
    let app = development(&ehr).await;
    let token = ehr.token(CALL);
    ehr.refused(&call_with(&app, &token[..token.len() - 2]).await, "signature");
    let mut claims = ehr.claims(CALL);
    claims["padding"] = "x".repeat(8192).into();
    let answer = call_with(&app, &ehr.sign(&ehr.header(), &claims)).await;
    assert_eq!((answer.status, answer.body.len()), (401, 0), "an oversized token was taken for an anonymous call");
    assert_eq!(call_with(&app, &token).await.status, 200);
    ehr.refused(&call_with(&app, &token).await, "used before");
}
