//! Servers that are wrong on purpose: each fault is found under its own item, and a right answer under none.

use super::little::{Fault, Little, entry};
use super::{judge, options, report, signer};
use prodrome::conform::{Report, Verdict, terminal};
use serde_json::{Value, json};

/// One fault an item. The item's id is the service's id as well.
const FAULTS: [(&str, Fault); 40] = [
    ("CH-004", |answer, _| answer["cards"][0]["detail"] = Value::Null),
    ("CH-005", |answer, _| answer["cards"][0]["overrideReasons"] = json!([])),
    ("CH-006", |answer, _| answer["cards"][0]["links"] = json!([])),
    ("CH-008", |answer, _| action(answer)["resource"]["status"] = Value::Null),
    ("CH-151", |answer, _| *answer = json!({"card": []})),
    ("CH-153", |answer, _| answer["systemActions"] = json!([])),
    ("CH-160", |answer, _| answer["cards"][0]["summary"] = "é".repeat(140).into()),
    ("CH-161", |answer, _| answer["cards"][0]["indicator"] = "hard-stop".into()),
    ("CH-162", |answer, _| without(&mut answer["cards"][0], "source")),
    ("CH-163", |answer, _| answer["cards"][0]["source"]["url"] = "/about".into()),
    ("CH-165", |answer, request| {
        let patient = request["context"]["patientId"].as_str().unwrap_or_default();
        answer["cards"][0]["source"]["url"] = format!("https://little.example/{patient}").into();
    }),
    ("CH-166", |answer, _| without(&mut answer["cards"][0]["source"]["topic"], "code")),
    ("CH-167", |answer, _| answer["cards"][0]["detail"] = "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>".into()),
    ("CH-168", |answer, _| answer["cards"][0]["uuid"] = "0b8c3a60-5d5e-4b0c-9d57-1f6f0f6f7c11".into()),
    ("CH-169", |answer, _| {
        let uuid = answer["cards"][0]["uuid"].as_str().unwrap_or_default().to_uppercase();
        answer["cards"][0]["uuid"] = format!("urn:uuid:{uuid}").into();
    }),
    ("CH-170", |answer, _| without(&mut answer["cards"][0], "uuid")),
    ("CH-171", |answer, _| without(&mut answer["cards"][0], "selectionBehavior")),
    ("CH-172", |answer, _| answer["cards"][0]["selectionBehavior"] = "all".into()),
    ("CH-173", |answer, _| without(&mut answer["cards"][0]["overrideReasons"][0], "display")),
    ("CH-179", |answer, request| {
        let family = &request["prefetch"]["patient"]["name"][0]["family"];
        answer["cards"][0]["detail"] = format!("Of {}", family.as_str().unwrap_or_default()).into();
    }),
    ("CH-181", |answer, _| without(suggestion(answer), "label")),
    ("CH-182", |answer, _| without(suggestion(answer), "uuid")),
    ("CH-183", |answer, _| suggestion(answer)["isRecommended"] = "yes".into()),
    ("CH-184", |answer, _| {
        let mut second = suggestion(answer).clone();
        second["uuid"] = "9f0c5d5e-5d5e-4b0c-9d57-1f6f0f6f7c11".into();
        answer["cards"][0]["suggestions"].as_array_mut().expect("suggestions").push(second);
    }),
    ("CH-185", |answer, _| suggestion(answer)["actionSelectionBehavior"] = "any".into()),
    ("CH-186", |answer, _| suggestion(answer)["actionSelectionBehavior"] = "some".into()),
    ("CH-187", |answer, _| suggestion(answer)["actions"] = json!({})),
    ("CH-193", |answer, _| action(answer)["type"] = "CREATE".into()),
    ("CH-194", |answer, _| without(action(answer), "description")),
    ("CH-196", |answer, _| without(action(answer), "resource")),
    ("CH-197", |answer, _| {
        *action(answer) = json!({"type": "update", "description": "Change it", "resourceId": "Patient/conform-1",
            "resource": {"resourceType": "Patient", "id": "conform-1", "active": true}});
    }),
    ("CH-199", |answer, _| *action(answer) = json!({"type": "delete", "description": "Drop it"})),
    ("CH-200", |answer, _| action(answer)["resource"] = "ServiceRequest/1".into()),
    ("CH-206", |answer, _| without(&mut action(answer)["resource"], "intent")),
    ("CH-207", |answer, _| without(&mut answer["cards"][0]["links"][0], "label")),
    ("CH-208", |answer, _| answer["cards"][0]["links"][0]["type"] = "iframe".into()),
    ("CH-209", |answer, _| answer["cards"][0]["links"][0]["appContext"] = "x".into()),
    ("CH-210", |answer, _| answer["cards"][0]["links"][0]["url"] = "http://little.example".into()),
    ("CH-277", |answer, _| answer["cards"][0]["extension"] = json!([{"url": "https://x", "valueString": "x"}])),
    ("CH-279", |answer, _| answer["cards"][0]["extension"] = json!({"figure": 1})),
];

/// Changes a discovery entry.
type Change = fn(&mut Value);

/// Faults of entries in the discovery document.
const ENTRIES: [(&str, Change); 12] = [
    ("CH-028", |entry| without(entry, "hook")),
    ("CH-029", |entry| without(entry, "description")),
    ("CH-031", |entry| without(entry, "title")),
    ("CH-032", |entry| entry["version"] = "STU2".into()),
    ("CH-033", |entry| entry["hookVersion"] = "9.0".into()),
    ("CH-035", |entry| entry["prefetch"] = json!({"patient": 1})),
    ("CH-036", |entry| entry["usageRequirements"] = json!(["adults"])),
    ("CH-085", |entry| entry["hook"] = "my-hook".into()),
    ("CH-088", |entry| entry["prefetch"]["patient"] = "Patient/{{context.patientId.first()}}".into()),
    ("CH-089", |entry| entry["prefetch"]["patient"] = "Patient/{{patientId}}".into()),
    ("CH-090", |entry| entry["prefetch"]["patient"] = "https://ehr.example/Patient/1".into()),
    ("CH-092", |entry| entry["prefetch"]["patient"] = "Patient?_sort:desc=name".into()),
];

fn suggestion(answer: &mut Value) -> &mut Value {
    &mut answer["cards"][0]["suggestions"][0]
}

fn action(answer: &mut Value) -> &mut Value {
    &mut suggestion(answer)["actions"][0]
}

fn without(value: &mut Value, member: &str) {
    value.as_object_mut().expect("an object").retain(|name, _| name != member);
}

fn failed(report: &Report, id: &str) -> bool {
    matches!(report.verdict(id), Some(Verdict::Failed { .. }))
}

#[actix_web::test]
async fn right_answers_fail_under_none_of_the_items() {
    let little = Little { entries: vec![entry("good")], ..Little::default() }.start();
    let report = judge(&little.url).await;
    for id in FAULTS.iter().map(|(id, _)| id).chain(ENTRIES.iter().map(|(id, _)| id)) {
        assert!(!failed(&report, id), "{id}\n{}", terminal(&report, true));
    }
    little.stop().await;
}

#[actix_web::test]
async fn each_fault_of_an_answer_is_found_under_its_item() {
    let entries = FAULTS.iter().map(|(id, _)| entry(id)).collect();
    let little = Little { entries, faults: FAULTS.to_vec(), ..Little::default() }.start();
    let report = judge(&little.url).await;
    for (id, _) in FAULTS {
        let Some(Verdict::Failed { failures, .. }) = report.verdict(id) else {
            panic!("{id} was not found\n{}", terminal(&report, true));
        };
        let known = failures.iter().any(|failure| failure.request.starts_with(id));
        assert!(known, "{id} was found elsewhere: {failures:?}");
    }
    little.stop().await;
}

#[actix_web::test]
async fn each_fault_of_a_discovery_entry_is_found_under_its_item() {
    for (id, fault) in ENTRIES {
        let mut wrong = entry("good");
        fault(&mut wrong);
        let little = Little { entries: vec![wrong], always: Some((404, "{}")), ..Little::default() }.start();
        let report = judge(&little.url).await;
        assert!(failed(&report, id), "{id}\n{}", terminal(&report, true));
        little.stop().await;
    }
}

#[actix_web::test]
async fn a_server_that_says_nothing_to_everything_is_found_out() {
    let little = Little { always: Some((200, "{}")), ..Little::default() }.start();
    let report = judge(&little.url).await;
    assert!(failed(&report, "CH-026") && report.totals.failed_shall > 0);
    little.stop().await;
    let little = Little { entries: vec![entry("good")], always: Some((200, "{}")), ..Little::default() }.start();
    let report = judge(&little.url).await;
    for id in ["CH-014", "CH-015", "CH-016", "CH-017", "CH-018", "CH-057", "CH-058", "CH-059", "CH-060", "CH-146"] {
        assert!(failed(&report, id), "{id}\n{}", terminal(&report, true));
    }
    assert!(failed(&report, "CH-151") && failed(&report, "CH-236"));
    little.stop().await;
}

#[actix_web::test]
async fn permission_for_every_page_with_credentials_is_found() {
    let headers =
        vec![("access-control-allow-origin", "https://evil.example"), ("access-control-allow-credentials", "true")];
    let little = Little { entries: vec![entry("good")], headers, ..Little::default() }.start();
    let report = judge(&little.url).await;
    assert!(failed(&report, "CH-021") && failed(&report, "CH-022") && failed(&report, "CH-023"));
    little.stop().await;
}

#[actix_web::test]
async fn a_server_that_wants_a_token_is_not_judged_by_what_it_refuses() {
    let little = Little { entries: vec![entry("good")], always: Some((401, "")), ..Little::default() }.start();
    let report = judge(&little.url).await;
    assert_eq!(report.totals.failed_shall, 0, "{}", terminal(&report, true));
    assert!(matches!(report.verdict("CH-151"), Some(Verdict::NotSeen { why }) if why.contains("token")));
    assert!(matches!(report.verdict("CH-239"), Some(Verdict::Passed { .. })));
    little.stop().await;
}

#[actix_web::test]
async fn refusals_that_repeat_the_patient_are_found() {
    let little = Little {
        entries: vec![entry("good")],
        always: Some((500, r#"{"error": "Testperson: panicked at src/main.rs:1"}"#)),
        ..Little::default()
    };
    let little = little.start();
    let report = judge(&little.url).await;
    assert!(failed(&report, "CH-154") && failed(&report, "CH-155"));
    little.stop().await;
}

#[actix_web::test]
async fn a_server_that_takes_every_token_is_found_out() {
    let little = Little { entries: vec![entry("good")], ..Little::default() }.start();
    let mut options = options(&little.url);
    options.signer = Some(signer("https://issuer.conform.example", None));
    let report = report(options).await;
    for id in ["CH-255", "CH-256", "CH-258", "CH-259", "CH-261", "CH-262", "CH-263", "CH-270", "CH-271", "CH-272"] {
        assert!(failed(&report, id), "{id}\n{}", terminal(&report, true));
    }
    for id in ["CH-257", "CH-260"] {
        assert!(matches!(report.verdict(id), Some(Verdict::Passed { .. })), "{id}\n{}", terminal(&report, true));
    }
    little.stop().await;
}
