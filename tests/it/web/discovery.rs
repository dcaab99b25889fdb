//! `GET /cds-services`.

use super::app::TestApp;

#[actix_web::test]
async fn the_service_is_listed_with_its_templates() {
    let app = TestApp::start().await;
    let answer = app.get("/cds-services").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let discovery = answer.json();
    let service = &discovery["services"][0];
    assert_eq!((&service["id"], &service["hook"]), (&"early-detection".into(), &"patient-view".into()));
    assert_eq!(service["prefetch"]["patient"], "Patient/{{context.patientId}}");
    assert_eq!(app.get("/cds-services/").await.json(), discovery);
}

#[actix_web::test]
async fn an_empty_folder_of_services_lists_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = TestApp::builder().setting("SERVICES__PATH", &folder.path().display().to_string()).start().await;
    assert_eq!(app.get("/cds-services").await.text(), r#"{"services":[]}"#);
}

#[actix_web::test]
async fn a_service_is_posted_to_and_not_read() {
    let app = TestApp::start().await;
    let answer = app.get("/cds-services/early-detection/feedback").await;
    answer.refuses_with(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
}
