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

async fn in_production() -> TestApp {
    let builder = TestApp::builder().setting("SERVER__MODE", "production").setting("SERVER__ALLOW_PLAIN_HTTP", "true");
    builder.setting("SERVER__CORS_ORIGINS", "https://ehr.example.org").start().await
}

#[actix_web::test]
async fn in_production_only_listed_origins_may_call_at_either_address() {
    let app = in_production().await;
    let other = ("origin", "https://ehr.example.org.evil.example");
    let asks = [("access-control-request-method", "POST"), ("access-control-request-private-network", "true")];
    for path in ["/cds-services/early-detection", "/v3/cds-services/early-detection", "/v3/cds-services"] {
        let listed = app.send("OPTIONS", path, &[PAGE, asks[0], asks[1]], vec![]).await;
        assert_eq!((listed.status, listed.header("access-control-allow-origin")), (204, Some(PAGE.1)), "{path}");
        assert_eq!(listed.header("access-control-allow-private-network"), Some("true"), "{path}");
        let refused = app.send("OPTIONS", path, &[other, asks[0], asks[1]], vec![]).await;
        for header in ["access-control-allow-origin", "access-control-allow-private-network"] {
            assert_eq!(refused.header(header), None, "{path}");
        }
        assert_eq!((listed.header("vary"), refused.header("vary")), (Some("Origin"), Some("Origin")));
    }
    let read = app.send("GET", "/cds-services", &[other], vec![]).await;
    assert_eq!((read.status, read.header("access-control-allow-origin")), (200, None));
}

#[actix_web::test]
async fn in_development_every_origin_may_call_the_addresses_of_3_0_too() {
    let app = TestApp::start().await;
    let asks = [("access-control-request-method", "POST"), ("access-control-request-private-network", "true")];
    for path in ["/v3/cds-services", "/v3/cds-services/early-detection", "/v3/cds-services/early-detection/feedback"] {
        let answer = app.send("OPTIONS", path, &[PAGE, asks[0], asks[1]], vec![]).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("*")), "{path}");
        assert_eq!(answer.header("access-control-allow-private-network"), Some("true"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
    }
}
