//! The addresses of the workflow screens, of the behavior panel and of the journal: forms in, pages out.

use super::SandboxEhr;
use super::chart::Chart;
use super::entry::Entry;
use super::hook_call::{self, Manner, Wanted};
use super::pages::{self, Drawing, Opening, Screen};
use super::routes::{is_from_elsewhere, no_such_patient, page, wants_part};
use super::search::Record;
use super::twin::{Asked, Faults, FhirFault, Hook, Kind, Profile, Snapshot, visit_of};
use crate::platform::clock;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use awc::Client;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;

type Ehr = web::Data<SandboxEhr>;

/// How late a slow FHIR server is, told on the page.
const SLOW_MILLIS: u64 = 5000;

/// Every route.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/patients/{id}/do/{screen}", web::get().to(show))
        .route("/patients/{id}/do/{screen}/add", web::post().to(add))
        .route("/patients/{id}/do/{screen}/remove", web::post().to(remove))
        .route("/patients/{id}/do/{screen}/sign", web::post().to(sign))
        .route("/patients/{id}/do/{screen}/fire", web::post().to(fire))
        .route("/behavior", web::get().to(behavior))
        .route("/behavior", web::post().to(behave))
        .route("/exchanges", web::get().to(exchanges))
        .route("/exchanges/{number}", web::get().to(exchange));
}

type Place = web::Path<(String, String)>;

fn elsewhere() -> HttpResponse {
    page(403, &pages::problem("Not from here", "This form belongs to another site."))
}

fn no_such_screen() -> HttpResponse {
    page(404, &pages::problem("Not found", "There is no such screen."))
}

fn shown(ehr: &SandboxEhr, place: &(String, String), status: u16, answer: Option<&Markup>) -> HttpResponse {
    let Some(chart) = ehr.chart(&place.0) else { return no_such_patient() };
    let Some(screen) = Screen::parse(&place.1) else { return no_such_screen() };
    let desk = ehr.desk().snapshot(&chart.id);
    let as_of = Some(chart).filter(|_| screen == Screen::Discharge).and_then(|chart| discharge_day(chart, &desk));
    page(status, &pages::screen(screen, chart, Opening { now: clock::now(), as_of }, &desk, answer))
}

/// The day on which the visit ended that a discharge is about; `None`: today, or not known.
fn discharge_day(chart: &Chart, desk: &Snapshot) -> Option<Date> {
    let record = Record { chart, beside: &[], until: None };
    let visit = match &desk.encounter {
        Some(chosen) => record.of_type("Encounter").find(|visit| *visit.id == **chosen),
        None => visit_of(Hook::EncounterDischarge, &record),
    };
    let day = visit?.facts.end?.to_zoned(TimeZone::UTC).date();
    Some(day).filter(|day| *day < clock::now().to_zoned(TimeZone::UTC).date())
}

/// Some EHRs fire order-select here already.
async fn show(ehr: Ehr, client: web::Data<Client>, place: Place) -> HttpResponse {
    let early = {
        let desk = ehr.desk();
        let nothing_drafted = !desk.basket(&place.0).drafts.iter().any(|draft| Kind::Order.holds(draft));
        desk.switches.selects_before_choosing && nothing_drafted && Screen::parse(&place.1) == Some(Screen::Orders)
    };
    match ehr.chart(&place.0).filter(|_| early) {
        Some(chart) => {
            let said = match fired(&ehr, &client, chart, Hook::OrderSelect, Asked::default()).await {
                Ok(said) | Err(said) => said,
            };
            shown(&ehr, &place, 200, Some(&said))
        }
        None => shown(&ehr, &place, 200, None),
    }
}

async fn add(ehr: Ehr, place: Place, form: web::Form<Entry>, request: HttpRequest) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return elsewhere();
    }
    let drafted = |screen: &Screen| screen.drafted().iter().any(|(kind, _)| *kind == form.kind);
    let Some(screen) = Screen::parse(&place.1).filter(|screen| ehr.chart(&place.0).is_some() && drafted(screen)) else {
        return no_such_screen();
    };
    let entry = form.resource(screen).map_err(|why| why.to_string());
    let added = entry.and_then(|draft| ehr.desk().add_draft(&place.0, draft).map_err(|why| why.to_string()));
    match added {
        Ok(_) => back(&place),
        Err(why) => shown(&ehr, &place, 400, Some(&pages::failure(&why))),
    }
}

#[derive(Deserialize)]
struct OldDraft {
    draft: String,
}

async fn remove(ehr: Ehr, place: Place, form: web::Form<OldDraft>, request: HttpRequest) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return elsewhere();
    }
    if ehr.chart(&place.0).is_none() {
        return no_such_patient();
    }
    // A draft that is gone already is what was wanted.
    let _ = ehr.desk().basket_mut(&place.0).remove(&form.draft);
    back(&place)
}

async fn sign(ehr: Ehr, place: Place, request: HttpRequest) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return elsewhere();
    }
    if ehr.chart(&place.0).is_none() {
        return no_such_patient();
    }
    ehr.desk().basket_mut(&place.0).sign();
    back(&place)
}

fn back(place: &(String, String)) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, format!("/patients/{}/do/{}", place.0, place.1))).finish()
}

#[derive(Deserialize)]
struct Firing {
    hook: String,
    performer: Option<String>,
}

async fn fire(
    ehr: Ehr,
    client: web::Data<Client>,
    place: Place,
    form: web::Form<Firing>,
    request: HttpRequest,
) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return elsewhere();
    }
    let Some(chart) = ehr.chart(&place.0) else { return no_such_patient() };
    let Some(hook) = Hook::parse(&form.hook) else { return no_such_screen() };
    let asked = Asked { performer: form.performer.clone(), tasks: true, ..Asked::default() };
    let answer = match fired(&ehr, &client, chart, hook, asked).await {
        Ok(said) => {
            let entered = enter(&ehr, chart, &place, wants_part(&request));
            html! { @if let Some(entered) = entered { (entered) } (said) }
        }
        Err(problem) => problem,
    };
    if wants_part(&request) { page(200, &answer) } else { shown(&ehr, &place, 200, Some(&answer)) }
}

/// What was drafted on a screen whose hook is about recording it becomes part of the chart once services had their say.
fn enter(ehr: &SandboxEhr, chart: &Chart, place: &(String, String), in_part: bool) -> Option<Markup> {
    let screen = Screen::parse(&place.1)?;
    let kind = screen.enters()?;
    let (entered, desk) = {
        let mut desk = ehr.desk();
        let entered = desk.basket_mut(&chart.id).enter(kind);
        (entered, desk.snapshot(&chart.id))
    };
    let basket = in_part.then(|| pages::basket(screen, chart, &desk));
    Some(pages::entered(screen, entered.len(), basket.as_ref())).filter(|_| !entered.is_empty())
}

/// Fires a hook: what the services said, or why it could not be fired.
async fn fired(ehr: &SandboxEhr, client: &Client, chart: &Chart, hook: Hook, asked: Asked) -> Result<Markup, Markup> {
    let as_of = match hook {
        Hook::EncounterDischarge => discharge_day(chart, &ehr.desk().snapshot(&chart.id)),
        _ => None,
    };
    let until = as_of.map(|_| Opening { now: clock::now(), as_of }.moment());
    let wanted = Wanted { hook, manner: Manner { as_of, until, asked, ..Manner::default() }, service: None };
    let own_reasons = ehr.desk().switches.own_reasons.clone();
    match hook_call::fire(ehr, client, chart, &wanted).await {
        Ok(round) => {
            let drawing =
                Drawing { patient: &chart.id, page_base: &ehr.page_base, ready_made: None, own_reasons: &own_reasons };
            Ok(pages::calls(&drawing, &round))
        }
        Err(error) => Err(pages::failure(&error.to_string())),
    }
}

async fn behavior(ehr: Ehr) -> HttpResponse {
    let desk = ehr.desk();
    page(200, &pages::behavior(desk.profile, &desk.switches, &desk.faults))
}

#[derive(Deserialize)]
struct Told {
    profile: String,
    fhir: String,
    prefetch_withheld: Option<String>,
    expired_access_token: Option<String>,
    expired_call_token: Option<String>,
    draft_orders_withheld: Option<String>,
}

/// A profile that is taken anew sets every switch; the one that is on already leaves single switches alone.
async fn behave(ehr: Ehr, form: web::Form<Told>, request: HttpRequest) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return elsewhere();
    }
    let Some(profile) = Profile::parse(&form.profile) else { return no_such_screen() };
    let mut desk = ehr.desk();
    if desk.profile != profile {
        desk.profile = profile;
        desk.switches = profile.switches();
    }
    desk.faults = Faults {
        fhir: match form.fhir.as_str() {
            "slow" => Some(FhirFault::Slow { millis: SLOW_MILLIS }),
            "failing" => Some(FhirFault::Failing { status: 503 }),
            "half-open" => Some(FhirFault::HalfOpen),
            _ => None,
        },
        prefetch_withheld: form.prefetch_withheld.is_some(),
        expired_access_token: form.expired_access_token.is_some(),
        expired_call_token: form.expired_call_token.is_some(),
        draft_orders_withheld: form.draft_orders_withheld.is_some(),
    };
    HttpResponse::SeeOther().insert_header((LOCATION, "/behavior")).finish()
}

async fn exchanges(ehr: Ehr) -> HttpResponse {
    page(200, &pages::exchanges(&ehr.journal.all()))
}

async fn exchange(ehr: Ehr, number: web::Path<u64>) -> HttpResponse {
    match ehr.journal.find(*number) {
        Some(one) => page(200, &pages::exchange(&one, &ehr.page_base)),
        None => page(404, &pages::problem("Not found", "This exchange is not kept any more, or never was.")),
    }
}
