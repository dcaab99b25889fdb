//! JSON that a parser may stumble over: depth, numbers, names, bytes and sheer count.

use super::{CALL, INSTANCE, still_answers};
use crate::web::app::TestApp;
use crate::web::charts::{PATIENT, call, chart, one_bundle};
use serde_json::{Value, json};

const FEEDBACK: &str = "/cds-services/early-detection/feedback";

/// A good call as text, with `to` in place of `from`, which must be there.
fn changed(from: &str, to: &str) -> String {
    let text = call(INSTANCE, one_bundle()).to_string();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// A good call with one more member, in the request or in its context.
fn with_member(parent: &str, name: &str, value: &str) -> String {
    let mut body = call(INSTANCE, one_bundle());
    body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").insert(name.into(), json!("HERE"));
    body.to_string().replacen("\"HERE\"", value, 1)
}

#[actix_web::test]
async fn a_hundred_thousand_levels_are_refused_wherever_they_stand() {
    let app = TestApp::start().await;
    let deep = 100_000;
    let arrays = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    let objects = format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep));
    let bundles = format!(
        "{}{{}}{}",
        r#"{"resourceType":"Bundle","entry":[{"resource":"#.repeat(deep / 3),
        "}]}".repeat(deep / 3)
    );
    for nested in [&arrays, &objects, &bundles] {
        for body in [
            nested.clone(),
            with_member("/prefetch", "deep", nested),
            with_member("/context", "deep", nested),
            with_member("", "extension", nested),
            with_member("", "fhirAuthorization", nested),
            with_member("", "unknown", nested),
        ] {
            app.post(CALL, body).await.refuses_with(400, "invalid-request");
        }
        let feedback = format!(r#"{{"feedback": [{{"card": {nested}}}]}}"#);
        app.post(FEEDBACK, feedback).await.refuses_with(400, "invalid-request");
    }
    app.post(CALL, "[".repeat(5_000_000)).await.refuses_with(400, "invalid-request");
    still_answers(&app).await;
}

#[actix_web::test]
async fn numbers_beyond_every_type_are_counted_and_change_nothing() {
    let app = TestApp::start().await;
    let many_digits = "9".repeat(100_000);
    for number in ["1e999999", "-1e999999", "1e-999999", "0e0", "-0", &*many_digits, &*format!("0.{many_digits}")] {
        let observation = format!(
            r#"{{"resourceType":"Observation","id":"x","status":"final","subject":{{"reference":"Patient/{PATIENT}"}},
                "effectiveDateTime":"2020-01-01","code":{{"coding":[{{"system":"http://loinc.org","code":"2160-0"}}]}},
                "valueQuantity":{{"value":{number},"code":"mg/dL"}}}}"#
        );
        let answer = app.post(CALL, with_member("/prefetch", "x", &observation)).await;
        assert_eq!(answer.status, 200, "{number:.20}: {}", answer.text());
        assert!(!answer.text().contains("NaN") && !answer.text().contains("risk\":null"), "{}", answer.text());
        app.post(CALL, with_member("/context", "patientId", number)).await.refuses_with(400, "invalid-request");
    }
    for no_number in ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x1", "1e"] {
        let answer = app.post(CALL, with_member("/prefetch", "x", no_number)).await;
        answer.refuses_with(400, "invalid-request");
    }
    still_answers(&app).await;
}

#[actix_web::test]
async fn of_repeated_members_the_last_counts_for_every_reader() {
    let app = TestApp::start().await;
    for (from, to) in [
        (r#""hook":"patient-view""#, r#""hook":"order-sign","hook":"patient-view""#),
        (r#""patientId":"chart-1""#, r#""patientId":"someone-else","patientId":"chart-1""#),
        (r#""userId":"#, r#""userId":7,"userId":"#),
    ] {
        let answer = app.post(CALL, changed(from, to)).await;
        assert_eq!(answer.status, 200, "{to}: {}", answer.text());
        assert!(!answer.json()["cards"].as_array().expect("cards").is_empty(), "{to}");
    }
    let twice = changed(r#""patientId":"chart-1""#, r#""patientId":"chart-1","patientId":"someone-else""#);
    app.post(CALL, twice).await.refuses_with(412, "data-missing");
    // Twice the same member within a resource: whichever is read, the chart is.
    let answer = app.post(CALL, changed(r#""resourceType":"#, r#""id":"a","id":"b","resourceType":"#)).await;
    assert!([200, 400, 412].contains(&answer.status), "{}", answer.text());
    still_answers(&app).await;
}

#[actix_web::test]
async fn texts_that_are_no_unicode_are_refused_or_counted() {
    let app = TestApp::start().await;
    for lone in [r#""\ud800""#, r#""\udc00\ud800""#, r#""\ud83d""#] {
        for member in ["userId", "patientId", "encounterId"] {
            let issue =
                app.post(CALL, with_member("/context", member, lone)).await.refuses_with(400, "invalid-request");
            assert_eq!(issue["expression"][0], format!("context.{member}"));
        }
        let condition = format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/{PATIENT}"}},"code":{{"text":{lone}}}}}"#
        );
        let answer = app.post(CALL, with_member("/prefetch", "x", &condition)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let bytes = |inside: &[u8]| {
        let text = changed("Practitioner/p", "HERE");
        let (before, after) = text.split_once("HERE").expect("the place");
        [before.as_bytes(), inside, after.as_bytes()].concat()
    };
    let json = [("content-type", "application/json")];
    for broken in [&b"Practitioner/\xff"[..], b"Practitioner/\xc0\xaf", b"Practitioner/\xed\xa0\x80", b"P/\x00"] {
        app.post_with(CALL, &json, bytes(broken)).await.refuses_with(400, "invalid-request");
    }
    let good = call(INSTANCE, one_bundle()).to_string();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    app.post_with(CALL, &json, utf16).await.refuses_with(400, "invalid-request");
    let marked = [&b"\xef\xbb\xbf"[..], good.as_bytes()].concat();
    assert_eq!(app.post_with(CALL, &json, marked).await.status, 200, "a byte order mark is passed over");
    still_answers(&app).await;
}

#[actix_web::test]
async fn a_million_prefetch_keys_are_looked_through_once() {
    let app = TestApp::start().await;
    let keys: String = (0..1_000_000).map(|key| format!("\"k{key}\":null,")).collect();
    let answer = app.post(CALL, changed(r#""prefetch":{"#, &format!(r#""prefetch":{{{keys}"#))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.json()["cards"].as_array().expect("cards").is_empty());
    still_answers(&app).await;
}

#[actix_web::test]
async fn a_hundred_thousand_entries_that_are_none_are_counted() {
    let app = TestApp::start().await;
    let entries = vec!["0"; 100_000].join(",");
    let bundle = format!(r#"{{"resourceType":"Bundle","entry":[{entries}]}}"#);
    let answer = app.post(CALL, with_member("/prefetch", "small", &bundle)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let feedback = format!(r#"{{"feedback":[{entries}]}}"#);
    let issue = app.post(FEEDBACK, feedback).await.refuses_with(400, "invalid-request");
    assert_eq!(issue["expression"][0], "feedback[0]");
    still_answers(&app).await;
}

#[actix_web::test]
async fn every_prefix_of_a_good_call_is_refused() {
    let app = TestApp::start().await;
    let good = call(INSTANCE, json!({"patient": chart()["entry"][0]["resource"]})).to_string();
    for end in (0..good.len()).step_by(37) {
        let prefix = good.as_bytes()[..end].to_vec();
        app.post_with(CALL, &[("content-type", "application/json")], prefix).await.refuses_with(400, "invalid-request");
    }
    still_answers(&app).await;
}
