//! `GET /cds-services`.

use super::app::TestApp;

#[actix_web::test]
async fn the_service_is_listed_with_its_templates() {
    let app = TestApp::start().await;
    let answer = app.get("/cds-services").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let discovery = answer.json();
    let service = &discovery["services"][1];
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

#[actix_web::test]
async fn ch_032_ch_037_one_id_stands_for_several_hooks_patient_view_last_and_every_entry_has_one_version() {
    let app = TestApp::start().await;
    for (path, version) in [("/cds-services", "2.0.1"), ("/v3/cds-services", "3.0.0-ballot")] {
        let list = app.get(path).await.json();
        let services = list["services"].as_array().expect("services");
        let pairs: Vec<String> =
            services.iter().map(|entry| format!("{} {}", entry["id"], entry["hook"]).replace('"', "")).collect();
        let expected = [
            "early-detection encounter-start",
            "early-detection patient-view",
            "order-outlook order-sign",
            "order-outlook order-select",
            "readmission-risk encounter-discharge",
        ];
        assert_eq!(pairs, expected, "{path}");
        assert!(services.iter().all(|entry| entry["version"] == version), "{list}");
    }
}

#[actix_web::test]
async fn ch_033_ch_088_the_list_of_3_0_has_hook_versions_and_templates_that_only_its_clients_can_fill() {
    let app = TestApp::start().await;
    let outlook = |list: serde_json::Value| list["services"][3].clone();
    let (second, third) =
        (outlook(app.get("/cds-services").await.json()), outlook(app.get("/v3/cds-services").await.json()));
    assert!(second["hookVersion"].is_null() && second["prefetch"]["medications"].is_null());
    assert_eq!(third["hookVersion"], "1.0");
    let template = third["prefetch"]["medications"].as_str().expect("a template");
    assert!(template.starts_with("Medication?_id={{context.draftOrders."), "{template}");
    for entry in [&second, &third] {
        let templates = entry["prefetch"].as_object().expect("templates");
        assert!(templates.values().all(|template| template.as_str().is_some_and(|text| !text.is_empty())));
    }
}
