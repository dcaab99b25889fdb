//! What is answered about a chart that was sent.

use super::caller::{ASSESS, EMBED, PHENOTYPE, app, own_chart, parameters, phenotype, post, sent_chart, token};
use crate::trust::ehr::{Ehr, production};
use crate::web::app::TestApp;
use crate::web::charts::PATIENT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sqlx::Row;

/// A Bundle whose every resource R4 accepts.
#[track_caller]
fn checked(bundle: &Value) -> Vec<Value> {
    fhir_fence::check(bundle.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {bundle}"));
    bundle["entry"].as_array().expect("entries").iter().map(|entry| entry["resource"].clone()).collect()
}

fn of<'a>(resources: &'a [Value], resource_type: &str) -> Vec<&'a Value> {
    resources.iter().filter(|resource| resource["resourceType"] == resource_type).collect()
}

#[actix_web::test]
async fn a_chart_is_answered_with_risks_their_basis_the_model_and_its_provenance() {
    let server = Ehr::es384();
    let app = app(&server).await;
    let access = token(&server, "patient/RiskAssessment.r", Some(PATIENT));
    let answer = post(&app, ASSESS, &access, &parameters(&[sent_chart(), phenotype()])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    let resources = checked(&answer.json());
    let [risk] = of(&resources, "RiskAssessment")[..] else { panic!("one outcome was asked about") };
    assert_eq!(risk["meta"]["security"][0]["code"], "AIAST");
    assert_eq!(risk["subject"]["reference"], format!("Patient/{PATIENT}"));
    assert_eq!(risk["method"]["coding"][0]["code"], "age-oracle@0");
    assert!(risk["note"].to_string().contains("synthetic"), "{risk}");
    assert!(risk["basis"][0]["reference"].as_str().is_some_and(|basis| basis.contains('/')), "{risk}");
    let first = &risk["prediction"][0];
    assert_eq!(first["outcome"]["coding"][0]["code"], PHENOTYPE);
    assert!(first["probabilityDecimal"].as_f64().is_some_and(|percent| percent > 50.0), "{first}");
    assert_eq!(first["relativeRisk"].as_f64(), Some(2.0));
    let ([device], [provenance]) = (&of(&resources, "Device")[..], &of(&resources, "Provenance")[..]) else {
        panic!("one model and one provenance: {resources:?}")
    };
    assert_eq!(device["identifier"][0]["value"], "age-oracle@0");
    assert_eq!(provenance["entity"][0]["what"]["reference"], risk["basis"][0]["reference"]);
    let row = sqlx::query("select service, client, outcome, hook from audit")
        .fetch_one(&app.database().await)
        .await
        .expect("a row");
    let column = |name: &str| row.get::<String, _>(name);
    assert_eq!((column("service"), column("outcome")), ("assess-risk".into(), "assessment".into()));
    assert_eq!(column("client"), format!("{} ward-dashboard", server.issuer));
}

#[actix_web::test]
async fn every_outcome_is_answered_where_none_is_named_and_silence_has_no_number() {
    let app = TestApp::start().await;
    let mut young = own_chart();
    for entry in young["entry"].as_array_mut().expect("entries") {
        if entry["resource"]["resourceType"] == "Patient" {
            entry["resource"].as_object_mut().expect("a patient").remove("birthDate");
        }
    }
    let body = parameters(&[json!({"name": "chart", "resource": young})]);
    let answer = app.post(ASSESS, body.to_string()).await;
    let resources = checked(&answer.json());
    let risks = of(&resources, "RiskAssessment");
    assert!(risks.len() > 20, "{}", risks.len());
    for prediction in risks.iter().flat_map(|risk| risk["prediction"].as_array().expect("predictions")) {
        assert!(prediction["probabilityDecimal"].is_null() && prediction["relativeRisk"].is_null(), "{prediction}");
        assert_eq!(prediction["extension"][1]["valueCode"], "age-out-of-range");
        let reason = &prediction["extension"][2]["valueCode"];
        assert!(["unsupported", "not-applicable"].contains(&reason.as_str().unwrap_or_default()), "{prediction}");
    }
}

#[actix_web::test]
async fn a_moment_may_be_chosen_and_nothing_later_is_read() {
    let app = TestApp::start().await;
    let at = |moment: &str| parameters(&[sent_chart(), phenotype(), json!({"name": "as-of", "valueDate": moment})]);
    let early = app.post(ASSESS, at("1990-01-01").to_string()).await.json();
    let risk = &early["entry"][0]["resource"];
    assert_eq!(risk["occurrenceDateTime"], "1990-01-01T23:59:59Z");
    assert_eq!(risk["prediction"][0]["extension"][1]["valueCode"], "thin-chart", "{risk}");
    app.post(ASSESS, at("2999-01-01").to_string()).await.refuses_with(400, "wrong-parameter");
}

#[actix_web::test]
async fn what_cannot_be_read_is_refused_by_its_parameter_and_never_repeated() {
    let app = TestApp::start().await;
    let several = json!({"resourceType": "Bundle", "entry": [
        {"resource": {"resourceType": "Patient", "id": "a"}}, {"resource": {"resourceType": "Patient", "id": "b"}}]});
    for (body, code) in [
        (json!({"resourceType": "Bundle"}), "wrong-parameter"),
        (parameters(&[]), "wrong-parameter"),
        (parameters(&[json!({"name": "sesame"})]), "wrong-parameter"),
        (parameters(&[sent_chart(), json!({"name": "phenotype", "valueCode": "sesame"})]), "wrong-parameter"),
        (parameters(&[json!({"name": "chart", "resource": {"resourceType": "Bundle"}})]), "which-patient"),
        (parameters(&[json!({"name": "chart", "resource": several})]), "which-patient"),
        (parameters(&[sent_chart(), json!({"name": "patient", "valueId": "sesame"})]), "which-patient"),
    ] {
        let answer = app.post(ASSESS, body.to_string()).await;
        answer.refuses_with(400, code);
        assert!(!answer.text().contains("sesame"), "{}", answer.text());
    }
}

#[actix_web::test]
async fn a_state_is_a_vector_of_the_named_model() {
    let server = Ehr::es384();
    let app = production(&[])
        .setting("AUTHORIZATION_SERVER", &format!("[{}]", server.in_file()))
        .shipped_model()
        .start()
        .await;
    let access = token(&server, "system/*.rs", None);
    let as_of = json!({"name": "as-of", "valueDate": "2019-01-01"});
    let packed = post(&app, EMBED, &access, &parameters(&[sent_chart(), as_of.clone()])).await;
    assert_eq!(packed.status, 200, "{}", packed.text());
    let packed = packed.json();
    fhir_fence::check(packed.to_string().as_bytes()).expect("R4");
    let find = |name: &str| {
        packed["parameter"].as_array().expect("parameters").iter().find(|one| one["name"] == name).cloned()
    };
    assert!(
        find("model").expect("a model")["valueString"].as_str().is_some_and(|model| model.starts_with("prodrome-s@"))
    );
    let length = find("length").expect("a length")["valueInteger"].as_u64().expect("a number") as usize;
    let bytes =
        STANDARD.decode(find("state").expect("a state")["valueBase64Binary"].as_str().expect("text")).expect("base64");
    assert!(length > 16 && bytes.len() == 4 * length, "{length}");
    let decimal = json!({"name": "encoding", "valueCode": "decimal"});
    let plain = post(&app, EMBED, &access, &parameters(&[sent_chart(), as_of, decimal])).await.json();
    let values = plain["parameter"].as_array().expect("parameters").iter().filter(|one| one["name"] == "value");
    let values: Vec<f64> = values.map(|one| one["valueDecimal"].as_f64().expect("a number")).collect();
    let first = f64::from(f32::from_le_bytes(bytes[..4].try_into().expect("four bytes")));
    assert!(values.len() == length && (values[0] - first).abs() < 1e-5, "{} {first}", values[0]);
}

#[actix_web::test]
async fn a_model_without_a_state_says_so() {
    let app = TestApp::start().await;
    app.post(EMBED, parameters(&[sent_chart()]).to_string()).await.refuses_with(501, "no-state");
}

#[actix_web::test]
async fn a_batch_is_answered_entry_by_entry() {
    let server = Ehr::es384();
    let app = app(&server).await;
    let access = token(&server, "patient/RiskAssessment.r", Some(PATIENT));
    let entry = |method: &str, url: &str, more: &[Value]| json!({"request": {"method": method, "url": url}, "resource": parameters(more)});
    let other = json!({"name": "patient", "valueId": "another"});
    let entries = [
        entry("POST", "$assess-risk", &[sent_chart(), phenotype()]),
        entry("POST", "$assess-risk", &[sent_chart(), other]),
        entry("POST", "$embed", &[sent_chart()]),
        entry("GET", "$assess-risk", &[sent_chart()]),
        entry("POST", "Patient", &[]),
        json!("nonsense"),
    ];
    let answer =
        post(&app, "/fhir", &access, &json!({"resourceType": "Bundle", "type": "batch", "entry": entries})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let bundle = answer.json();
    fhir_fence::check(bundle.to_string().as_bytes()).expect("R4");
    let statuses: Vec<&str> = bundle["entry"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|one| one["response"]["status"].as_str().unwrap_or(""))
        .collect();
    let codes: Vec<&str> = statuses.iter().map(|status| &status[..3]).collect();
    assert_eq!(codes, ["200", "403", "403", "400", "400", "400"], "{bundle}");
    assert_eq!(bundle["entry"][0]["resource"]["type"], "collection");
    let many = json!({"resourceType": "Bundle", "type": "batch", "entry": vec![json!({}); 33]});
    post(&app, "/fhir", &access, &many).await.refuses_with(413, "too-many-entries");
    let transaction = json!({"resourceType": "Bundle", "type": "transaction", "entry": []});
    post(&app, "/fhir", &access, &transaction).await.refuses_with(400, "not-a-batch");
}
