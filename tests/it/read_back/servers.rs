//! Against little FHIR servers on loopback that behave as badly as real ones.

use actix_web::web::{self, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use prodrome::decision_support::read_back::{FhirBase, FhirReader, Leave, Unread, Wanted, read_back};
use prodrome::platform::settings::FhirLimits;
use prodrome::trust::AccessToken;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A FHIR server, and the `Authorization` headers that it saw.
struct FhirServer {
    base: FhirBase,
    seen: Arc<Mutex<Vec<Option<String>>>>,
    calls: Arc<AtomicUsize>,
}

async fn answer(
    request: HttpRequest,
    page: Query<HashMap<String, String>>,
    seen: web::Data<Mutex<Vec<Option<String>>>>,
    calls: web::Data<AtomicUsize>,
) -> HttpResponse {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    seen.lock().unwrap().push(header);
    let call = calls.fetch_add(1, Ordering::SeqCst);
    let bundle = |id: usize, next: Option<String>| {
        let link = next.map(|url| format!(r#""link":[{{"relation":"next","url":"{url}"}}],"#)).unwrap_or_default();
        HttpResponse::Ok().body(format!(
            r#"{{"resourceType":"Bundle","type":"searchset","total":3,{link}"entry":[{{"resource":{{"resourceType":"Condition","id":"c{id}"}}}}]}}"#
        ))
    };
    let number: usize = page.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    match request.match_info().get("kind").unwrap_or_default() {
        "Condition" => bundle(number, (number < 3).then(|| format!("Condition?page={}", number + 1))),
        "Endless" => bundle(number, Some(format!("Endless?page={}", number + 1))),
        "Circle" => bundle(number, Some("Circle?patient=p".into())),
        "Foreign" => bundle(number, Some("http://127.0.0.1:1/fhir/Condition?page=2".into())),
        "Huge" => HttpResponse::Ok().body(format!(r#"{{"resourceType":"Bundle","x":"{}"}}"#, "a".repeat(200_000))),
        "Slow" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            HttpResponse::Ok().finish()
        }
        "Flaky" if call == 0 => HttpResponse::ServiceUnavailable().finish(),
        "Flaky" => bundle(1, None),
        "Broken" => HttpResponse::InternalServerError().finish(),
        "Moved" => HttpResponse::Found().insert_header(("location", "/fhir/Condition")).finish(),
        "Denied" => HttpResponse::Forbidden().finish(),
        "Words" => HttpResponse::Ok().body("<html>"),
        "Patient" => HttpResponse::Ok().body(r#"{"resourceType":"Patient","id":"p"}"#),
        _ => HttpResponse::NotFound().finish(),
    }
}

fn fhir_server() -> FhirServer {
    let (seen, calls) = (web::Data::new(Mutex::new(Vec::new())), web::Data::new(AtomicUsize::new(0)));
    let (app_seen, app_calls) = (seen.clone(), calls.clone());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(app_seen.clone())
            .app_data(app_calls.clone())
            .route("/fhir/{kind}", web::get().to(answer))
            .route("/fhir/{kind}/{id}", web::get().to(answer))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(0)
    .bind("127.0.0.1:0")
    .unwrap();
    let base = FhirBase::parse(&format!("http://{}/fhir", server.addrs()[0])).unwrap();
    rt::spawn(server.run());
    FhirServer { base, seen: seen.into_inner(), calls: calls.into_inner() }
}

fn small() -> FhirLimits {
    FhirLimits { bytes: 100_000, pages: 5, requests: 4, patience: Duration::from_secs(5) }
}

async fn read(server: &FhirServer, query: &str) -> Result<String, Unread> {
    let reader = FhirReader::new(small());
    reader.read(&server.base, query, None, &reader.budget()).await
}

fn ids(bundle: &str) -> (Vec<String>, bool) {
    let bundle: serde_json::Value = serde_json::from_str(bundle).unwrap();
    let id = |entry: &serde_json::Value| entry["resource"]["id"].as_str().unwrap().to_owned();
    (bundle["entry"].as_array().unwrap().iter().map(id).collect(), bundle["link"][0]["relation"] == "next")
}

#[actix_web::test]
async fn every_page_becomes_one_bundle_and_a_resource_stays_itself() {
    let server = fhir_server();
    assert_eq!(
        ids(&read(&server, "Condition?patient=p").await.unwrap()),
        (vec!["c1".into(), "c2".into(), "c3".into()], false)
    );
    assert_eq!(read(&server, "Patient/p").await.unwrap(), r#"{"resourceType":"Patient","id":"p"}"#);
}

#[actix_web::test]
async fn pages_without_end_in_a_circle_or_on_another_host_leave_the_key_in_part() {
    let server = fhir_server();
    let (found, more) = ids(&read(&server, "Endless?patient=p").await.unwrap());
    assert_eq!((found.len(), more), (5, true));
    assert!(ids(&read(&server, "Circle?patient=p").await.unwrap()).1);
    let before = server.calls.load(Ordering::SeqCst);
    assert_eq!(ids(&read(&server, "Foreign?patient=p").await.unwrap()), (vec!["c1".into()], true));
    assert_eq!(server.calls.load(Ordering::SeqCst), before + 1, "the foreign link was not followed");
}

#[actix_web::test]
async fn each_failure_is_told_apart_and_a_redirection_is_not_followed() {
    let server = fhir_server();
    for (query, unread) in [
        ("Huge?patient=p", Unread::Misshapen),
        ("Broken?patient=p", Unread::Failed),
        ("Moved?patient=p", Unread::Misshapen),
        ("Denied?patient=p", Unread::Forbidden),
        ("Words?patient=p", Unread::Misshapen),
        ("Nothing/p", Unread::NotThere),
        ("../admin", Unread::Misshapen),
    ] {
        assert_eq!(read(&server, query).await, Err(unread), "{query}");
    }
    let nobody = FhirBase::parse("http://127.0.0.1:1/fhir").unwrap();
    let reader = FhirReader::new(small());
    assert_eq!(reader.read(&nobody, "Patient/p", None, &reader.budget()).await, Err(Unread::Unreachable));
}

#[actix_web::test]
async fn a_moments_failure_is_asked_about_once_more() {
    let server = fhir_server();
    assert!(read(&server, "Flaky?patient=p").await.is_ok());
    assert_eq!(server.calls.load(Ordering::SeqCst), 2);
}

#[actix_web::test]
async fn slow_answers_end_at_the_deadline_and_the_others_are_kept() {
    let server = fhir_server();
    let reader = FhirReader::new(small());
    let token: AccessToken = AccessToken::of("secret".into());
    let queries =
        vec![("slow".to_owned(), "Slow?patient=p".to_owned()), ("conditions".into(), "Condition?patient=p".into())];
    let leave = Leave::Given { token, until: Instant::now() + Duration::from_secs(300) };
    let wanted = Wanted { base: server.base.clone(), leave, queries };
    let read = read_back(&reader, wanted, Instant::now() + Duration::from_millis(700)).await;
    assert_eq!(read[0].document.as_ref().unwrap_err(), &Unread::TooLate);
    assert!(read[1].document.is_ok());
    assert!(server.seen.lock().unwrap().iter().all(|header| header.as_deref() == Some("Bearer secret")));
}

#[actix_web::test]
async fn one_call_takes_no_more_bytes_than_it_may() {
    let server = fhir_server();
    let reader = FhirReader::new(FhirLimits { bytes: 300, ..small() });
    let read = reader.read(&server.base, "Condition?patient=p", None, &reader.budget()).await.unwrap();
    assert!(ids(&read).1, "what came is kept, and marked as not all");
}

#[actix_web::test]
async fn answers_that_come_at_the_same_time_share_what_one_call_may_take() {
    let server = fhir_server();
    let one = read(&server, "Patient/p").await.expect("a patient").len();
    let reader = FhirReader::new(FhirLimits { bytes: 2 * one, ..small() });
    let budget = reader.budget();
    let asked = || reader.read(&server.base, "Patient/p", None, &budget);
    let (a, b, c) = futures_util::join!(asked(), asked(), asked());
    let mut came = [a, b, c].map(|answer| answer.is_ok());
    came.sort_unstable();
    assert_eq!(came, [false, true, true], "three answers took more than two may");
}
