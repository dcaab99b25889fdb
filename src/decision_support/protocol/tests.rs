use super::*;
use proptest::prelude::*;
use serde_json::json;

const CALL: &str = r#"{"hook":"patient-view","hookInstance":"D1577C69-DFBE-44AD-BA6D-3E05E953B2EA",
    "fhirServer":"https://ehr.example/fhir",
    "fhirAuthorization":{"access_token":"secret-token","token_type":"bearer","expires_in":300,"scope":"Patient.Read (R4)","subject":"x","patient":"p-1"},
    "context":{"userId":"Practitioner/u","patientId":"Patient/p-1","encounterId":null,"new":[1]},
    "prefetch":{"patient":null},"extension":{"com.example":1},"unknown":{"a":1.50}}"#;

fn read(body: &[u8]) -> Result<HookRequest<'_>, RequestError> {
    OpenedCall::open(body)?.read(Tolerance::default())
}

fn refused(change: impl Fn(&mut serde_json::Value)) -> RequestError {
    let mut call: serde_json::Value = serde_json::from_str(CALL).unwrap();
    change(&mut call);
    read(call.to_string().as_bytes()).err().unwrap()
}

#[test]
fn a_call_in_the_shapes_that_real_clients_send_is_read() {
    let call = read(CALL.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(call.hook_instance, "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea");
    assert_eq!(call.context.patient_id, "p-1");
    assert_eq!(call.prefetch.len(), 1);
    let authorization = call.fhir_authorization.unwrap();
    assert_eq!(authorization.access_token.reveal(), "secret-token");
    assert!(!format!("{authorization:?}").contains("secret-token"));
    let without_prefetch = CALL.replace(r#"{"patient":null}"#, "null");
    assert!(read(without_prefetch.as_bytes()).is_ok_and(|call| call.prefetch.is_empty()));
}

#[test]
fn each_required_member_is_named_when_missing() {
    for (pointer, name) in [
        ("", "hook"),
        ("", "hookInstance"),
        ("", "context"),
        ("", "fhirServer"),
        ("/context", "patientId"),
        ("/context", "userId"),
        ("/fhirAuthorization", "access_token"),
    ] {
        let error = refused(|call| {
            call.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
        });
        let expected = format!("{pointer}/{name}")[1..].replace('/', ".");
        assert_eq!(error, RequestError::Missing(expected.clone().into()));
        assert_eq!(error.member(), Some(expected.as_str()));
    }
}

#[test]
fn each_member_of_a_wrong_shape_is_named() {
    let long = "x".repeat(65);
    for (pointer, value) in [
        ("/hook", json!(5)),
        ("/hook", json!(" ")),
        ("/hookInstance", json!(["a"])),
        ("/hookInstance", json!("Mrs Lindqvist")),
        ("/context", json!([])),
        ("/context/patientId", json!(7)),
        ("/context/patientId", json!("../etc")),
        ("/context/patientId", json!("Group/x")),
        ("/context/patientId", json!(long)),
        ("/context/encounterId", json!("a b")),
        ("/context/userId", json!("Practitioner/")),
        ("/fhirServer", json!("file:///etc/passwd")),
        ("/fhirAuthorization/expires_in", json!("soon")),
        ("/fhirAuthorization/patient", json!("someone-else")),
        ("/prefetch", json!("none")),
    ] {
        let error = refused(|call| *call.pointer_mut(pointer).unwrap() = value.clone());
        assert_eq!(error.member().unwrap(), pointer[1..].replace('/', "."), "{value}");
        assert!(matches!(error, RequestError::Wrong { .. }), "{error}");
    }
}

#[test]
fn a_broken_body_is_told_by_place_alone() {
    for (body, expected) in [
        ("", "the body is not JSON in UTF-8: line 1, column 0"),
        ("{\"hook\": \"pa", "the body is not JSON in UTF-8: line 1, column 12"),
        ("[1]", "the body is not a JSON object"),
        ("null", "the body is not a JSON object"),
    ] {
        assert_eq!(read(body.as_bytes()).err().unwrap().to_string(), expected);
    }
    assert!(matches!(read(b"{\"hook\":\"\xff\"}"), Err(RequestError::NotJson { .. })));
}

#[test]
fn a_body_nested_a_million_deep_is_refused_or_ignored_without_a_crash() {
    let deep = format!("{{\"prefetch\":{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(read(deep.as_bytes()).is_err());
}

/// A call of a hook with the smallest context that its definition allows.
fn call_of(hook: &str, members: serde_json::Value) -> serde_json::Value {
    let mut context = json!({"patientId": "p-1", "userId": "Practitioner/u"});
    context.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({"hook": hook, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context})
}

fn bundle() -> serde_json::Value {
    json!({"resourceType": "Bundle"})
}

#[test]
fn ch_060_every_hook_of_the_library_names_the_member_that_it_misses() {
    let order = json!({"resourceType": "MedicationRequest"});
    for (hook, members) in [
        ("order-select", json!({"selections": ["MedicationRequest/a"], "draftOrders": bundle()})),
        ("order-sign", json!({"draftOrders": bundle()})),
        ("order-review", json!({"orders": bundle()})),
        ("medication-prescribe", json!({"medications": bundle()})),
        ("order-dispatch", json!({"dispatchedOrders": ["ServiceRequest/a"], "performer": "Organization/o"})),
        ("appointment-book", json!({"appointments": bundle()})),
        ("encounter-start", json!({"encounterId": "e"})),
        ("encounter-discharge", json!({"encounterId": "Encounter/e"})),
        ("medication-refill", json!({"medications": bundle()})),
        ("allergyintolerance-create", json!({"allergyIntolerance": {"resourceType": "AllergyIntolerance"}})),
        ("problem-list-item-create", json!({"conditions": bundle()})),
        ("medication-verify", json!({"medication": order})),
    ] {
        let whole = call_of(hook, members.clone());
        read(whole.to_string().as_bytes()).unwrap_or_else(|error| panic!("{hook}: {error}"));
        for (name, value) in members.as_object().unwrap() {
            let mut without = whole.clone();
            without["context"].as_object_mut().unwrap().remove(name);
            let error = read(without.to_string().as_bytes()).err().unwrap();
            assert_eq!(error, RequestError::Missing(format!("context.{name}").into()), "{hook}");
            let mut wrong = whole.clone();
            wrong["context"][name] = if value.is_string() { json!("../x y") } else { json!(7) };
            let error = read(wrong.to_string().as_bytes()).err().unwrap();
            assert_eq!(error.member(), Some(format!("context.{name}").as_str()), "{hook}");
        }
    }
}

#[test]
fn ch_072_ch_079_older_names_and_wrappings_of_a_context_are_understood() {
    let order = json!({"resource": {"resourceType": "MedicationRequest"}});
    for (hook, members) in [
        (
            "order-dispatch",
            json!({"order": "ServiceRequest/a", "performer": "Organization/o", "task": {"resourceType": "Task"}}),
        ),
        (
            "order-dispatch",
            json!({"dispatched-orders": ["ServiceRequest/a"], "fulfillment-tasks": [], "performer": "Organization/o"}),
        ),
        (
            "allergyintolerance-create",
            json!({"allergyIntolerance": {"resource": {"resourceType": "AllergyIntolerance"}}}),
        ),
        ("allergyintolerance-create", json!({"allergyIntolerances": bundle()})),
        ("medication-verify", json!({"order": order})),
        ("order-review", json!({"draftOrders": bundle()})),
    ] {
        let call = call_of(hook, members).to_string();
        assert!(read(call.as_bytes()).is_ok(), "{hook}: {call}");
    }
}

#[test]
fn ch_073_ch_084_a_hook_that_nobody_published_needs_a_patient_only_and_keeps_its_context() {
    let mut call = call_of("com.example.ward-round", json!({"ward": "7b"}));
    call["context"].as_object_mut().unwrap().remove("userId");
    let text = call.to_string();
    let request = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(request.about.hook, HookContext::Other));
    assert!(request.about.members.iter().any(|(name, raw)| name == "ward" && raw.get() == "\"7b\""));
    call["hook"] = "order-dispatch".into();
    call["context"]["dispatchedOrders"] = json!([]);
    call["context"]["performer"] = "PractitionerRole/r".into();
    assert!(read(call.to_string().as_bytes()).is_ok(), "no user is defined for it");
}

#[test]
fn longer_ids_and_withheld_orders_are_taken_from_clients_known_for_them_only() {
    let mut call = call_of("order-sign", json!({}));
    call["context"]["patientId"] = "x".repeat(400).into();
    let epic = Tolerance { longest_id: 512, orders_withheld: true };
    let text = call.to_string();
    let read_with = |tolerance| OpenedCall::open(text.as_bytes()).and_then(|call| call.read(tolerance));
    let taken = read_with(epic).unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(taken.about.hook, HookContext::OrderSign { draft_orders: None }));
    assert_eq!(
        read_with(Tolerance { longest_id: 512, ..Tolerance::default() }).err().unwrap().member(),
        Some("context.draftOrders")
    );
    assert_eq!(read_with(Tolerance::default()).err().unwrap().member(), Some("context.patientId"));
}

#[test]
fn a_body_nested_beyond_any_chart_is_refused_wherever_it_is_deep() {
    let nested = |deep: usize| format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    let with = |value: &str| CALL.replace(r#""unknown":{"a":1.50}"#, &format!(r#""unknown":{value}"#));
    assert!(read(with(&nested(127)).as_bytes()).is_ok());
    assert_eq!(read(with(&nested(128)).as_bytes()).err(), Some(RequestError::TooDeep));
    assert_eq!(read(with(&nested(1_000_000)).as_bytes()).err(), Some(RequestError::TooDeep));
    let in_a_text = format!(r#""\\\"{}""#, "[".repeat(500));
    assert!(read(with(&in_a_text).as_bytes()).is_ok(), "brackets of a text nest nothing");
    let feedback = format!(r#"{{"feedback":[],"x":{}}}"#, nested(128));
    assert_eq!(read_feedback(feedback.as_bytes()), Err(RequestError::TooDeep));
}

proptest! {
    #[test]
    fn any_bytes_are_answered_and_never_echoed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn an_id_that_passes_is_safe_in_a_path(text in "\\PC{0,80}") {
        if is_fhir_id(&text) {
            prop_assert!(!text.contains(['/', '?', '#', '%', ' ']) && !text.contains("..") && text.len() <= 64);
        }
    }
}
