//! Against little FHIR servers on loopback that behave as badly as real ones.

use actix_web::web::{self, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use prodrome::decision_support::read_back::{
    FhirBase, FhirReader, KeyQuery, Leave, SentPage, Unread, Wanted, read_back,
};
use prodrome::platform::settings::FhirLimits;
use prodrome::trust::AccessToken;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request that a FHIR server saw.
struct Seen {
    /// Path and query, without the base.
    query: String,
    authorization: Option<String>,
}

struct FhirServer {
    base: FhirBase,
    seen: Arc<Mutex<Vec<Seen>>>,
    calls: Arc<AtomicUsize>,
}

impl FhirServer {
    fn asked(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.query.clone()).collect()
    }
}

async fn answer(
    request: HttpRequest,
    page: Query<HashMap<String, String>>,
    seen: web::Data<Mutex<Vec<Seen>>>,
    calls: web::Data<AtomicUsize>,
) -> HttpResponse {
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let query = request.uri().to_string().replacen("/fhir/", "", 1);
    seen.lock().unwrap().push(Seen { query, authorization });
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
        "Tiring" if number < 3 => bundle(number, Some(format!("Tiring?page={}", number + 1))),
        "Tiring" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            HttpResponse::Ok().finish()
        }
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
    FhirLimits {
        bytes: 100_000,
        pages: 5,
        requests: 4,
        patience: Duration::from_secs(5),
        chart_patience: Duration::from_secs(5),
    }
}

/// A deadline that no test meets.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn read(server: &FhirServer, query: &str) -> Result<String, Unread> {
    let reader = FhirReader::new(small());
    reader.read(&server.base, query, None, &reader.budget(soon())).await
}

fn key_query(key: &str, query: &str) -> KeyQuery {
    KeyQuery { key: key.to_owned(), query: query.to_owned(), after: None }
}

/// The conditions, of which a first page came whose next one is said to be there.
fn begun(server: &FhirServer, next: &str) -> Wanted {
    let page = r#"{"resourceType":"Bundle","total":4,"entry":[{"resource":{"resourceType":"Condition","id":"sent"}}],
        "link":[{"relation":"next","url":"x"}]}"#;
    let after = Some(SentPage { page: page.to_owned(), next: server.base.link(next).expect("a link of the server") });
    let queries = vec![KeyQuery { after, ..key_query("conditions", "Condition?patient=p") }];
    Wanted { base: server.base.clone(), leave: Leave::Open, queries }
}

/// What is read with this patience, in which a whole answer comes and a slow one does not.
async fn within_a_second<T>(reading: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(1), reading).await.expect("an answer within a second")
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
    assert_eq!(reader.read(&nobody, "Patient/p", None, &reader.budget(soon())).await, Err(Unread::Unreachable));
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
    let queries = ["Slow", "Condition", "Tiring"].map(|kind| key_query(kind, &format!("{kind}?patient=p"))).into();
    let leave = Leave::Given { token, until: Instant::now() + Duration::from_secs(300) };
    let wanted = Wanted { base: server.base.clone(), leave, queries };
    let read = read_back(&reader, wanted, Instant::now() + Duration::from_millis(700)).await;
    assert_eq!(read[0].document.as_ref().unwrap_err(), &Unread::TooLate);
    assert!(read[1].document.is_ok());
    let (came, more) = ids(read[2].document.as_ref().expect("the pages that came in time"));
    assert_eq!((came.len(), more), (2, true), "they are kept, and marked as not all");
    assert!(server.seen.lock().unwrap().iter().all(|seen| seen.authorization.as_deref() == Some("Bearer secret")));
}

#[actix_web::test]
async fn one_call_takes_no_more_bytes_than_it_may() {
    let server = fhir_server();
    let reader = FhirReader::new(FhirLimits { bytes: 300, ..small() });
    let read = reader.read(&server.base, "Condition?patient=p", None, &reader.budget(soon())).await.unwrap();
    assert!(ids(&read).1, "what came is kept, and marked as not all");
}

#[actix_web::test]
async fn answers_that_come_at_the_same_time_share_what_one_call_may_take() {
    let server = fhir_server();
    let one = read(&server, "Patient/p").await.expect("a patient").len();
    let reader = FhirReader::new(FhirLimits { bytes: 2 * one, ..small() });
    let budget = reader.budget(soon());
    let asked = || reader.read(&server.base, "Patient/p", None, &budget);
    let (a, b, c) = futures_util::join!(asked(), asked(), asked());
    let mut came = [a, b, c].map(|answer| answer.is_ok());
    came.sort_unstable();
    assert_eq!(came, [false, true, true], "three answers took more than two may");
}

#[actix_web::test]
async fn a_server_that_hangs_takes_no_place_from_another() {
    let (hanging, well) = (fhir_server(), fhir_server());
    // More than the client library itself would let be open at a time.
    let limits = FhirLimits { requests: 120, ..small() };
    let reader = FhirReader::new(limits);
    let budget = reader.budget(soon());
    let slow = futures_util::future::join_all(
        (0..2 * limits.requests).map(|_| reader.read(&hanging.base, "Slow?patient=p", None, &budget)),
    );
    let other = async {
        while hanging.calls.load(Ordering::SeqCst) < limits.requests {
            tokio::task::yield_now().await;
        }
        within_a_second(reader.read(&well.base, "Condition?patient=p", None, &budget)).await
    };
    let read = tokio::select! { read = other => read, _ = slow => panic!("the slow server answered") };
    assert_eq!(ids(&read.unwrap()).0.len(), 3);
    assert_eq!(hanging.calls.load(Ordering::SeqCst), limits.requests, "one server was asked too much at a time");
}

#[actix_web::test]
async fn the_pause_before_a_second_try_is_anothers_turn() {
    let server = fhir_server();
    let reader = FhirReader::new(FhirLimits { requests: 1, ..small() });
    let budget = reader.budget(soon());
    let (flaky, patient) = futures_util::join!(
        reader.read(&server.base, "Flaky?patient=p", None, &budget),
        reader.read(&server.base, "Patient/p", None, &budget)
    );
    assert!(flaky.is_ok() && patient.is_ok());
    assert_eq!(server.asked(), ["Flaky?patient=p", "Patient/p", "Flaky?patient=p"]);
}

#[actix_web::test]
async fn ch_112_a_page_that_came_is_read_on_and_not_again() {
    let server = fhir_server();
    let reader = FhirReader::new(small());
    let read = read_back(&reader, begun(&server, "Condition?page=2"), Instant::now() + small().patience).await;
    let whole = read[0].document.as_ref().unwrap();
    assert_eq!(ids(whole), (vec!["sent".into(), "c2".into(), "c3".into()], false));
    assert_eq!(serde_json::from_str::<serde_json::Value>(whole).unwrap()["total"], 4, "the first page knew of four");
    assert_eq!(server.asked(), ["Condition?page=2", "Condition?page=3"]);
}

#[actix_web::test]
async fn a_page_whose_next_one_is_gone_or_no_page_is_read_anew_and_a_refusal_is_final() {
    for (next, read_anew) in
        [("Nothing/2", true), ("Words?page=2", true), ("Patient/p", true), ("Denied?page=2", false)]
    {
        let server = fhir_server();
        let reader = FhirReader::new(small());
        let read = read_back(&reader, begun(&server, next), Instant::now() + small().patience).await;
        match read_anew {
            true => assert_eq!(ids(read[0].document.as_ref().unwrap()).0, ["c1", "c2", "c3"], "{next}"),
            false => assert_eq!(read[0].document, Err(Unread::Forbidden)),
        }
    }
}

#[actix_web::test]
async fn a_page_that_came_counts_as_one_of_the_pages() {
    let server = fhir_server();
    let reader = FhirReader::new(small());
    let read = read_back(&reader, begun(&server, "Endless?page=2"), Instant::now() + small().patience).await;
    let (found, more) = ids(read[0].document.as_ref().unwrap());
    assert_eq!((found.len(), more), (small().pages, true));
}
