//! What the page says first: of a record that was read in part, and of one where nothing is above a threshold.

use super::browser::{Browser, Page};
use super::ehr_of_tests::{Server, TestEhr, tokens};
use serde_json::json;

/// The page of a woman born then who had a cold long ago.
async fn page(ehr: &TestEhr, birth: &str) -> Page {
    ehr.holds(json!({"resourceType": "Patient", "id": "p-1", "gender": "female", "birthDate": birth}));
    ehr.holds(json!({"resourceType": "Condition", "id": "c-1", "subject": {"reference": "Patient/p-1"},
        "recordedDate": "2018-05-01", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "82272006"}]}}));
    let (server, browser) = (Server::at(&[("north", &ehr.fhir(), "")]).await, Browser::default());
    server.launched(&browser, ehr, "north", tokens()).await;
    server.patient(&browser).await
}

/// What stands before the record.
fn first_words(page: &Page) -> &str {
    page.says(200, "id=\"record\"");
    page.text.split("id=\"record\"").next().expect("the beginning")
}

#[actix_web::test]
async fn a_record_that_was_read_in_part_says_so_before_all_else() {
    for birth in ["1960-01-01", "1999-01-01"] {
        let ehr = TestEhr::start();
        ehr.withholds("Observation");
        ehr.withholds("MedicationRequest");
        let page = page(&ehr, birth).await;
        let first = first_words(&page);
        assert!(first.contains("Not read: observations, medication requests.</strong>"), "{first}");
        assert!(first.contains("No low estimate on this page can be relied on."), "{first}");
        // Whether or not an outcome stands out.
        assert_eq!(first.contains("class=\"tile\""), birth == "1960-01-01", "{first}");
    }
}

#[actix_web::test]
async fn where_no_outcome_is_above_its_threshold_the_one_furthest_above_its_average_is_named() {
    let page = page(&TestEhr::start(), "1999-01-01").await;
    let first = first_words(&page);
    assert!(!first.contains("Not read") && !first.contains("stands out."), "{first}");
    assert!(first.contains("<strong>No outcome is above its alert threshold.</strong> Furthest above the average: "));
    let (_, link) = first.split_once("Furthest above the average: <a href=\"#").expect("a link");
    let outcome = link.split('"').next().expect("its end");
    assert!(page.text.contains(&format!("id=\"{outcome}\"")), "{outcome} is not on the page");
    // The model of these tests says twice the average.
    let (_, figures) = link.split_once("</a>, ").expect("figures");
    let figures = figures.split(").").next().expect("its end");
    let number =
        |text: &str| text.split(" %").next().and_then(|text| text.rsplit([' ', '(']).next()?.parse::<f64>().ok());
    let (own, average) = figures.split_once("(average").expect("an average");
    let (own, average) = (number(own).expect("a number"), number(average).expect("a number"));
    assert!((own / average - 2.0).abs() < 0.1, "{figures}");
}
