//! The addresses of the time machine: the page, the departure, how far it is, and one moment of what was recorded.

use super::super::SandboxEhr;
use super::super::pages;
use super::super::routes::{is_from_elsewhere, no_such_patient, page, wants_part};
use super::travel::travel;
use crate::platform::clock;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use awc::Client;
use serde::Deserialize;

type Ehr = web::Data<SandboxEhr>;

/// Every route, and the script.
pub fn configure(routes: &mut web::ServiceConfig) {
    let machine = web::resource("/patients/{id}/time-machine").get(show).post(depart);
    routes
        .service(machine)
        .route("/patients/{id}/time-machine/journey", web::get().to(journey))
        .route("/patients/{id}/time-machine/moment", web::get().to(moment))
        .route("/assets/time-machine.js", web::get().to(script));
}

async fn script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(include_str!("../assets/time-machine.js"))
}

/// The chosen moment; the last where none is.
#[derive(Deserialize)]
struct Chosen {
    at: Option<usize>,
}

async fn show(ehr: Ehr, id: web::Path<String>, chosen: web::Query<Chosen>) -> HttpResponse {
    let Some(chart) = ehr.chart(&id) else { return no_such_patient() };
    page(200, &pages::time_machine(chart, ehr.time_machine.of(&chart.id).as_ref(), chosen.at, clock::now()))
}

/// Begins a journey. A script is answered at once, and asks how far it is; without one the answer waits for the end.
/// Either way it goes on to its end when nobody waits.
async fn depart(ehr: Ehr, client: web::Data<Client>, id: web::Path<String>, request: HttpRequest) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return page(403, &pages::problem("Not from here", "This form belongs to another site."));
    }
    let Some(chart) = ehr.chart(&id) else { return no_such_patient() };
    let patient = chart.id.clone();
    if let Some(begun) = ehr.time_machine.begin(chart, clock::now()) {
        let (ehr, id) = (ehr.clone(), patient.clone());
        let under_way = actix_web::rt::spawn(async move {
            if let Some(chart) = ehr.chart(&id) {
                travel(&ehr, &client, chart, begun).await;
            }
        });
        if !wants_part(&request) && under_way.await.is_err() {
            return page(500, &pages::problem("Not finished", "The journey broke off; start the demo again."));
        }
    }
    if wants_part(&request) {
        return page(202, &pages::journey(chart, ehr.time_machine.of(&patient).as_ref(), None, clock::now()));
    }
    HttpResponse::SeeOther().insert_header((LOCATION, format!("/patients/{patient}/time-machine"))).finish()
}

/// The part of the page that changes under way.
async fn journey(ehr: Ehr, id: web::Path<String>, chosen: web::Query<Chosen>) -> HttpResponse {
    let Some(chart) = ehr.chart(&id) else { return no_such_patient() };
    page(200, &pages::journey(chart, ehr.time_machine.of(&chart.id).as_ref(), chosen.at, clock::now()))
}

/// One moment, from what was recorded: nothing is asked again.
async fn moment(ehr: Ehr, id: web::Path<String>, chosen: web::Query<Chosen>) -> HttpResponse {
    let Some(chart) = ehr.chart(&id) else { return no_such_patient() };
    let journey = ehr.time_machine.of(&chart.id);
    let wanted = journey.as_ref().and_then(|journey| journey.moments.get(chosen.at?));
    match wanted {
        Some(moment) => page(200, &pages::moment(chart, moment)),
        None => page(404, &pages::problem("No such moment", "Travel through this patient's life first.")),
    }
}
