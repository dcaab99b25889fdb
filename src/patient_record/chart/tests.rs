use super::*;
use crate::patient_record::timeline::{Sex, Value};
use serde_json::{Value as Json, json};

const DAY: Second = 86_400;

fn bundle(resources: &[Json]) -> Vec<u8> {
    let entries: Vec<Json> = resources.iter().map(|resource| json!({"resource": resource})).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string().into_bytes()
}

fn patient() -> Json {
    json!({"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1970-01-02"})
}

fn snomed(code: &str) -> Json {
    json!({"coding": [{"system": "http://snomed.info/sct", "code": code, "display": "a name"}]})
}

fn of_p(mut resource: Json) -> Json {
    resource["subject"] = json!({"reference": "Patient/p"});
    resource
}

fn read(resources: &[Json]) -> Timeline {
    let mut reader = ChartReader::new();
    reader.take_json(&bundle(resources)).unwrap();
    reader.finish_one("p").unwrap()
}

fn lines(timeline: &Timeline) -> Vec<String> {
    let line = |event: &crate::patient_record::timeline::Event| {
        format!("{} {} {}", event.known / DAY, event.kind.short(), event.code)
    };
    timeline.events.iter().map(line).collect()
}

fn skipped(timeline: &Timeline) -> Vec<(String, SkipReason, u32)> {
    timeline.skipped.0.iter().map(|((name, reason), count)| (name.to_string(), *reason, *count)).collect()
}

#[test]
fn a_condition_is_known_at_the_latest_of_onset_record_and_visit() {
    let timeline = read(&[
        patient(),
        of_p(json!({"resourceType": "Condition", "id": "c", "code": snomed("1"), "onsetDateTime": "1970-01-02",
            "abatementDateTime": "1970-01-03", "recordedDate": "1970-01-05", "clinicalStatus": snomed("x"),
            "encounter": {"reference": "Encounter/e"}})),
        of_p(json!({"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "IMP"},
            "type": [snomed("9")], "period": {"start": "1970-01-11", "end": "1970-01-12"}})),
    ]);
    assert_eq!(lines(&timeline), ["10 ENC IMP", "10 ENCTYPE S:9", "10 COND S:1", "10 COND_END S:1", "11 ENC_END IMP"]);
    assert_eq!(timeline.events[2].clinical_offset, -9 * DAY);
    assert_eq!(timeline.events[4].value, timeline.events[0].value, "an end says what ended");
    assert_eq!(timeline.source(&timeline.events[3]).id.as_ref(), "c");
    assert_eq!(timeline.known_at(10 * DAY).len(), 4);
    assert_eq!((timeline.patient.birth, timeline.patient.sex), (Some(DAY), Sex::Female));
}

#[test]
fn components_are_events_and_their_valueless_parent_is_none() {
    let quantity = json!({"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"});
    let timeline = read(&[
        patient(),
        of_p(
            json!({"resourceType": "Observation", "id": "bp", "code": snomed("75367002"), "effectiveDateTime": "1971",
            "component": [{"code": snomed("271649006"), "valueQuantity": quantity}, {"code": snomed("2")},
                {"code": snomed("3"), "valueString": "long story"}, {"code": snomed("4"), "dataAbsentReason": snomed("5")}]}),
        ),
        of_p(json!({"resourceType": "Observation", "id": "panel", "code": snomed("7"), "effectiveDateTime": "1971"})),
    ]);
    assert_eq!(lines(&timeline), ["365 OBS S:271649006", "365 OBS S:3", "365 OBS S:4"]);
    let values: Vec<&Value> = timeline.events.iter().map(|event| &event.value).collect();
    let pressure = Value::Quantity { value: 120.0, unit: "mm[Hg]".into(), scaled: true };
    assert_eq!(values, [&pressure, &Value::Unread, &Value::None]);
    assert_eq!(skipped(&timeline), [("Observation".into(), SkipReason::NoValue, 1)]);
}

#[test]
fn hba1c_is_one_number_in_both_conventions() {
    let observation = |id: &str, unit: &str, value: f64| {
        of_p(json!({"resourceType": "Observation", "id": id, "status": "final", "effectiveDateTime": "1970-01-11",
            "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
            "valueQuantity": {"value": value, "code": unit, "system": "http://unitsofmeasure.org"}}))
    };
    let timeline = read(&[patient(), observation("a", "%", 6.543_04), observation("b", "mmol/mol", 48.0)]);
    for event in &timeline.events {
        let Value::Quantity { value, unit, scaled: true } = &event.value else { panic!("{:?}", event.value) };
        assert!(&**unit == "1" && (value - 0.065_430_4).abs() < 1e-9, "{value} {unit}");
    }
}

#[test]
fn a_drug_is_found_by_id_by_address_within_and_in_the_shared_catalogue() {
    let order = |id: &str, reference: &str| {
        of_p(json!({"resourceType": "MedicationRequest", "id": id, "status": "stopped", "intent": "order",
            "authoredOn": "1971-01-01", "medicationReference": {"reference": reference},
            "contained": [{"resourceType": "Medication", "id": "m", "code": snomed("3")}]}))
    };
    let mut catalogue = MedicationCatalogue::default();
    assert!(catalogue.take_line(&json!({"resourceType": "Medication", "id": "far", "code": snomed("4")}).to_string()));
    let mut reader = ChartReader::with_medications(Arc::new(catalogue));
    let medication = |id: &str, code: &str| json!({"resourceType": "Medication", "id": id, "code": snomed(code)});
    let chart = json!({"resourceType": "Bundle", "entry": [
        {"resource": patient()},
        {"resource": order("1", "Medication/near")}, {"resource": order("2", "urn:uuid:abc")},
        {"resource": order("3", "#m")}, {"resource": order("4", "https://ehr.example/fhir/Medication/far/_history/2")},
        {"resource": order("5", "Medication/none")}, {"resource": order("6", "#none")},
        {"resource": medication("near", "1")},
        {"fullUrl": "urn:uuid:abc", "resource": medication("other", "2")},
    ]});
    reader.take_json(chart.to_string().as_bytes()).unwrap();
    let timeline = reader.finish_one("p").unwrap();
    assert_eq!(lines(&timeline), ["365 MED S:1", "365 MED S:2", "365 MED S:3", "365 MED S:4"]);
    assert_eq!(skipped(&timeline), [("MedicationRequest".into(), SkipReason::NoCode, 2)]);
}

#[test]
fn what_states_no_fact_is_counted_and_left_out() {
    let timeline = read(&[
        patient(),
        of_p(
            json!({"resourceType": "Procedure", "status": "not-done", "code": snomed("1"), "performedDateTime": "1971"}),
        ),
        of_p(
            json!({"resourceType": "Encounter", "status": "planned", "class": {"code": "AMB"}, "period": {"start": "1971"}}),
        ),
        of_p(
            json!({"resourceType": "Condition", "verificationStatus": {"coding": [{"code": "refuted"}]}, "code": snomed("1"), "onsetDateTime": "1971"}),
        ),
        of_p(
            json!({"resourceType": "MedicationRequest", "status": "draft", "medicationCodeableConcept": snomed("1"), "authoredOn": "1971"}),
        ),
        of_p(
            json!({"resourceType": "Observation", "code": {"coding": [{"system": "http://loinc.org", "code": "69453-9"}]}, "valueString": "x", "effectiveDateTime": "1971"}),
        ),
        json!({"resourceType": "Device", "type": snomed("1"), "patient": {"reference": "Patient/p"}}),
        json!({"resourceType": "Procedure", "status": "completed", "code": snomed("1"), "performedDateTime": "1971"}),
        json!({"resourceType": "Claim", "patient": {"reference": "Patient/p"}}),
    ]);
    assert!(timeline.events.is_empty() && timeline.sources.is_empty());
    let expected = [
        ("Claim", SkipReason::TypeNotRead),
        ("Condition", SkipReason::NotAFact),
        ("Device", SkipReason::NoDate),
        ("Encounter", SkipReason::NotAFact),
        ("MedicationRequest", SkipReason::NotAFact),
        ("Observation", SkipReason::DeathCertificate),
        ("Procedure", SkipReason::NotAFact),
        ("Procedure", SkipReason::NoPatient),
    ];
    let expected: Vec<_> = expected.map(|(name, reason)| (name.to_owned(), reason, 1)).into();
    assert_eq!(skipped(&timeline), expected);
}

#[test]
fn another_patients_resources_are_left_out_and_counted() {
    let mut other = patient();
    other["id"] = json!("q");
    let procedure = |reference: &str| json!({"resourceType": "Procedure", "code": snomed("1"), "performedDateTime": "1971", "subject": {"reference": reference}});
    let resources = [
        patient(),
        other,
        procedure("Patient/q"),
        procedure("https://ehr.example/r4/Patient/p"),
        procedure("Patient/absent"),
    ];
    let timeline = read(&resources);
    assert_eq!(timeline.events.len(), 1);
    assert_eq!(
        skipped(&timeline),
        [("Patient".into(), SkipReason::OtherPatient, 1), ("Procedure".into(), SkipReason::OtherPatient, 2)]
    );
    let mut reader = ChartReader::new();
    reader.take_json(&bundle(&resources)).unwrap();
    let (timelines, rest) = reader.finish();
    assert_eq!(timelines.iter().map(|timeline| timeline.events.len()).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(rest.total(), 1);
}

#[test]
fn of_two_copies_the_newer_counts_once() {
    let copy = |version: &str, status: &str| {
        of_p(json!({"resourceType": "Procedure", "id": "x", "meta": {"versionId": version}, "status": status,
            "code": snomed("1"), "performedDateTime": "1971"}))
    };
    for versions in [["9", "10"], ["10", "9"]] {
        let status = |version: &str| if version == "10" { "completed" } else { "not-done" };
        let timeline = read(&[
            patient(),
            copy(versions[0], status(versions[0])),
            copy(versions[1], status(versions[1])),
            patient(),
        ]);
        assert_eq!(lines(&timeline), ["365 PROC S:1"]);
        assert_eq!(timeline.source(&timeline.events[0]).version.as_deref(), Some("10"));
        assert_eq!(
            skipped(&timeline),
            [("Patient".into(), SkipReason::Duplicate, 1), ("Procedure".into(), SkipReason::Duplicate, 1)]
        );
    }
}

#[test]
fn a_transaction_bundle_is_followed_by_its_addresses() {
    let chart = json!({"resourceType": "Bundle", "type": "transaction", "timestamp": "1971-01-01T00:00:00Z", "entry": [
        {"fullUrl": "urn:uuid:c", "resource": {"resourceType": "Condition", "code": snomed("1"), "onsetDateTime": "1970",
            "subject": {"reference": "urn:uuid:one"}, "encounter": {"reference": "urn:uuid:e"}}},
        {"fullUrl": "urn:uuid:one", "resource": {"resourceType": "Patient", "id": "p"}},
        {"fullUrl": "urn:uuid:e", "resource": {"resourceType": "Encounter", "class": {"code": "AMB"},
            "subject": {"reference": "urn:uuid:one"}, "period": {"start": "1970-01-03"}}},
        {"resource": {"resourceType": "Bundle", "entry": {"resource": {"resourceType": "Procedure", "code": snomed("2"),
            "performedPeriod": [{"start": "1970-01-04"}], "subject": [{"reference": "urn:uuid:one"}]}}}},
    ]});
    let mut reader = ChartReader::new();
    reader.take_json(chart.to_string().as_bytes()).unwrap();
    assert_eq!(reader.bundle_timestamp(), Some(365 * DAY));
    let timeline = reader.finish_one("p").unwrap();
    assert_eq!(lines(&timeline), ["2 ENC AMB", "2 COND S:1", "3 PROC S:2"]);
    assert_eq!(timeline.source(&timeline.events[1]).id.as_ref(), "c");
}

#[test]
fn one_unreadable_resource_costs_no_other() {
    let good = of_p(json!({"resourceType": "Procedure", "code": snomed("1"), "performedDateTime": "1971"}));
    let bad = |field: &str, value: Json| {
        let mut resource = good.clone();
        resource[field] = value;
        resource
    };
    let timeline = read(&[
        patient(),
        good.clone(),
        bad("code", json!(5)),
        bad("code", json!("text")),
        bad("performedDateTime", json!("yesterday")),
        bad("performedDateTime", json!(1971)),
        bad("subject", json!(true)),
        json!({"id": "no type"}),
        json!("text"),
        json!([1]),
        json!(7),
    ]);
    assert_eq!(lines(&timeline), ["365 PROC S:1"]);
    assert_eq!(
        skipped(&timeline),
        [("Procedure".into(), SkipReason::Unreadable, 5), ("unknown".into(), SkipReason::Unreadable, 4)]
    );
}

#[test]
fn nulls_and_empty_lists_are_nothing() {
    let timeline = read(&[
        patient(),
        of_p(json!({"resourceType": "Observation", "code": snomed("1"), "effectiveDateTime": "1971", "component": [],
            "issued": null, "valueQuantity": {"value": 1e3, "unit": null}, "meta": null, "status": null})),
        of_p(
            json!({"resourceType": "Encounter", "class": [], "type": [null], "period": {"start": "1971", "end": null}}),
        ),
    ]);
    assert_eq!(lines(&timeline), ["365 ENC ?", "365 OBS S:1"]);
}

#[test]
fn what_is_no_resource_is_a_clear_error() {
    let take = |bytes: &[u8]| ChartReader::new().take_json(bytes);
    assert!(matches!(take(b"\xff\xfe"), Err(ChartError::NotText)));
    for text in [
        "",
        "{",
        "{\"resourceType\":\"Patient\",",
        "{\"resourceType\":\"Patient\"} x",
        "{\"resourceType\":\"Claim\"} x",
        "\u{0}",
    ] {
        assert!(matches!(take(text.as_bytes()), Err(ChartError::NotJson { .. })), "{text}");
    }
    for text in ["null", "[]", "{}", "\"Patient\"", "7", "{\"resourceType\":null}"] {
        assert!(matches!(take(text.as_bytes()), Err(ChartError::NotFhir)), "{text}");
    }
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(matches!(take(deep.as_bytes()), Err(ChartError::NotFhir | ChartError::NotJson { .. })));
}

#[test]
fn hostile_depth_sizes_and_doubles_are_counted() {
    let unreadable = |text: String| {
        let mut reader = ChartReader::new();
        reader.take_json(text.as_bytes()).unwrap();
        reader.finish().1.total()
    };
    let nested = |depth: usize| {
        let open = r#"{"resourceType":"Bundle","entry":[{"resource":"#;
        format!("{}{{\"resourceType\":\"Claim\"}}{}", open.repeat(depth), "}]}".repeat(depth))
    };
    assert_eq!(unreadable(nested(3)), 1);
    assert_eq!(unreadable(nested(2_000)), 1);
    let concept = format!("{}{{}}{}", r#"{"concept":"#.repeat(10_000), "}".repeat(10_000));
    assert_eq!(unreadable(format!(r#"{{"resourceType":"Condition","code":{concept}}}"#)), 1);
    assert_eq!(unreadable(r#"{"resourceType":"Observation","valueQuantity":{"value":1e999}}"#.into()), 1);
    assert_eq!(unreadable(r#"{"resourceType":"Condition","code":{},"code":{}}"#.into()), 1);
    assert_eq!(unreadable(r#"{"resourceType":"Bundle","entry":"none"}"#.into()), 1);
    assert_eq!(unreadable(r#"{"resourceType":"Bundle","entry":[1,{"resource":2},{}]}"#.into()), 2);
}

#[test]
fn a_bad_line_costs_no_other() {
    let mut reader = ChartReader::new();
    let procedure = of_p(json!({"resourceType": "Procedure", "code": snomed("1"), "performedDateTime": "1971"}));
    let mut text = format!("{}\r\n\n{procedure}\n{{broken\n", patient()).into_bytes();
    text.extend_from_slice(b"\xff\n");
    reader.take_ndjson(&text).unwrap();
    let timeline = reader.finish_one("p").unwrap();
    assert_eq!(timeline.events.len(), 1);
    assert_eq!(skipped(&timeline), [("unknown".into(), SkipReason::Unreadable, 2)]);
    assert!(matches!(ChartReader::new().take_ndjson(b"\nx\ny\n"), Err(ChartError::NotJson { line: 2, .. })));
}

#[test]
fn a_scan_routes_a_line_without_reading_it() {
    let line = of_p(json!({"resourceType": "Observation", "id": "o", "code": 5})).to_string();
    let scan = Scan::of(&line).unwrap();
    assert_eq!(
        (scan.resource_type.as_deref(), scan.id.as_deref(), scan.patient_id()),
        (Some("Observation"), Some("o"), Some("p"))
    );
    let line = patient().to_string();
    assert_eq!(Scan::of(&line).unwrap().patient_id(), Some("p"));
    assert!(Scan::of("{").is_none());
}

fn order(id: &str, members: Json) -> Json {
    let mut order = json!({"resourceType": "MedicationRequest", "id": id, "status": "draft", "intent": "order"});
    order.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    order
}

fn with_orders(chart: &[Json], orders: &[Json]) -> (Timeline, Vec<crate::patient_record::timeline::UnsignedOrder>) {
    let mut reader = ChartReader::new();
    reader.take_json(&bundle(chart)).unwrap();
    let orders = String::from_utf8(bundle(orders)).unwrap();
    reader.take_orders(&orders, 100 * DAY, |_, id| id != "background").unwrap();
    reader.finish_one_with_orders("p").unwrap()
}

#[test]
fn an_unsigned_order_is_no_fact_and_reads_like_a_signed_one_once_it_is() {
    let drug = json!({"medicationCodeableConcept": snomed("7"), "subject": {"reference": "Patient/p"}});
    let (timeline, orders) = with_orders(&[patient()], &[order("d", drug.clone()), order("background", drug.clone())]);
    assert!(timeline.events.is_empty() && orders.len() == 1);
    let foreseen = timeline.once_signed(&orders);
    let mut signed = order("d", drug);
    signed["status"] = "active".into();
    signed["authoredOn"] = "1970-04-11".into();
    assert_eq!(foreseen, read(&[patient(), signed]));
    assert_eq!(lines(&foreseen), ["100 MED S:7"]);
}

#[test]
fn an_order_finds_its_drug_beside_it_or_in_the_chart_and_one_of_someone_else_is_left_out_and_counted() {
    let medication = |id: &str| json!({"resourceType": "Medication", "id": id, "code": snomed(id)});
    let refers = |id: &str| json!({"medicationReference": {"reference": format!("Medication/{id}")}});
    let mut foreign = order("f", refers("1"));
    foreign["subject"] = json!({"reference": "Patient/q"});
    let orders = [
        order("a", refers("1")),
        order("b", refers("2")),
        order("none", json!({})),
        order("not", json!({"doNotPerform": true, "medicationCodeableConcept": snomed("3")})),
        foreign,
        medication("2"),
    ];
    let (timeline, orders) = with_orders(&[patient(), medication("1")], &orders);
    let codes: Vec<String> = orders.iter().map(|order| order.event.code.to_string()).collect();
    assert_eq!(codes, ["S:1", "S:2"]);
    let reasons: Vec<SkipReason> = skipped(&timeline).into_iter().map(|(_, reason, _)| reason).collect();
    assert_eq!(reasons, [SkipReason::NoCode, SkipReason::NotAFact, SkipReason::OtherPatient]);
}
