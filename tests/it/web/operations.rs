//! Alive, ready, metrics, and what every address has in common.

use super::app::TestApp;
use std::time::Duration;

#[actix_web::test]
async fn a_ready_server_says_so() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/healthz").await.status, 200);
    assert_eq!(app.get("/readyz").await.status, 200);
    let metrics = app.get("/metrics").await.text();
    assert!(metrics.contains("# HELP prodrome_ready 1 when"), "{metrics}");
}

#[actix_web::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let app = TestApp::start().await;
    let (first, second) = (app.get("/healthz").await, app.get("/nothing").await);
    let id = |answer: &super::app::Answer| answer.header("x-request-id").map(str::to_string).expect("an id");
    assert_ne!(id(&first), id(&second));
}

#[actix_web::test]
async fn an_unknown_address_answers_404_without_echo() {
    let app = TestApp::start().await;
    let answer = app.get("/Patient/ZEBEDIAH-QUILLFEATHER?name=x").await;
    answer.refuses_with(404, "unknown-route");
    assert!(!answer.text().contains("QUILLFEATHER"));
}

#[actix_web::test]
async fn another_method_answers_405_with_allow() {
    let app = TestApp::start().await;
    let answer = app.send("DELETE", "/healthz", &[], vec![]).await;
    answer.refuses_with(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    let options = app.send("OPTIONS", "/healthz", &[], vec![]).await;
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
}

#[actix_web::test]
async fn every_address_names_the_methods_that_it_takes() {
    let app = TestApp::start().await;
    for (path, wrong, allowed) in [
        ("/cds-services", "POST", "GET, HEAD, OPTIONS"),
        ("/v3/cds-services", "DELETE", "GET, HEAD, OPTIONS"),
        ("/cds-services/early-detection", "GET", "POST, OPTIONS"),
        ("/v3/cds-services/early-detection", "HEAD", "POST, OPTIONS"),
        ("/cds-services/early-detection/feedback", "PUT", "POST, OPTIONS"),
        ("/readyz", "POST", "GET, HEAD, OPTIONS"),
        ("/metrics", "PATCH", "GET, HEAD, OPTIONS"),
    ] {
        let answer = app.send(wrong, path, &[], vec![]).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{wrong} {path}");
        let options = app.send("OPTIONS", path, &[], vec![]).await;
        assert_eq!((options.status, options.header("allow")), (204, Some(allowed)), "{path}");
    }
    for path in ["/cds-services", "/v3/cds-services", "/healthz", "/metrics"] {
        let answer = app.send("HEAD", path, &[], vec![]).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
}

#[actix_web::test]
async fn a_trailing_slash_makes_no_difference() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/healthz/").await.text(), app.get("/healthz").await.text());
}

#[actix_web::test]
async fn a_head_request_has_the_headers_alone() {
    let app = TestApp::start().await;
    let answer = app.send("HEAD", "/readyz", &[], vec![]).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[actix_web::test]
async fn a_loading_server_is_alive_and_not_ready() {
    let mut app = TestApp::builder().still_loading(Duration::from_millis(800)).start().await;
    assert_eq!(app.get("/healthz").await.status, 200);
    for path in ["/readyz", "/cds-services"] {
        let answer = app.get(path).await;
        answer.refuses_with(503, "not-ready");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    app.running.ready().await.expect("model and database");
    assert_eq!(app.get("/readyz").await.status, 200);
}

#[actix_web::test]
async fn a_database_that_went_away_is_not_ready() {
    let app = TestApp::start().await;
    app.running.close_database().await;
    app.get("/readyz").await.refuses_with(503, "database-away");
}
