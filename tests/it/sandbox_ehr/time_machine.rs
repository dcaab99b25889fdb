//! The time machine before a service that is not Prodrome: what each moment brings, how gently, and what is drawn.

use actix_web::{App, HttpResponse, HttpServer, web};
use prodrome::sandbox_ehr::{SandboxEhr, read_folder};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Days with a visit, more than are asked.
const VISITS: i32 = 100;
/// What the service says from these years on: a risk of diabetes; something without any extension. As of the first visit it
/// refuses.
const RISK_FROM: &str = "2010";
const PLAIN_FROM: &str = "2012";

#[derive(Default)]
struct Seen {
    bodies: Mutex<Vec<Value>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// One patient with a visit and a reading every ninety days from 2000 on, and diabetes from 2015 on.
fn chart() -> String {
    let about = json!({"reference": "Patient/eve"});
    let concept =
        |words: &str| json!({"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": words}]});
    let mut resources = vec![
        json!({"resourceType": "Patient", "id": "eve", "name": [{"family": "Eve"}], "gender": "female", "birthDate": "1950-01-01"}),
        json!({"resourceType": "Condition", "id": "d", "subject": about, "onsetDateTime": "2015-06-01",
            "code": concept("Diabetes mellitus type 2 (disorder)")}),
        json!({"resourceType": "Condition", "id": "p", "subject": about, "onsetDateTime": "2003-06-01",
            "code": concept("Prediabetes (finding)")}),
    ];
    let first: jiff::civil::Date = "2000-01-01".parse().expect("a day");
    for number in 0..VISITS {
        let day = first + jiff::Span::new().days(90 * number);
        resources.extend([
            json!({"resourceType": "Encounter", "id": format!("e{number}"), "subject": about, "period": {"start": format!("{day}T09:00:00Z")}}),
            json!({"resourceType": "Observation", "id": format!("o{number}"), "status": "final", "subject": about,
                "effectiveDateTime": format!("{day}T09:00:00Z"), "code": concept("x")}),
        ]);
    }
    resources.iter().map(|resource| format!("{resource}\n")).collect()
}

fn cards(as_of: &str) -> Value {
    let mut cards = Vec::new();
    if as_of >= RISK_FROM {
        let source = json!({"label": "l", "topic": {"code": "dm", "display": "diabetes"}});
        let assessment =
            json!({"phenotype": "diabetes-any", "horizon_days": 1825, "risk": 0.123, "baseline_risk": 0.045});
        let extension = json!({"org.prodrome.assessment": assessment});
        cards.push(json!({"summary": "risk", "indicator": "info", "source": source, "extension": extension}));
    }
    if as_of >= PLAIN_FROM {
        cards.push(
            json!({"summary": "plain words", "indicator": "warning", "source": {"label": "l"}, "extension": "odd"}),
        );
    }
    json!({ "cards": cards })
}

fn service(seen: Arc<Seen>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let server = HttpServer::new(move || {
        let seen = seen.clone();
        let answer = move |body: web::Bytes| {
            let seen = seen.clone();
            async move {
                let now = seen.at_once.fetch_add(1, Ordering::SeqCst) + 1;
                seen.most_at_once.fetch_max(now, Ordering::SeqCst);
                // Long enough for every call that may be under way at once to come in.
                actix_web::rt::time::sleep(Duration::from_millis(5)).await;
                seen.at_once.fetch_sub(1, Ordering::SeqCst);
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                let as_of = body["extension"]["org.prodrome.as-of"].as_str().expect("a moment").to_owned();
                seen.bodies.lock().expect("no panic").push(body);
                if as_of.starts_with("2000-01-01") {
                    HttpResponse::BadRequest().finish()
                } else {
                    HttpResponse::Ok().json(cards(&as_of))
                }
            }
        };
        let prefetch =
            json!({"o": "Observation?patient={{context.patientId}}", "c": "Condition?patient={{context.patientId}}"});
        let entry =
            json!({"id": "a", "title": "Other", "hook": "patient-view", "description": "d", "prefetch": prefetch});
        let discovery = json!({"services": [entry]});
        App::new()
            .app_data(web::PayloadConfig::new(8 << 20))
            .route(
                "/cds-services",
                web::get().to(move || {
                    let discovery = discovery.clone();
                    async move { HttpResponse::Ok().json(discovery) }
                }),
            )
            .route("/cds-services/a", web::post().to(answer))
    });
    actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).expect("a listener").run());
    base
}

/// The page over this one patient.
fn page(cds: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("eve.ndjson"), chart()).expect("written");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let page = format!("http://{}", listener.local_addr().expect("an address"));
    let charts = read_folder(folder.path()).expect("a patient");
    let ehr = SandboxEhr::new(charts, cds.to_owned(), page.clone(), vec![]).expect("an EHR");
    actix_web::rt::spawn(ehr.serve(listener).expect("a page"));
    page
}

async fn read(request: awc::SendClientRequest) -> String {
    let body = request.await.expect("an answer").body().limit(8 << 20).await.expect("a whole body");
    String::from_utf8(body.to_vec()).expect("text")
}

/// Travels as a browser without a script does: the answer is the page of the finished journey.
async fn travelled(page: &str) -> String {
    let client = awc::Client::builder().timeout(Duration::from_secs(60)).finish();
    read(client.post(format!("{page}/patients/eve/time-machine")).send()).await
}

#[actix_web::test]
async fn each_moment_brings_what_the_chart_held_by_then_and_few_are_asked_at_once() {
    let seen = Arc::new(Seen::default());
    let page = page(&service(seen.clone()));
    travelled(&page).await;
    let bodies = seen.bodies.lock().expect("no panic").clone();
    assert_eq!(bodies.len(), 60);
    let most = seen.most_at_once.load(Ordering::SeqCst);
    assert!((1..=2).contains(&most), "{most} at once");
    let mut readings = 0;
    for body in bodies {
        let as_of = body["extension"]["org.prodrome.as-of"].as_str().expect("a moment");
        for key in ["o", "c"] {
            for entry in body["prefetch"][key]["entry"].as_array().into_iter().flatten() {
                let at =
                    ["effectiveDateTime", "onsetDateTime"].iter().find_map(|name| entry["resource"][*name].as_str());
                assert!(at.expect("a date") <= as_of, "{entry} as of {as_of}");
                readings += 1;
            }
        }
    }
    assert!(readings > 60 * 20, "{readings}");
}

#[actix_web::test]
async fn the_first_card_the_record_and_the_years_between_are_drawn() {
    let page = page(&service(Arc::default()));
    let drawn = travelled(&page).await;
    assert!(drawn.contains("60 of 100 days with a visit asked"), "{drawn}");
    assert!(drawn.contains("1 could not be answered whole") && drawn.contains("not answered"), "{drawn}");
    for part in
        ["First shown at 60", "risk 12 % within 5 years", "average for age and sex 4.5 %", "In the record at 65"]
    {
        assert!(drawn.contains(part), "{part} in {drawn}");
    }
    assert!(drawn.contains("2015-06-01, Diabetes mellitus type 2)") && drawn.contains("years later"), "{drawn}");
    // A curve with a risk, and one of a service that tells none: each with its first card, only the first with lines.
    assert_eq!(drawn.matches("<circle class=\"first\"").count(), 2, "{drawn}");
    let (risk, plain) = drawn.split_once("<h2>Other</h2>").expect("a curve of the service");
    assert!(risk.contains("<line class=\"risk\"") && risk.contains("<line class=\"recorded\""), "{risk}");
    assert!(!plain.contains("<line class=\"risk\"") && plain.contains("The record names no such problem."), "{plain}");
}

#[actix_web::test]
async fn a_moment_is_shown_from_what_was_recorded() {
    let seen = Arc::new(Seen::default());
    let page = page(&service(seen.clone()));
    let moment =
        |at: usize| awc::Client::default().get(format!("{page}/patients/eve/time-machine/moment?at={at}")).send();
    assert!(read(moment(0)).await.contains("No such moment"));
    travelled(&page).await;
    let (first, last) = (read(moment(0)).await, read(moment(59)).await);
    assert!(
        first.contains("At 50, on 2000-01-01")
            && !first.contains("No cards came back.")
            && first.contains("answered 400"),
        "{first}"
    );
    assert!(last.contains("plain words") && last.contains("/patients/eve?as-of=2024"), "{last}");
    assert_eq!(seen.bodies.lock().expect("no panic").len(), 60, "no call for a moment that was recorded");
}

#[actix_web::test]
async fn a_service_that_does_not_answer_is_said() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let page = page(&format!("http://{silent}"));
    assert!(travelled(&page).await.contains("does not answer"));
}
