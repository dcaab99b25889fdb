//! Each hook's context, as the hook library defines it.

use super::stage::{HOOKS, Stage};
use serde_json::{Value, json};

/// Relative `Type/id`.
fn is_reference(value: &Value) -> bool {
    regex::Regex::new("^[A-Za-z0-9_]+/[A-Za-z0-9_.-]+$")
        .expect("a pattern")
        .is_match(value.as_str().unwrap_or_default())
}

fn names(context: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = context.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// A desk on which every hook can be fired.
async fn ready() -> Stage {
    let stage = Stage::start().await;
    stage.draft(json!({"resourceType": "ServiceRequest", "code": {"text": "HbA1c"}})).await;
    stage.post("/control/drafts/sign", json!({})).await;
    stage.drug("warfarin").await;
    stage.draft(json!({"resourceType": "Appointment", "description": "review"})).await;
    for kind in ["AllergyIntolerance", "Condition"] {
        stage.draft(json!({"resourceType": kind, "code": {"text": "one"}})).await;
    }
    stage
}

async fn context(stage: &Stage, hook: &str) -> Value {
    let body = json!({"hook": hook, "performer": "Organization/laboratory", "tasks": true});
    match hook {
        "order-dispatch" => drop(stage.post("/control/fire", body).await),
        _ => drop(stage.fire(hook).await),
    }
    stage.service.last().body["context"].clone()
}

#[actix_web::test]
async fn ch_063_patient_view_has_user_and_patient_and_a_chosen_visit() {
    let stage = ready().await;
    assert_eq!(context(&stage, "patient-view").await, json!({"userId": "Practitioner/sandbox", "patientId": "ann"}));
    stage.put("/control/desk", json!({"encounter": "ann-old", "user": "Patient/ann"})).await;
    let expected = json!({"userId": "Patient/ann", "patientId": "ann", "encounterId": "ann-old"});
    assert_eq!(context(&stage, "patient-view").await, expected);
    let (status, _) = stage.send("PUT", "/control/desk", Some(json!({"encounter": "bob-old"}))).await;
    assert_eq!(status, 404, "another patient's visit");
}

#[actix_web::test]
async fn ch_064_065_066_order_select_has_all_drafts_and_selects_the_new_one() {
    let stage = Stage::start().await;
    let a = stage.drug("a").await;
    assert_eq!(context(&stage, "order-select").await["selections"], json!([a]));
    let b = stage.drug("b").await;
    let context = context(&stage, "order-select").await;
    assert_eq!(names(&context), ["draftOrders", "patientId", "selections", "userId"]);
    assert_eq!(context["selections"], json!([b]));
    let drafts: Vec<String> = context["draftOrders"]["entry"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| format!("MedicationRequest/{}", entry["resource"]["id"].as_str().expect("an id")))
        .collect();
    assert_eq!(drafts, [a.clone(), b]);
    stage.post("/control/fire", json!({"hook": "order-select", "selections": [a]})).await;
    assert_eq!(stage.service.last().body["context"]["selections"], json!([a]));
    let (status, _) = stage
        .send("POST", "/control/fire", Some(json!({"hook": "order-select", "selections": ["MedicationRequest/x"]})))
        .await;
    assert_eq!(status, 400, "no draft");
}

#[actix_web::test]
async fn ch_067_order_sign_has_drafts_and_no_selections() {
    let stage = ready().await;
    let context = context(&stage, "order-sign").await;
    assert_eq!(names(&context), ["draftOrders", "patientId", "userId"]);
    assert_eq!(context["draftOrders"]["entry"].as_array().map(Vec::len), Some(1));
}

#[actix_web::test]
async fn ch_070_071_order_dispatch_has_orders_performer_and_a_task_for_each_order() {
    let stage = ready().await;
    let context = context(&stage, "order-dispatch").await;
    assert_eq!(names(&context), ["dispatchedOrders", "fulfillmentTasks", "patientId", "performer"]);
    assert_eq!(context["performer"], "Organization/laboratory");
    let orders = context["dispatchedOrders"].as_array().expect("orders");
    let focuses: Vec<&Value> =
        context["fulfillmentTasks"].as_array().expect("tasks").iter().map(|task| &task["focus"]["reference"]).collect();
    assert!(orders.iter().all(is_reference) && orders.iter().collect::<Vec<_>>() == focuses, "{context}");
    let order = orders[0].as_str().expect("a reference");
    let token = stage.service.last().body["fhirAuthorization"]["access_token"].clone();
    stage.switch(json!({"revokes_tokens": false})).await;
    let body = stage.fired("patient-view").await;
    assert_ne!(body["fhirAuthorization"]["access_token"], token);
    let token = body["fhirAuthorization"]["access_token"].as_str().expect("a token");
    assert_eq!(stage.fhir(order, token).await.1["status"], "active", "what is signed is in the record");
}

#[actix_web::test]
async fn ch_074_appointment_book_has_proposed_appointments() {
    let context = context(&ready().await, "appointment-book").await;
    assert_eq!(names(&context), ["appointments", "patientId", "userId"]);
    assert_eq!(context["appointments"]["entry"][0]["resource"]["status"], "proposed");
}

#[actix_web::test]
async fn ch_075_076_admission_and_discharge_have_the_visit() {
    let stage = ready().await;
    for hook in ["encounter-start", "encounter-discharge"] {
        let context = context(&stage, hook).await;
        assert_eq!(
            context,
            json!({"userId": "Practitioner/sandbox", "patientId": "ann", "encounterId": "ann-new"}),
            "{hook}"
        );
    }
}

#[actix_web::test]
async fn ch_077_medication_refill_has_draft_orders_for_medications() {
    let context = context(&ready().await, "medication-refill").await;
    assert_eq!(names(&context), ["medications", "patientId", "userId"]);
    let order = &context["medications"]["entry"][0]["resource"];
    assert_eq!((&order["status"], &order["intent"]), (&json!("draft"), &json!("order")));
}

#[actix_web::test]
async fn ch_078_allergyintolerance_create_has_one_allergy_directly() {
    let context = context(&ready().await, "allergyintolerance-create").await;
    assert_eq!(names(&context), ["allergyIntolerance", "patientId", "userId"]);
    assert_eq!(context["allergyIntolerance"]["resourceType"], "AllergyIntolerance");
}

#[actix_web::test]
async fn ch_080_problem_list_item_create_has_conditions_of_the_problem_list() {
    let context = context(&ready().await, "problem-list-item-create").await;
    assert_eq!(names(&context), ["conditions", "patientId", "userId"]);
    let condition = &context["conditions"]["entry"][0]["resource"];
    assert_eq!(condition["category"][0]["coding"][0]["code"], "problem-list-item");
}

#[actix_web::test]
async fn ch_081_medication_verify_has_one_active_order() {
    let context = context(&ready().await, "medication-verify").await;
    assert_eq!(names(&context), ["medication", "patientId", "userId"]);
    let order = &context["medication"];
    assert_eq!((&order["resourceType"], &order["status"]), (&json!("MedicationRequest"), &json!("active")));
}

#[actix_web::test]
async fn ch_083_086_references_are_relative_and_bundles_are_collections() {
    let stage = ready().await;
    for hook in HOOKS {
        let context = context(&stage, hook).await;
        for name in ["userId", "performer"] {
            assert!(context[name].is_null() || is_reference(&context[name]), "{hook}: {context}");
        }
        assert!(context["selections"].as_array().into_iter().flatten().all(is_reference), "{hook}");
        for value in context.as_object().expect("an object").values().filter(|value| value["resourceType"] == "Bundle")
        {
            assert_eq!(value["type"], "collection", "{hook}");
        }
    }
}

#[actix_web::test]
async fn ch_007_009_011_048_052_055_every_hook_is_strict_json_without_nulls_and_of_r4() {
    let stage = ready().await;
    for hook in HOOKS {
        context(&stage, hook).await;
        let call = stage.service.last();
        assert_eq!(call.body["hook"], hook);
        assert!(serde_json::from_slice::<Value>(&call.raw).is_ok());
        assert!(call.body["context"].as_object().is_some_and(|context| !context.is_empty()), "{hook}");
        let mut without = call.body.clone();
        without.as_object_mut().expect("an object").remove("prefetch");
        assert!(!bare(&without), "{hook}: {without}");
        resources(&call.body["context"], &mut |resource| {
            let text = resource.to_string();
            let read = fhir_fence::check(text.as_bytes());
            assert!(read.is_ok(), "{hook}: {text}: {read:?}");
        });
    }
}

fn bare(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty() || values.iter().any(bare),
        Value::Object(members) => members.is_empty() || members.values().any(bare),
        _ => false,
    }
}

fn resources(value: &Value, look: &mut impl FnMut(&Value)) {
    if value["resourceType"].is_string() {
        look(value);
    } else {
        value.as_object().into_iter().flat_map(|members| members.values()).for_each(|value| resources(value, look));
        value.as_array().into_iter().flatten().for_each(|value| resources(value, look));
    }
}

#[actix_web::test]
async fn what_a_hook_needs_and_the_desk_lacks_is_said() {
    let stage = Stage::start().await;
    for (hook, word) in
        [("order-sign", "an order"), ("appointment-book", "an Appointment"), ("order-dispatch", "signed order")]
    {
        let (status, said) = stage.send("POST", "/control/fire", Some(json!({ "hook": hook }))).await;
        assert_eq!(status, 400);
        assert!(said["error"].as_str().expect("an error").contains(word), "{said}");
    }
    assert!(stage.service.calls().is_empty());
}
