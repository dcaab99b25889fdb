//! What the API says of itself.

use super::caller::app;
use super::caller::{ASSESS, parameters, sent_chart};
use crate::oracle::AgeOracle;
use crate::trust::ehr::Ehr;
use crate::web::app::{Answer, TestApp};
use prodrome::prediction::answer::Oracle;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

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
    assert!(!text.contains("<script") && !text.contains("style=\"") && !text.contains("=\"http"), "{text}");
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

/// The codes of the model that answers in tests, which are those of the shipped phenotypes.
fn codes() -> BTreeSet<String> {
    AgeOracle::new(Duration::ZERO).outcomes().iter().map(|outcome| outcome.phenotype.to_string()).collect()
}

fn words(list: &Value, member: &str) -> BTreeSet<String> {
    let items = list.as_array().unwrap_or_else(|| panic!("{list} is no list")).iter();
    let text = |item: &Value| if member.is_empty() { item.clone() } else { item[member].clone() };
    items.map(|item| text(item).as_str().expect("a word").to_owned()).collect()
}

/// The entry of `Parameters.parameter` that has this name, as the document describes it.
fn described<'a>(document: &'a Value, schema: &str, name: &str) -> &'a Value {
    let items = &document["components"]["schemas"][schema]["properties"]["parameter"]["items"]["oneOf"];
    items.as_array().expect("parameters").iter().find(|one| one["title"] == name).expect("the parameter")
}

#[actix_web::test]
async fn the_codes_of_all_outcomes_are_found_in_the_document_in_the_definition_and_on_the_page() {
    let app = TestApp::start().await;
    let document = app.get("/openapi.json").await.json();
    let phenotype = described(&document, "AssessRiskParameters", "phenotype");
    assert_eq!(words(&phenotype["oneOf"][0]["properties"]["valueCode"]["enum"], ""), codes());
    let definition = app.get("/fhir/OperationDefinition/assess-risk").await.json();
    let parameter =
        definition["parameter"].as_array().expect("parameters").iter().find(|one| one["name"] == "phenotype");
    assert_eq!(parameter.expect("phenotype")["binding"], json!({"strength": "required", "valueSet": "#outcomes"}));
    let set = &definition["contained"][0];
    assert_eq!(words(&set["compose"]["include"][0]["concept"], "code"), codes());
    assert!(app.get("/fhir/OperationDefinition/embed").await.json()["contained"].is_null());
    let page = app.get("/docs").await.text();
    assert!(
        codes().iter().all(|code| page.contains(&format!("<code>{code}</code>"))) && page.contains("as-of"),
        "{page}"
    );
}

#[actix_web::test]
async fn an_outcome_that_is_not_known_leads_to_the_list_and_one_that_is_no_code_is_told_apart() {
    let app = TestApp::start().await;
    let said = async |value: Value| {
        let answer = app.post(ASSESS, parameters(&[sent_chart(), value]).to_string()).await;
        answer.refuses_with(400, "wrong-parameter")["details"]["text"].as_str().expect("a text").to_owned()
    };
    let unknown = said(json!({"name": "phenotype", "valueCode": "diabetes"})).await;
    assert!(unknown.contains("GET /fhir/OperationDefinition/assess-risk"), "{unknown}");
    for no_code in [json!({"name": "phenotype", "valueString": "ckd-any"}), json!({"name": "phenotype"})] {
        assert!(said(no_code).await.contains("must be a `valueCode`"));
    }
}

#[actix_web::test]
async fn every_example_of_the_document_is_accepted_and_its_parameters_are_those_that_are_read() {
    let app = TestApp::builder().shipped_model().setting("ENGINE__DEADLINE", "60 s").start().await;
    let document = app.get("/openapi.json").await.json();
    for (schema, last) in [("AssessRiskParameters", "phenotype"), ("EmbedParameters", "encoding")] {
        for name in ["chart", "patient", "as-of", last] {
            assert!(described(&document, schema, name)["description"].is_string(), "{schema}: {name}");
        }
    }
    let mut sent = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some((media, body)) = item["post"]["requestBody"]["content"].as_object().and_then(|all| all.iter().next())
        else {
            continue;
        };
        let real = path.replace("{id}", "early-detection");
        let headers = [("content-type", media.as_str())];
        let answer = app.post_with(&real, &headers, body["example"].to_string().into_bytes()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if path == "/fhir" {
            assert_eq!(answer.json()["entry"][0]["response"]["status"], "200 OK");
        }
        let schema = body["schema"]["$ref"].as_str().expect("a named schema");
        assert!(document.pointer(&schema[1..]).is_some(), "{schema}");
        sent += 1;
    }
    assert_eq!(sent, 7, "three of /fhir, and two of CDS Hooks in two editions");
}

#[actix_web::test]
async fn each_refusal_is_told_with_its_status_and_code() {
    let app = TestApp::start().await;
    let document = app.get("/openapi.json").await.json();
    let is_told = |path: &str, answer: &Answer| {
        let code = answer.json()["issue"][0]["details"]["coding"][0]["code"].as_str().expect("a code").to_owned();
        let told = &document["paths"][path]["post"]["responses"][answer.status.to_string()];
        assert!(
            told["description"].as_str().is_some_and(|text| text.contains(&format!("`{code}`"))),
            "{path} {code}: {told}"
        );
        assert_eq!(told["content"]["application/fhir+json"]["schema"]["$ref"], "#/components/schemas/OperationOutcome");
    };
    let with_token = [("content-type", "application/json"), ("authorization", "Bearer made-up")];
    for path in ["/fhir/$assess-risk", "/fhir/$embed", "/fhir"] {
        is_told(path, &app.post(path, "[]").await);
        is_told(path, &app.post_with(path, &with_token, b"{}".to_vec()).await);
        is_told(path, &app.post_with(path, &[("content-type", "text/plain")], b"{}".to_vec()).await);
        for status in ["403", "413", "503"] {
            assert!(document["paths"][path]["post"]["responses"][status].is_object(), "{path} {status}");
        }
    }
    is_told("/fhir/$embed", &app.post("/fhir/$embed", parameters(&[sent_chart()]).to_string()).await);
    for path in ["/cds-services/{id}", "/v3/cds-services/{id}"] {
        is_told(path, &app.post(&path.replace("{id}", "early-detection"), "{}").await);
        is_told(path, &app.post(&path.replace("{id}", "tea"), "{}").await);
    }
}
