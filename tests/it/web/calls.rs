//! `POST /cds-services/{id}`: hook calls, good and bad.

use super::app::{Answer, TestApp};
use super::charts::{bundle_per_type, call, chart, one_bundle, resources, single_resources};
use serde_json::{Value, json};
use sqlx::Row;
use std::time::Duration;

const PATH: &str = "/cds-services/early-detection";
const INSTANCE: &str = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea";
const ANOTHER: &str = "0b8c3a60-5d5e-4b0c-9d57-1f6f0f6f7c11";

async fn post(app: &TestApp, body: &Value) -> Answer {
    app.post(PATH, body.to_string()).await
}

fn cards(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["cards"].as_array().expect("cards").clone()
}

#[actix_web::test]
async fn an_old_patient_s_chart_is_answered_with_cards() {
    let app = TestApp::start().await;
    let answer = post(&app, &call(INSTANCE, one_bundle())).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let cards = cards(&answer);
    assert!((1..=3).contains(&cards.len()), "{}", answer.text());
    for card in &cards {
        assert!(card["summary"].as_str().is_some_and(|summary| summary.chars().count() < 140));
        assert!(["info", "warning"].contains(&card["indicator"].as_str().unwrap_or_default()));
        assert!(card["suggestions"].as_array().is_some_and(|suggestions| !suggestions.is_empty()));
        assert_eq!(card["extension"]["org.prodrome.assessment"]["model"], "age-oracle@0");
    }
}

#[actix_web::test]
async fn the_shape_of_the_prefetch_makes_no_difference() {
    let app = TestApp::start().await;
    let mut answers = Vec::new();
    for prefetch in [one_bundle(), bundle_per_type(), single_resources()] {
        let answer = post(&app, &call(INSTANCE, prefetch)).await;
        answers.push(cards(&answer).into_iter().map(|card| card["summary"].clone()).collect::<Vec<_>>());
    }
    assert!(!answers[0].is_empty());
    assert!(answers.iter().all(|summaries| *summaries == answers[0]), "{answers:?}");
}

#[actix_web::test]
async fn ch_109_a_key_that_nobody_asked_for_changes_no_word() {
    let app = TestApp::start().await;
    let told = async |prefetch: Value| {
        let answer = post(&app, &call(INSTANCE, prefetch)).await;
        cards(&answer).into_iter().map(|card| [card["summary"].clone(), card["detail"].clone()]).collect::<Vec<_>>()
    };
    let without = told(bundle_per_type()).await;
    assert!(!without.is_empty());
    let (claim, basic) = (json!({"resourceType": "Claim", "id": "c"}), json!({"resourceType": "Basic", "id": "b"}));
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": claim}]});
    for unasked in [basic, bundle] {
        let mut more = bundle_per_type();
        more["unasked"] = unasked;
        assert_eq!(told(more).await, without);
    }
    let mut unread = bundle_per_type();
    unread["unasked"] = json!({"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/another"}});
    assert!(told(unread).await[0][1].to_string().contains("about another patient"), "what is asked for is told of");
}

#[actix_web::test]
async fn a_second_call_of_the_same_chart_comes_from_the_cache_with_uuids_of_its_own() {
    let app = TestApp::start().await;
    let first = post(&app, &call(INSTANCE, one_bundle())).await;
    let repeated = post(&app, &call(INSTANCE, one_bundle())).await;
    let other = post(&app, &call(ANOTHER, one_bundle())).await;
    let cache = |answer: &Answer| answer.header("x-prodrome-cache").map(str::to_string);
    assert_eq!(cache(&first).as_deref(), Some("miss"));
    assert_eq!((cache(&repeated).as_deref(), cache(&other).as_deref()), (Some("hit"), Some("hit")));
    let uuids = |answer: &Answer| cards(answer).into_iter().map(|card| card["uuid"].to_string()).collect::<Vec<_>>();
    assert_eq!(uuids(&first), uuids(&repeated));
    assert!(uuids(&first).iter().all(|uuid| !uuids(&other).contains(uuid)));
}

#[actix_web::test]
async fn the_audit_row_can_be_read_once_the_answer_is_here() {
    let app = TestApp::start().await;
    let shown = cards(&post(&app, &call(INSTANCE, one_bundle())).await);
    let row = sqlx::query("select * from audit").fetch_one(&app.database().await).await.expect("one row");
    let uuids: Vec<Value> = shown.iter().map(|card| card["uuid"].clone()).collect();
    assert_eq!(serde_json::from_str::<Vec<Value>>(&row.get::<String, _>("cards")).expect("JSON"), uuids);
    assert_eq!(row.get::<String, _>("hook_instance"), INSTANCE);
    assert_eq!(row.get::<String, _>("model"), "age-oracle@0");
    assert_eq!(
        (row.get::<String, _>("outcome"), row.get::<String, _>("hook")),
        ("cards".into(), "patient-view".into())
    );
    assert!(row.get::<i64, _>("events_read") > 0);
}

#[actix_web::test]
async fn feedback_knows_a_card_that_was_shown() {
    let app = TestApp::start().await;
    let card = cards(&post(&app, &call(INSTANCE, one_bundle())).await).remove(0);
    let entry = json!({"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "2026-05-04T08:15:30Z",
                       "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]});
    let answer = app.post(&format!("{PATH}/feedback"), json!({"feedback": [entry]}).to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let row = sqlx::query("select known_card from feedback").fetch_one(&app.database().await).await.expect("one row");
    assert_eq!(row.get::<i64, _>("known_card"), 1);
}

#[actix_web::test]
async fn resources_of_another_patient_are_left_out_and_counted() {
    let app = TestApp::start().await;
    let alone = post(&app, &call(INSTANCE, one_bundle())).await;
    let mut mixed = single_resources();
    let mut foreign = resources().into_iter().find(|resource| resource["resourceType"] == "Condition").expect("one");
    foreign["id"] = "foreign".into();
    foreign["subject"] = json!({"reference": "Patient/somebody-else"});
    mixed["foreign"] = foreign;
    let answer = post(&app, &call(ANOTHER, mixed)).await;
    assert_eq!(cards(&answer).len(), cards(&alone).len());
    assert_eq!(answer.header("x-prodrome-cache"), Some("hit"), "the foreign condition reached the model");
    let row = sqlx::query("select skipped from audit where hook_instance = $1").bind(ANOTHER);
    let skipped: String = row.fetch_one(&app.database().await).await.expect("one row").get("skipped");
    assert!(skipped.contains(r#"{"type":"Condition","reason":"other-patient","count":1}"#), "{skipped}");
}

#[actix_web::test]
async fn a_page_with_more_to_come_is_answered_and_said_on_the_card_and_in_the_audit() {
    let app = TestApp::start().await;
    let (observations, others): (Vec<Value>, Vec<Value>) =
        resources().into_iter().partition(|resource| resource["resourceType"] == "Observation");
    let bundle = |resources: Vec<Value>| {
        let entries: Vec<Value> = resources.into_iter().map(|resource| json!({"resource": resource})).collect();
        json!({"resourceType": "Bundle", "type": "searchset", "entry": entries})
    };
    let mut page = bundle(observations);
    let sent = page["entry"].as_array().expect("entries").len();
    let detail = |answer: &Answer| cards(answer)[0]["detail"].as_str().expect("a text").to_owned();
    let whole = post(&app, &call(INSTANCE, json!({"all": bundle(others.clone()), "observations": page.clone()}))).await;
    assert!(!detail(&whole).contains("`observations`"), "{}", detail(&whole));
    page["total"] = (sent + 5).into();
    page["link"] = json!([{"relation": "next", "url": "https://ehr/page2"}]);
    let cut = post(&app, &call(ANOTHER, json!({"all": bundle(others), "observations": page}))).await;
    let said = detail(&cut);
    let line = said.lines().find(|line| line.starts_with("Not sent, or not whole:")).expect("a line");
    assert!(line.contains("`observations`") && !line.contains("`conditions`"), "{line}");
    let row = sqlx::query("select skipped from audit where hook_instance = $1").bind(ANOTHER);
    let skipped: String = row.fetch_one(&app.database().await).await.expect("one row").get("skipped");
    assert!(skipped.contains(r#"{"type":"Observation","reason":"not-sent","count":5}"#), "{skipped}");
}

#[actix_web::test]
async fn a_patient_who_died_gets_no_card_and_the_audit_says_why() {
    let app = TestApp::start().await;
    let mut dead = chart();
    dead["entry"][0]["resource"]["deceasedBoolean"] = true.into();
    assert!(cards(&post(&app, &call(INSTANCE, json!({"everything": dead}))).await).is_empty());
    let row = sqlx::query("select abstained, outcome from audit").fetch_one(&app.database().await).await.expect("one");
    assert_eq!(row.get::<String, _>("outcome"), "no-cards");
    assert!(row.get::<String, _>("abstained").contains(r#""deceased""#));
}

#[actix_web::test]
async fn an_empty_prefetch_answers_412_naming_the_patient() {
    let app = TestApp::start().await;
    for prefetch in [json!({}), Value::Null] {
        let issue = post(&app, &call(INSTANCE, prefetch)).await.refuses_with(412, "data-missing");
        assert_eq!(issue["expression"][0], "prefetch.patient");
    }
}

#[actix_web::test]
async fn a_null_patient_is_answered_without_cards() {
    let app = TestApp::start().await;
    let answer = post(&app, &call(INSTANCE, json!({"patient": null}))).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"cards":[]}"#));
}

#[actix_web::test]
async fn a_missing_or_wrong_member_is_named() {
    let app = TestApp::start().await;
    let whole = call(INSTANCE, json!({"patient": null}));
    for (pointer, member) in [("", "hook"), ("", "hookInstance"), ("", "context"), ("/context", "patientId")] {
        let mut body = whole.clone();
        body.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object").remove(member);
        let issue = post(&app, &body).await.refuses_with(400, "invalid-request");
        assert_eq!(issue["expression"][0], format!("{pointer}/{member}")[1..].replace('/', "."));
    }
    for (pointer, wrong) in [("/hook", json!(7)), ("/prefetch", json!("all")), ("/context/patientId", json!("../x"))] {
        let mut body = whole.clone();
        *body.pointer_mut(pointer).expect("a member") = wrong;
        let issue = post(&app, &body).await.refuses_with(400, "invalid-request");
        assert_eq!(issue["expression"][0], pointer[1..].replace('/', "."));
    }
}

#[actix_web::test]
async fn an_unknown_service_and_a_hook_that_it_does_not_serve_are_refused() {
    let app = TestApp::start().await;
    let mut body = call(INSTANCE, json!({"patient": null}));
    app.post("/cds-services/nothing", body.to_string()).await.refuses_with(404, "unknown-service");
    body["hook"] = "order-sign".into();
    let issue = post(&app, &body).await.refuses_with(400, "hook-not-served");
    assert_eq!(issue["expression"][0], "hook");
}

#[actix_web::test]
async fn wrong_types_within_a_chart_are_counted_and_never_crash() {
    let app = TestApp::start().await;
    for wrong in [json!(5), json!({"resourceType": "Bundle", "entry": [7, {"resource": []}]}), json!([[[]]])] {
        let answer = post(&app, &call(INSTANCE, json!({"patient": resources()[0], "conditions": wrong}))).await;
        assert!([200, 400].contains(&answer.status), "{}", answer.text());
    }
    let mut odd = resources()[0].clone();
    odd["birthDate"] = json!({"year": 1958});
    let answer = post(&app, &call(INSTANCE, json!({"patient": odd}))).await;
    assert!([200, 412].contains(&answer.status), "{}", answer.text());
    assert_eq!(app.get("/readyz").await.status, 200);
}

#[actix_web::test]
async fn a_full_engine_answers_503_with_retry_after() {
    let builder = TestApp::builder().pace(Duration::from_millis(700));
    let app = builder.setting("ENGINE__QUEUE_LENGTH", "1").setting("ENGINE__THREADS", "1").start().await;
    let older = |days: u8| {
        let mut chart = chart();
        chart["entry"][0]["resource"]["birthDate"] = format!("1950-01-{days:02}").into();
        call(INSTANCE, json!({"everything": chart}))
    };
    let bodies: Vec<Value> = (1..=6).map(older).collect();
    let (a, b, c, d, e, f) = tokio::join!(
        post(&app, &bodies[0]),
        post(&app, &bodies[1]),
        post(&app, &bodies[2]),
        post(&app, &bodies[3]),
        post(&app, &bodies[4]),
        post(&app, &bodies[5]),
    );
    let (served, refused): (Vec<Answer>, Vec<Answer>) = [a, b, c, d, e, f].into_iter().partition(|x| x.status == 200);
    assert!(!served.is_empty() && !refused.is_empty(), "{} served", served.len());
    for answer in refused {
        answer.refuses_with(503, "busy");
        assert!(answer.header("retry-after").is_some());
    }
}

#[actix_web::test]
async fn a_call_that_takes_too_long_answers_503() {
    let app = TestApp::builder().pace(Duration::from_secs(2)).setting("ENGINE__DEADLINE", "100 ms").start().await;
    post(&app, &call(INSTANCE, one_bundle())).await.refuses_with(503, "too-late");
}

#[actix_web::test]
async fn an_answer_that_cannot_be_recorded_does_not_leave() {
    let app = TestApp::start().await;
    app.running.close_database().await;
    let answer = post(&app, &call(INSTANCE, one_bundle())).await;
    answer.refuses_with(503, "not-recorded");
}

#[actix_web::test]
async fn a_call_may_choose_its_as_of_time_in_development() {
    let app = TestApp::start().await;
    let mut body = call(INSTANCE, one_bundle());
    body["extension"] = json!({"org.prodrome.as-of": "1999-03-04T00:00:00Z"});
    assert!(cards(&post(&app, &body).await).is_empty(), "a patient of 40 is below every threshold");
}
