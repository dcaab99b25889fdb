//! How real EHRs write resources, each switch seen from the service that meets it.

use super::quirks::{with, with_prefetch};
use super::stage::LONG_ID;
use serde_json::json;

#[actix_web::test]
async fn epic_references_are_absolute_and_ids_long() {
    let stage = with(json!({"absolute_references": true})).await;
    let prefetch = json!({"conditions": "Condition?patient={{context.patientId}}"});
    stage.service.lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "prefetch": prefetch}]));
    stage.put("/control/desk", json!({"patient": LONG_ID})).await;
    let body = stage.fired("patient-view").await;
    assert!(LONG_ID.len() > 190 && body["context"]["patientId"] == LONG_ID);
    let subject = &body["prefetch"]["conditions"]["entry"][0]["resource"]["subject"]["reference"];
    assert_eq!(*subject, format!("{}/fhir/Patient/{LONG_ID}", stage.page));
}

#[actix_web::test]
async fn epic_writes_older_shapes_and_its_own_codes_first() {
    let prefetch = with_prefetch(json!({"older_shapes": true, "local_codes_first": true})).await;
    let observation = &prefetch["observations"]["entry"][0]["resource"];
    assert!(observation["category"].is_object(), "{observation}");
    let codings = observation["code"]["coding"].as_array().expect("codings");
    assert!(codings.len() == 2 && codings[0]["system"].as_str().is_some_and(|system| system.starts_with("urn:oid:")));
}

#[actix_web::test]
async fn epic_writes_doses_in_their_older_place_and_several_codes_on_a_drug() {
    let stage = with(json!({"older_shapes": true, "several_drug_codes": true})).await;
    let drug = json!({"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "855332"}]});
    let dose = json!([{"doseAndRate": [{"type": {"text": "ordered"}, "doseQuantity": {"value": 5, "unit": "mg"}}]}]);
    let order =
        json!({"resourceType": "MedicationRequest", "medicationCodeableConcept": drug, "dosageInstruction": dose});
    stage.draft(order).await;
    let order = stage.fired("order-sign").await["context"]["draftOrders"]["entry"][0]["resource"].clone();
    assert_eq!(order["dosageInstruction"], json!([{"doseQuantity": {"value": 5, "unit": "mg"}}]));
    let codes = order["medicationCodeableConcept"]["coding"].as_array().expect("codings").clone();
    assert!(codes.len() == 2 && codes[0]["system"] == codes[1]["system"] && codes[0]["code"] != codes[1]["code"]);
}

#[actix_web::test]
async fn epic_keeps_every_category_and_every_dose_where_there_are_several() {
    let stage = with(json!({"older_shapes": true})).await;
    let categories = json!([{"coding": [{"code": "assess-plan"}]}, {"coding": [{"code": "698360004"}]}]);
    let doses = json!([{"doseQuantity": {"value": 5}}, {"doseQuantity": {"value": 10}}]);
    let order = json!({"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "warfarin"},
        "category": categories, "dosageInstruction": [{"doseAndRate": doses}]});
    stage.draft(order).await;
    let sent = stage.fired("order-sign").await["context"]["draftOrders"]["entry"][0]["resource"].clone();
    assert_eq!((&sent["category"], &sent["dosageInstruction"][0]["doseAndRate"]), (&categories, &doses));
}

#[actix_web::test]
async fn long_stays_come_as_bodies_of_many_megabytes() {
    let stage = with(json!({"narrative_letters": 3_000_000})).await;
    let prefetch = json!({"observations": "Observation?patient={{context.patientId}}"});
    stage.service.lists(json!([{"id": "a", "hook": "patient-view", "description": "d", "prefetch": prefetch}]));
    let body = stage.fired("patient-view").await;
    assert!(stage.service.last().raw.len() > 6_000_000);
    assert_eq!(body["prefetch"]["observations"]["entry"][1]["resource"]["text"]["status"], "generated");
}

#[actix_web::test]
async fn epic_contains_medications_in_the_orders_for_them() {
    let stage = with(json!({"contained_medications": true})).await;
    stage.drug("warfarin").await;
    let body = stage.fired("order-sign").await;
    let entries = body["context"]["draftOrders"]["entry"].as_array().expect("entries").clone();
    let order = &entries[0]["resource"];
    assert_eq!((entries.len(), &order["contained"][0]["code"]["text"]), (1, &json!("warfarin")));
    let reference = format!("#{}", order["contained"][0]["id"].as_str().expect("an id"));
    assert!(order["medicationReference"]["reference"] == reference && order.get("medicationCodeableConcept").is_none());
}

#[actix_web::test]
async fn epic_sends_medications_beside_the_orders_for_them() {
    let stage = with(json!({"medications_beside_orders": true})).await;
    stage.drug("warfarin").await;
    let body = stage.fired("order-sign").await;
    let entries = body["context"]["draftOrders"]["entry"].as_array().expect("entries").clone();
    let (medication, order) = (&entries[0]["resource"], &entries[1]["resource"]);
    assert_eq!(medication["code"]["text"], "warfarin");
    let reference = format!("Medication/{}", medication["id"].as_str().expect("an id"));
    assert!(order["medicationReference"]["reference"] == reference && order.get("medicationCodeableConcept").is_none());
}
