//! What browsers may do.

use super::app::TestApp;

const PAGE: (&str, &str) = ("origin", "https://ehr.example.org");

#[actix_web::test]
async fn a_page_of_any_origin_may_call_in_development_without_credentials() {
    let app = TestApp::start().await;
    let answer = app.send("GET", "/cds-services", &[PAGE], vec![]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert!(answer.header("access-control-expose-headers").is_some_and(|list| list.contains("x-prodrome-cache")));
}

#[actix_web::test]
async fn a_preflight_is_answered_without_asking_who_calls() {
    let app = TestApp::start().await;
    let headers = [
        PAGE,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, content-type"),
        ("access-control-request-private-network", "true"),
    ];
    let answer = app.send("OPTIONS", "/cds-services/early-detection", &headers, vec![]).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
    assert!(answer.header("access-control-allow-headers").is_some_and(|list| list.contains("authorization")));
    assert_eq!(answer.header("access-control-allow-private-network"), Some("true"));
}

#[actix_web::test]
async fn errors_can_be_read_by_a_page_too() {
    let app = TestApp::start().await;
    let answer = app.send("POST", "/cds-services/nothing/feedback", &[PAGE], b"{}".to_vec()).await;
    answer.refuses_with(404, "unknown-service");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[actix_web::test]
async fn other_addresses_are_not_for_pages() {
    let app = TestApp::start().await;
    let answer = app.send("GET", "/metrics", &[PAGE], vec![]).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
