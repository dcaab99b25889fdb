//! What the control API takes: nonsense is refused where it comes in, with the name and the range of what was wrong, and the
//! EHR goes on as it was.

use super::openapi::Document;
use super::stage::{Recorder, Stage, twin};
use serde_json::{Value, json};
use std::time::Duration;

/// Refused, with this word in the error.
async fn refused(stage: &Stage, path: &str, body: Value, word: &str) {
    let (status, said) = stage.send("PUT", path, Some(body.clone())).await;
    assert_eq!(status, 400, "{path} {body}: {said}");
    assert!(said["error"].as_str().is_some_and(|why| why.contains(word)), "{path} {body}: {said}");
}

#[actix_web::test]
async fn a_setting_that_a_switch_does_not_take_is_refused_by_name_and_nothing_is_switched() {
    let stage = Stage::start().await;
    let before = stage.get("/control").await["switches"].clone();
    for (name, setting, takes) in [
        ("token_life_seconds", json!(1_000_000_000_000_000_u64), "from 1 to 86400"),
        ("token_life_seconds", json!(0), "from 1 to 86400"),
        ("token_seconds", json!(i64::MAX), "from 1 to 86400"),
        ("clock_skew_seconds", json!(i64::MIN), "from -86400 to 86400"),
        ("narrative_letters", json!(1_000_000_000_000_u64), "from 0 to 4000000"),
        ("page_size", json!(0), "from 1 to 100"),
        ("page_size", json!(2.5), "from 1 to 100, or null"),
        ("hooks", json!(["nope"]), "patient-view"),
        ("hooks", json!("patient-view"), "a list"),
        ("content_type", json!("application/json\r\nx-more: 1"), "printable"),
        ("accept", json!(""), "printable"),
        ("signature", json!("none"), "RS384"),
        ("jku", json!("elsewhere"), "epic"),
        ("tenant", json!("../x"), "an id"),
        ("issuer", json!("a\u{0}b"), "control characters"),
        ("own_reasons", json!(vec!["r"; 101]), "at most 100"),
        ("gzip", json!("yes"), "true or false"),
    ] {
        for word in [name, takes] {
            refused(&stage, "/control/behavior", json!({"profile": "epic", "switches": {name: setting}}), word).await;
        }
    }
    assert_eq!(stage.get("/control").await["switches"], before);
    assert_eq!(stage.fire("patient-view").await["calls"][0]["status"], 200);
}

#[actix_web::test]
async fn the_ends_of_each_range_in_the_document_are_taken_and_what_is_beyond_is_not() {
    let stage = Stage::start().await;
    let document = Document::of(&stage).await;
    let switches = document.0.pointer("/components/schemas/SwitchesChange/properties").expect("switches").clone();
    let mut ranges = 0;
    for (name, schema) in switches.as_object().expect("members") {
        let number = schema["anyOf"].get(0).unwrap_or(schema);
        let Some((least, most)) = number["minimum"].as_i64().zip(number["maximum"].as_i64()) else {
            assert_ne!(number["type"], "integer", "{name} has no range");
            continue;
        };
        for end in [least, most] {
            stage.switch(json!({ name: end })).await;
        }
        for beyond in [least - 1, most + 1] {
            refused(&stage, "/control/behavior", json!({"switches": {name: beyond}}), name).await;
        }
        ranges += 1;
    }
    assert_eq!(ranges, 5);
}

#[actix_web::test]
async fn a_fault_is_an_error_status_or_a_bearable_wait() {
    let stage = Stage::start().await;
    for status in [json!(0), json!(101), json!(200), json!(399), json!(600), json!(9999), json!(-1), json!("503")] {
        refused(&stage, "/control/faults", json!({"fhir": {"failing": {"status": status}}}), "`status`").await;
    }
    for millis in [json!(600_001), json!(u64::MAX), json!(-1), json!(0.5)] {
        refused(&stage, "/control/faults", json!({"fhir": {"slow": {"millis": millis}}}), "`millis`").await;
    }
    assert_eq!(stage.get("/control").await["faults"]["fhir"], Value::Null);
    for (fault, member, end) in
        [("failing", "status", 400), ("failing", "status", 599), ("slow", "millis", 0), ("slow", "millis", 600_000)]
    {
        let faults = json!({"fhir": {fault: {member: end}}});
        assert_eq!(stage.put("/control/faults", faults.clone()).await["fhir"], faults["fhir"]);
    }
}

#[actix_web::test]
async fn a_day_is_of_the_patients_past_and_a_user_is_somebody_of_this_ehr() {
    let stage = Stage::start().await;
    let today = prodrome::platform::clock::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    for day in ["2999-01-01", &today, "1959-12-31"] {
        refused(&stage, "/control/desk", json!({"as_of": day}), "`as_of`").await;
    }
    for user in ["Practitioner/x", "PractitionerRole/7", "Patient/nobody", "RelatedPerson/a", "Encounter/ann-old", "x"]
    {
        refused(&stage, "/control/desk", json!({"user": user}), "`user`").await;
    }
    refused(&stage, "/control/desk", json!({"patient": null, "encounter": "ann-old"}), "patient").await;
    let said = stage.put("/control/desk", json!({"as_of": "1960-01-01", "user": "PractitionerRole/sandbox-2"})).await;
    assert_eq!((&said["as_of"], &said["user"]), (&json!("1960-01-01"), &json!("PractitionerRole/sandbox-2")));
    let said = stage.put("/control/desk", json!({"user": "Patient/bob"})).await;
    assert_eq!((&said["as_of"], &said["user"]), (&json!("1960-01-01"), &json!("Patient/bob")));
}

#[actix_web::test]
async fn a_token_may_outlast_the_calendar() {
    let mut token = String::new();
    let service = Recorder::start();
    let page = twin(&service.base, |ehr| {
        token = ehr.give_token("patient/*.rs", Some("ann"), Duration::MAX);
        ehr
    });
    let stage = Stage { page, service, second: None };
    assert_eq!(stage.fhir("Patient/ann", &token).await.0, 200);
}
