//! The calls that the public CDS Hooks sandbox makes, a client in a browser, as they were recorded from it: its tokens,
//! its preflights, its prefetch from an open FHIR server, its drafts that are not quite FHIR, its feedback. The sandbox
//! itself is driven by `.ci/public_sandbox`.

use crate::read_back::sandbox::{app_reading, record};
use crate::trust::ehr::{Ehr, now};
use crate::web::app::{Answer, TestApp, send_to};
use crate::web::charts::PATIENT;
use prodrome::platform::clock;
use prodrome::sandbox_ehr::{SandboxEhr, read_folder};
use serde_json::{Map, Value, json};
use sqlx::Row;
use std::collections::BTreeMap;
use std::net::TcpListener;
use uuid::Uuid;

const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:4567");
const FHIR: (&str, &str) = ("accept", "application/json+fhir");

/// The browser's page, the server that it calls and the FHIR server that it reads.
struct Page {
    app: TestApp,
    fhir: String,
    signer: Ehr,
}

impl Page {
    async fn open() -> Self {
        let fhir = fhir_server(true);
        Self { app: app_reading(&[&fhir]).await, fhir, signer: Ehr::es384() }
    }

    /// Its token: the address as it is called, five minutes, neither `sub` nor `nbf`, a key at its public host.
    fn bearer(&self, url: &str) -> String {
        let header = json!({"alg": "ES384", "typ": "JWT", "kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f",
                            "jku": "https://sandbox.cds-hooks.org/.well-known/jwks.json"});
        let claims = json!({"iss": "https://sandbox.cds-hooks.org", "aud": url, "exp": now() + 300, "iat": now(),
                            "jti": Uuid::new_v4().to_string()});
        format!("Bearer {}", self.signer.sign(&header, &claims))
    }

    /// Every entry that it keeps: of an id, the last.
    async fn discover(&self) -> BTreeMap<String, Value> {
        let url = self.app.url("/cds-services");
        preflight("GET", &url, "authorization").await;
        let headers = [ORIGIN, ("accept", "application/json"), ("authorization", &*self.bearer(&url))];
        let list = readable(send_to("GET", &url, &headers, vec![]).await).json();
        let entries = list["services"].as_array().expect("services").clone();
        entries.into_iter().map(|entry| (entry["id"].as_str().expect("an id").to_owned(), entry)).collect()
    }

    /// Reads and searches; what fails or has a token that it cannot fill is left out.
    async fn prefetch(&self, templates: &Value) -> Value {
        let mut filled = Map::new();
        for (key, template) in templates.as_object().expect("templates") {
            let query = template.as_str().expect("a template").replace("{{context.patientId}}", PATIENT);
            if query.contains("{{") {
                continue;
            }
            let answer = match query.split_once('?') {
                None => send_to("GET", &format!("{}/{query}", self.fhir), &[ORIGIN, FHIR], vec![]).await,
                Some((kind, form)) => {
                    let url = format!("{}/{kind}/_search", self.fhir);
                    let headers = [ORIGIN, FHIR, ("content-type", "application/x-www-form-urlencoded")];
                    send_to("POST", &url, &headers, form.as_bytes().to_vec()).await
                }
            };
            if answer.status == 200 {
                filled.insert(key.clone(), readable(answer).json());
            }
        }
        Value::Object(filled)
    }

    /// Fires a hook at a service that it knows, with the user that it always is.
    async fn fire(&self, entry: &Value, hook: &str, context: Value) -> Value {
        let url = self.service(entry);
        let mut whole = json!({"patientId": PATIENT, "userId": "Practitioner/COREPRACTITIONER1"});
        whole.as_object_mut().expect("an object").extend(context.as_object().expect("an object").clone());
        let body = json!({"hookInstance": Uuid::new_v4().to_string(), "hook": hook, "fhirServer": self.fhir,
                          "context": whole, "prefetch": self.prefetch(&entry["prefetch"]).await});
        self.post(&url, &body).await.json()
    }

    fn service(&self, entry: &Value) -> String {
        self.app.url(&format!("/cds-services/{}", entry["id"].as_str().expect("an id")))
    }

    /// One item a POST.
    async fn feed_back(&self, entry: &Value, item: Value) {
        let answer = self.post(&format!("{}/feedback", self.service(entry)), &json!({"feedback": [item]})).await;
        assert_eq!(answer.body.len(), 0);
    }

    async fn post(&self, url: &str, body: &Value) -> Answer {
        preflight("POST", url, "authorization,content-type").await;
        let bearer = self.bearer(url);
        let headers = [ORIGIN, ("accept", "application/json"), ("content-type", "application/json")];
        let headers: Vec<_> = headers.into_iter().chain([("authorization", &*bearer)]).collect();
        readable(send_to("POST", url, &headers, body.to_string().into_bytes()).await)
    }
}

/// The sandbox EHR's FHIR server over the test chart, with a haemoglobin of today: its base address.
fn fhir_server(open: bool) -> String {
    let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let haemoglobin = json!({"resourceType": "Observation", "id": "lab", "status": "final", "effectiveDateTime": today,
        "subject": {"reference": format!("Patient/{PATIENT}")},
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "valueQuantity": {"value": 13.1, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"}});
    let lines: Vec<String> = record().into_iter().chain([haemoglobin]).map(|one| one.to_string()).collect();
    let other = json!({"resourceType": "Patient", "id": "other", "name": [{"given": ["O"], "family": "Ther"}]});
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("one.ndjson"), lines.join("\n")).expect("written");
    std::fs::write(folder.path().join("two.ndjson"), other.to_string()).expect("written");
    let charts = read_folder(folder.path()).expect("patients");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let page = format!("http://{}", listener.local_addr().expect("an address"));
    let ehr = SandboxEhr::new(charts, String::new(), page.clone(), vec![]).expect("an EHR");
    let ehr = if open { ehr.open() } else { ehr };
    let base = ehr.fhir_base();
    actix_web::rt::spawn(ehr.serve(listener).expect("a page"));
    base
}

/// A browser asks first, without any credentials.
async fn preflight(method: &str, url: &str, headers: &str) {
    let asks = [ORIGIN, ("access-control-request-method", method), ("access-control-request-headers", headers)];
    let answer = readable(send_to("OPTIONS", url, &asks, vec![]).await);
    let allowed = answer.header("access-control-allow-headers").unwrap_or_default();
    assert!(headers.split(',').all(|name| allowed.contains(name)), "{url}: {allowed}");
    assert!(answer.header("access-control-allow-methods").is_some_and(|allowed| allowed.contains(method)), "{url}");
}

/// An answer that the browser hands to the page.
#[track_caller]
fn readable(answer: Answer) -> Answer {
    assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, answer.text());
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    answer
}

/// The one order of the screen: not quite FHIR, and the same id each time.
fn order(drug: Option<&str>) -> Value {
    let mut draft = json!({"resourceType": "MedicationRequest", "id": "request-123", "status": "draft",
        "subject": {"reference": format!("Patient/{PATIENT}")}, "authoredOn": "2026-11-26"});
    if let Some(name) = drug {
        draft["intent"] = "order".into();
        draft["category"] = json!({"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": "community"}]});
        draft["dispenseRequest"] = json!({"expectedSupplyDuration": {
            "value": 30, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}});
        draft["dosageInstruction"] = json!([{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "{pill}"}}]}]);
        draft["medicationCodeableConcept"] = json!({"text": name, "coding": [{"display": name,
            "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "855332"}]});
    }
    json!({"resourceType": "Bundle", "entry": [{"resource": draft}]})
}

fn selected(drug: Option<&str>) -> Value {
    json!({"selections": ["MedicationRequest/request-123"], "draftOrders": order(drug)})
}

const WARFARIN: Option<&str> = Some("Warfarin Sodium 5 MG Oral Tablet");

#[actix_web::test]
async fn of_an_id_the_last_entry_is_one_whose_screen_comes_first() {
    let kept = Page::open().await.discover().await;
    let hooks: Vec<_> = kept.iter().map(|(id, entry)| (id.as_str(), entry["hook"].as_str().expect("a hook"))).collect();
    let wanted = [
        ("early-detection", "patient-view"),
        ("order-outlook", "order-select"),
        ("readmission-risk", "encounter-discharge"),
    ];
    assert_eq!(hooks, wanted);
}

#[actix_web::test]
async fn a_chart_that_is_opened_shows_cards_and_both_kinds_of_feedback_are_kept() {
    let page = Page::open().await;
    let service = &page.discover().await["early-detection"];
    let filled = page.prefetch(&service["prefetch"]).await;
    let asked: Vec<_> = service["prefetch"].as_object().expect("templates").keys().collect();
    assert_eq!(filled.as_object().expect("an object").keys().collect::<Vec<_>>(), asked, "a key was not filled");
    let answer = page.fire(service, "patient-view", json!({})).await;
    let (first, second) = (&answer["cards"][0], &answer["cards"][1]);
    let (accepted, reason) = (&first["suggestions"][0], &second["overrideReasons"][0]);
    assert!(accepted["label"].is_string() && reason["display"].is_string(), "{answer}");
    page.feed_back(
        service,
        json!({"card": first["uuid"], "outcome": "accepted",
        "acceptedSuggestions": [{"id": accepted["uuid"]}], "outcomeTimestamp": "2026-11-26T21:40:00.123Z"}),
    )
    .await;
    page.feed_back(
        service,
        json!({"card": second["uuid"], "outcome": "overridden",
        "outcomeTimestamp": "2026-11-26T21:40:02.004Z",
        "overrideReason": {"reason": {"code": reason["code"], "system": reason["system"]}}}),
    )
    .await;
    let rows = sqlx::query("select outcome, known_card, override_code from feedback order by outcome")
        .fetch_all(&page.app.database().await)
        .await
        .expect("rows");
    let kept: Vec<(String, i64)> = rows.iter().map(|row| (row.get("outcome"), row.get("known_card"))).collect();
    assert_eq!(kept, [("accepted".to_owned(), 1), ("overridden".to_owned(), 1)]);
    assert_eq!(rows[1].get::<String, _>("override_code"), reason["code"].as_str().expect("a code"));
}

#[actix_web::test]
async fn an_order_screen_gets_no_card_before_a_drug_is_chosen_and_one_after() {
    let page = Page::open().await;
    let service = &page.discover().await["order-outlook"];
    assert_eq!(page.fire(service, "order-select", selected(None)).await, json!({"cards": []}));
    let card = page.fire(service, "order-select", selected(WARFARIN)).await["cards"][0].clone();
    assert!(card["source"]["topic"]["code"].as_str().is_some_and(|code| code.starts_with("anticoagulant")), "{card}");
}

#[actix_web::test]
async fn an_order_whose_category_is_no_list_is_read_when_it_is_signed() {
    let page = Page::open().await;
    let service = &page.discover().await["order-outlook"];
    let answer = page.fire(service, "order-sign", json!({"draftOrders": order(WARFARIN)})).await;
    let card = &answer["cards"][0];
    assert!(card["source"]["topic"]["code"].as_str().is_some_and(|code| code.starts_with("anticoagulant")), "{answer}");
    page.feed_back(
        service,
        json!({"card": card["uuid"], "outcome": "overridden",
        "outcomeTimestamp": "2026-11-26T21:40:02.004Z"}),
    )
    .await;
}

#[actix_web::test]
async fn the_open_fhir_server_lists_patients_and_searches_by_form_as_by_address() {
    let fhir = fhir_server(true);
    let listed = readable(send_to("GET", &format!("{fhir}/Patient"), &[ORIGIN, FHIR], vec![]).await).json();
    assert_eq!(listed["total"], 2);
    assert_eq!(listed["entry"][1]["resource"]["name"][0]["given"][0], "O");
    let by_address = format!("{fhir}/Condition?patient={PATIENT}");
    let by_address = readable(send_to("GET", &by_address, &[ORIGIN, FHIR], vec![]).await).json();
    let form = format!("patient={PATIENT}").into_bytes();
    let by_form = send_to("POST", &format!("{fhir}/Condition/_search"), &[ORIGIN, FHIR], form).await;
    assert_eq!(readable(by_form).json(), by_address);
    assert!(by_address["total"].as_u64() > Some(0));
    for (kind, form) in [("Condition", ""), ("Condition", "onset=2020"), ("Patient", "name=O")] {
        let refused = send_to("POST", &format!("{fhir}/{kind}/_search"), &[ORIGIN], form.as_bytes().to_vec()).await;
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, Some("*")), "{kind}?{form}");
    }
}

#[actix_web::test]
async fn a_fhir_server_that_is_not_open_asks_pages_for_a_token_too() {
    let fhir = fhir_server(false);
    preflight("GET", &format!("{fhir}/Patient"), "authorization").await;
    for (method, path) in [("GET", "Patient"), ("GET", "Patient/chart-1"), ("POST", "Condition/_search")] {
        let refused = send_to(method, &format!("{fhir}/{path}"), &[ORIGIN, FHIR], b"patient=chart-1".to_vec()).await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")), "{path}");
    }
    let wrong = fhir_server(true);
    let headers = [ORIGIN, ("authorization", "Bearer nonsense")];
    assert_eq!(send_to("GET", &format!("{wrong}/Patient"), &headers, vec![]).await.status, 401, "a wrong token");
}
