//! Tests that the page suggests, with the last result of each, under whichever code the laboratory used.

use super::browser::Browser;
use super::ehr_of_tests::{Server, TestEhr, tokens};
use serde_json::{Value, json};

fn result(id: &str, code: &str, day: &str, value: f64) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": "Patient/p-1"},
        "effectiveDateTime": day, "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "mL/min/{1.73_m2}"}})
}

/// What the page says behind the display of the suggested eGFR.
async fn said(results: Vec<Value>) -> String {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    results.into_iter().for_each(|result| ehr.holds(result));
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    server.launched(&browser, &ehr, "north", tokens()).await;
    let page = server.patient(&browser).await;
    page.says(200, "Would help to judge what stands out");
    let (_, said) =
        page.text.split_once("(CKD-EPI 2021)/1.73 sq M: <span class=\"quiet\">").expect("the suggested eGFR");
    said.split("</span>").next().expect("its end").to_owned()
}

#[actix_web::test]
async fn a_test_that_was_done_under_another_code_of_the_same_measurement_is_found() {
    let older = result("o-1", "98979-8", "2016-05-01", 44.0);
    let newer = result("o-2", "33914-3", "2020-02-12", 8.3);
    let said_of_both = said(vec![older.clone(), newer]).await;
    assert_eq!(said_of_both, "last on 2020-02-12, 8.30 mL/min, under LOINC 33914-3");
    assert_eq!(said(vec![older]).await, "last on 2016-05-01, 44.0 mL/min");
}

#[actix_web::test]
async fn a_related_test_is_not_the_same() {
    let protein = result("o-1", "2890-2", "2020-02-12", 8.3);
    let said = said(vec![protein]).await;
    assert_eq!(said, "nothing under LOINC 98979-8 or other codes of the same measurement in what was read");
}
