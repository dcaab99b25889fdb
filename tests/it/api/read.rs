//! A patient read from the FHIR server of those who gave the token, with it.

use super::caller::{ASSESS, app, parameters, phenotype, post, token};
use crate::trust::ehr::Ehr;
use crate::web::charts::{PATIENT, resources};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Seen = Mutex<Vec<(String, String)>>;

/// Gives the test chart by type, but no Observations, and of Procedures a page after which none comes; remembers paths
/// and tokens.
async fn serve(request: HttpRequest, seen: Data<Seen>) -> HttpResponse {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    seen.lock().unwrap().push((request.path().to_owned(), header.to_owned()));
    let kind = request.match_info().get("kind").unwrap_or_default().to_owned();
    let mut of_kind = resources().into_iter().filter(|resource| resource["resourceType"] == *kind);
    match request.match_info().get("id") {
        Some(PATIENT) => HttpResponse::Ok().json(of_kind.next()),
        Some(_) => HttpResponse::NotFound().finish(),
        None if kind == "Observation" => HttpResponse::Forbidden().finish(),
        None if request.query_string() == "page=2" => HttpResponse::InternalServerError().finish(),
        None => {
            let entries: Vec<Value> = of_kind.map(|resource| json!({"resource": resource})).collect();
            let mut page = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
            if kind == "Procedure" {
                page["link"] = json!([{"relation": "next", "url": "Procedure?page=2"}]);
            }
            // Longer than a hook may wait for all.
            rt::time::sleep(Duration::from_millis(if kind == "Encounter" { 1600 } else { 0 })).await;
            HttpResponse::Ok().json(page)
        }
    }
}

fn fhir_server() -> (String, Arc<Seen>) {
    let seen: Data<Seen> = Data::new(Mutex::new(Vec::new()));
    let shared = seen.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .route("/r4/{kind}", web::get().to(serve))
            .route("/r4/{kind}/{id}", web::get().to(serve))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(0)
    .bind("127.0.0.1:0")
    .unwrap();
    let base = format!("http://{}/r4", server.addrs()[0]);
    rt::spawn(server.run());
    (base, seen.into_inner())
}

#[actix_web::test]
async fn the_token_s_patient_is_read_with_the_token_and_what_did_not_come_is_said() {
    let (base, seen) = fhir_server();
    let server = Ehr::es384().with(&format!("fhir_server = \"{base}\""));
    let app = app(&server).await;
    let access = token(&server, "patient/*.rs", Some(PATIENT));
    let answer = post(&app, ASSESS, &access, &parameters(&[phenotype()])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let risk = &answer.json()["entry"][0]["resource"];
    assert_eq!(risk["subject"]["reference"], format!("Patient/{PATIENT}"));
    let notes = risk["note"].to_string();
    assert!(notes.contains("observations") && notes.contains("procedures"), "refused, and not whole: {notes}");
    assert!(!notes.contains("encounters"), "what takes longer than a hook may wait is waited for: {notes}");
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 10 && seen.iter().all(|(_, header)| *header == format!("Bearer {access}")));
}

#[actix_web::test]
async fn no_other_patient_is_read_and_nothing_without_leave_or_a_server() {
    let (base, seen) = fhir_server();
    let server = Ehr::es384().with(&format!("fhir_server = \"{base}\""));
    let app = app(&server).await;
    let named =
        |id: &str| parameters(&[json!({"name": "patient", "valueReference": {"reference": format!("Patient/{id}")}})]);
    let own = token(&server, "patient/*.rs", Some(PATIENT));
    post(&app, ASSESS, &own, &named("another")).await.refuses_with(403, "other-patient");
    let narrow = token(&server, "patient/RiskAssessment.r", Some(PATIENT));
    post(&app, ASSESS, &narrow, &named(PATIENT)).await.refuses_with(403, "insufficient-scope");
    // Everyone's risks, but one patient's record.
    let mixed = token(&server, "system/RiskAssessment.r patient/Patient.r", Some(PATIENT));
    post(&app, ASSESS, &mixed, &named("another")).await.refuses_with(403, "other-patient");
    assert!(seen.lock().unwrap().is_empty(), "nothing was asked for");
    let wide = token(&server, "system/*.rs", None);
    post(&app, ASSESS, &wide, &named("another")).await.refuses_with(404, "patient-not-there");
    post(&app, ASSESS, &wide, &parameters(&[])).await.refuses_with(400, "wrong-parameter");
    let homeless = Ehr::rs384();
    let app = super::caller::app(&homeless).await;
    let wide = token(&homeless, "system/*.rs", None);
    post(&app, ASSESS, &wide, &named(PATIENT)).await.refuses_with(400, "wrong-parameter");
}
