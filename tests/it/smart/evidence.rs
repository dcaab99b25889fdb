//! The resource behind a piece of evidence: shown to the session whose patient it is about, and to nobody else.

use super::browser::{Browser, Page};
use super::ehr_of_tests::{Server, TestEhr, tokens};
use serde_json::{Value, json};

const TOKEN: &str = "canary-access-91c2";

fn condition(id: &str, patient: &str, display: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": format!("Patient/{patient}")},
        "recordedDate": "2018-05-01", "code": {"coding": [
            {"system": "http://snomed.info/sct", "code": "15777000", "display": display}]}})
}

/// A session with the patient `p-1` open.
async fn opened(ehr: &TestEhr, server: &Server) -> Browser {
    let (browser, mut granted) = (Browser::default(), tokens());
    granted["access_token"] = TOKEN.into();
    server.launched(&browser, ehr, "north", granted).await;
    browser
}

async fn evidence(server: &Server, browser: &Browser, address: &str) -> Page {
    browser.get(&format!("{}/smart/evidence/{address}", server.url)).await
}

#[actix_web::test]
async fn evidence_of_the_open_patient_is_told_in_words_and_as_json_without_the_token() {
    let ehr = TestEhr::start();
    ehr.holds(condition("c-1", "p-1", "<script>alert(1)</script> Prediabetes"));
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let browser = opened(&ehr, &server).await;
    let page = server.patient(&browser).await;
    page.says(200, "href=\"/smart/evidence/Condition/c-1\"");
    let shown = evidence(&server, &browser, "Condition/c-1").await;
    shown.says(200, "Prediabetes (SNOMED CT 15777000)");
    shown.says(200, "<dd>2018-05-01</dd>");
    shown.says(200, &format!("<code>{}/Condition/c-1</code>", ehr.fhir()));
    shown.says(200, "&quot;resourceType&quot;: &quot;Condition&quot;");
    for absent in ["<script>alert", TOKEN] {
        assert!(!shown.text.contains(absent), "{absent} in {}", shown.text);
    }
    for header in ["content-security-policy", "cache-control", "referrer-policy"] {
        assert_eq!(shown.header(header), page.header(header), "{header}");
    }
    let read = ehr.read();
    assert_eq!(read.last(), Some(&("Condition/c-1".to_owned(), format!("Bearer {TOKEN}"))));
}

#[actix_web::test]
async fn nothing_of_another_patient_nor_outside_the_chart_is_shown() {
    let ehr = TestEhr::start();
    ehr.holds(condition("c-2", "p-2", "Canary-of-another"));
    let mut nobodys = condition("c-3", "p-1", "Canary-of-nobody");
    nobodys.as_object_mut().expect("an object").remove("subject");
    ehr.holds(nobodys);
    ehr.holds(json!({"resourceType": "Medication", "id": "m-1", "code": {"text": "Canary-drug"}}));
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let browser = opened(&ehr, &server).await;
    for address in ["Condition/c-2", "Condition/c-3", "Condition/c-9"] {
        let refused = evidence(&server, &browser, address).await;
        refused.says(404, "Not in this chart");
        assert!(!refused.text.contains("Canary"), "{}", refused.text);
    }
    let read = ehr.read().len();
    for address in
        ["Patient/p-1", "Patient/p-2", "Medication/m-1", "Bundle/x", "Condition/a..b", "condition/c-1", "x/y%3Fz"]
    {
        evidence(&server, &browser, address).await.says(404, "Not in this chart");
    }
    assert_eq!(ehr.read().len(), read, "the FHIR server is not asked for what no chart is made of");
}

#[actix_web::test]
async fn without_a_session_or_leave_it_is_said_why_nothing_is_shown() {
    let ehr = TestEhr::start();
    ehr.holds(condition("c-1", "p-1", "Prediabetes"));
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let browser = opened(&ehr, &server).await;
    evidence(&server, &Browser::default(), "Condition/c-1").await.says(403, "No patient is open here");
    ehr.withholds("Condition");
    evidence(&server, &browser, "Condition/c-1").await.says(403, "The EHR does not show this entry");
    ehr.refuses(TOKEN);
    evidence(&server, &browser, "Condition/c-1").await.says(403, "The EHR has ended the app");
}
