//! What the API says of itself.

use super::caller::app;
use crate::trust::ehr::Ehr;
use crate::web::app::TestApp;

#[actix_web::test]
async fn capability_statement_and_operation_definitions_are_r4_and_lead_to_each_other() {
    let app = TestApp::start().await;
    let statement = app.get("/fhir/metadata").await;
    fhir_fence::check(&statement.body).expect("R4");
    let operations = statement.json()["rest"][0]["operation"].as_array().expect("operations").clone();
    assert_eq!(operations.len(), 2);
    for operation in operations {
        let definition =
            app.get(&format!("/fhir/OperationDefinition/{}", operation["name"].as_str().expect("a name"))).await;
        fhir_fence::check(&definition.body).expect("R4");
        assert_eq!(definition.json()["url"], operation["definition"]);
    }
    app.get("/fhir/OperationDefinition/other").await.refuses_with(404, "unknown-route");
}

#[actix_web::test]
async fn where_tokens_are_had_is_told_to_every_page_where_the_settings_say_it() {
    let server = Ehr::es384().with("token_url = \"https://as.example.org/token\"");
    let app = app(&server).await;
    let path = "/fhir/.well-known/smart-configuration";
    let answer = app.send("GET", path, &[("origin", "https://anywhere.example")], vec![]).await;
    assert_eq!(answer.json()["token_endpoint"], "https://as.example.org/token");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    TestApp::start().await.get(path).await.refuses_with(404, "unknown-route");
}

#[actix_web::test]
async fn every_address_of_the_document_is_served_and_drawn_on_a_page_without_scripts() {
    let app = TestApp::start().await;
    let document = app.get("/openapi.json").await.json();
    let page = app.get("/docs").await;
    let policy = page.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text();
    assert!(!text.contains("<script") && !text.contains("style=\"") && !text.contains("http"), "{text}");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        assert!(text.contains(path.as_str()), "{path}");
        for method in methods.as_object().expect("methods").keys() {
            let real = path.replace("{id}", "early-detection").replace("{code}", "embed");
            let answer = app.send(&method.to_uppercase(), &real, &[("content-type", "application/json")], vec![]).await;
            let unknown =
                answer.status == 405 || answer.status == 404 && path != "/fhir/.well-known/smart-configuration";
            assert!(!unknown || path == "/.well-known/jwks.json", "{method} {path}: {}", answer.status);
        }
    }
    assert_eq!(app.get("/docs/style.css").await.status, 200);
}
