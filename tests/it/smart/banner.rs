//! Whose chart is open: said by the page unless the EHR says that it does so itself, and never in the log.

use super::browser::Browser;
use super::ehr_of_tests::{Server, TestEhr, tokens};
use super::from_cards::{Clinic, ELDERLY};
use serde_json::{Value, json};

const NAME: &str = "Canary-Name-5e1a";
const NUMBER: &str = "canary-number-5e1a";

#[actix_web::test]
async fn the_page_names_the_patient_unless_the_ehr_does() {
    let ehr = TestEhr::start();
    ehr.holds(json!({"resourceType": "Patient", "id": "p-1", "gender": "female", "birthDate": "1960-02-03",
        "name": [{"use": "official", "family": NAME, "given": ["Jane"]}], "identifier": [{"value": NUMBER}]}));
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    for (flag, named) in [(Value::Null, true), (json!(true), true), (json!(false), false)] {
        let browser = Browser::default();
        let mut granted = tokens();
        granted["need_patient_banner"] = flag.clone();
        server.launched(&browser, &ehr, "north", granted).await;
        let page = server.patient(&browser).await;
        page.says(200, "Woman, 66 years");
        for words in
            [format!("<strong>{NAME}, Jane</strong>"), "born 1960-02-03".into(), format!("<code>{NUMBER}</code>")]
        {
            assert_eq!(page.text.contains(&words), named, "{flag}: {words} in {}", page.text);
        }
        assert!(!page.url.contains(NAME));
    }
    let logs = crate::web::logs::read();
    assert!(logs.contains("app opened") && !logs.contains(NAME) && !logs.contains(NUMBER), "a name is in the log");
}

#[actix_web::test]
async fn the_sandbox_ehr_decides_who_names_the_patient() {
    let (clinic, browser) = (Clinic::start().await, Browser::default());
    for (needed, named) in [(true, true), (false, false)] {
        let opened = clinic.launch(&browser, json!({"patient": ELDERLY, "need_patient_banner": needed})).await;
        let page = opened.last().expect("a page");
        page.says(200, "id=\"timeline\"");
        assert_eq!(page.text.contains("Daugherty69"), named, "{}", page.text);
        assert_eq!(page.text.contains("born 1960-02-02"), named);
    }
}
