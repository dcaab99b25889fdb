use super::*;
use proptest::prelude::*;
use serde_json::json;

const CALL: &str = r#"{"hook":"patient-view","hookInstance":"D1577C69-DFBE-44AD-BA6D-3E05E953B2EA",
    "fhirServer":"https://ehr.example/fhir",
    "fhirAuthorization":{"access_token":"secret-token","token_type":"bearer","expires_in":300,"scope":"Patient.Read (R4)","subject":"x","patient":"p-1"},
    "context":{"userId":"Practitioner/u","patientId":"Patient/p-1","encounterId":null,"new":[1]},
    "prefetch":{"patient":null},"extension":{"com.example":1},"unknown":{"a":1.50}}"#;

fn refused(change: impl Fn(&mut serde_json::Value)) -> RequestError {
    let mut call: serde_json::Value = serde_json::from_str(CALL).unwrap();
    change(&mut call);
    HookRequest::read(call.to_string().as_bytes()).err().unwrap()
}

#[test]
fn a_call_in_the_shapes_that_real_clients_send_is_read() {
    let call = HookRequest::read(CALL.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(call.hook_instance, "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea");
    assert_eq!(call.context.patient_id, "p-1");
    assert_eq!(call.prefetch.len(), 1);
    let authorization = call.fhir_authorization.unwrap();
    assert_eq!(authorization.access_token.reveal(), "secret-token");
    assert!(!format!("{authorization:?}").contains("secret-token"));
    let without_prefetch = CALL.replace(r#"{"patient":null}"#, "null");
    assert!(HookRequest::read(without_prefetch.as_bytes()).is_ok_and(|call| call.prefetch.is_empty()));
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
        assert_eq!(HookRequest::read(body.as_bytes()).err().unwrap().to_string(), expected);
    }
    assert!(matches!(HookRequest::read(b"{\"hook\":\"\xff\"}"), Err(RequestError::NotJson { .. })));
}

#[test]
fn a_body_nested_a_million_deep_is_refused_or_ignored_without_a_crash() {
    let deep = format!("{{\"prefetch\":{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(HookRequest::read(deep.as_bytes()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_answered_and_never_echoed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = HookRequest::read(&bytes);
    }

    #[test]
    fn an_id_that_passes_is_safe_in_a_path(text in "\\PC{0,80}") {
        if is_fhir_id(&text) {
            prop_assert!(!text.contains(['/', '?', '#', '%', ' ']) && !text.contains("..") && text.len() <= 64);
        }
    }
}
