//! The addresses of the workflow screens, of the behavior panel and of the journal: forms in, pages out.

use super::SandboxEhr;
use super::chart::Chart;
use super::hook_call::{self, Manner, Wanted};
use super::pages::{self, Drawing, Opening, Screen};
use super::routes::{is_from_elsewhere, no_such_patient, page, wants_part};
use super::twin::{Asked, Faults, FhirFault, Hook, Kind, Profile};
use crate::platform::clock;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use awc::Client;
use maud::Markup;
use serde::Deserialize;
use serde_json::{Value, json};

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
    let opening = Opening { now: clock::now(), as_of: None };
    page(status, &pages::screen(screen, chart, opening, &desk.drafts, &desk.signed, answer))
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
            let said = fired(&ehr, &client, chart, Hook::OrderSelect, Asked::default()).await;
            shown(&ehr, &place, 200, Some(&said))
        }
        None => shown(&ehr, &place, 200, None),
    }
}

#[derive(Deserialize)]
struct NewDraft {
    kind: String,
    text: String,
    #[serde(default)]
    code: String,
}

impl NewDraft {
    /// A resource of a few words, and a code where one was given as `system|code`.
    fn resource(&self) -> Value {
        let mut concept = json!({ "text": self.text.trim() });
        if let Some((system, code)) = self.code.trim().split_once('|').filter(|(_, code)| !code.is_empty()) {
            concept["coding"] = match system {
                "" => json!([{ "code": code }]),
                system => json!([{"system": system, "code": code}]),
            };
        }
        let mut resource = json!({ "resourceType": self.kind });
        match self.kind.as_str() {
            "MedicationRequest" => resource["medicationCodeableConcept"] = concept,
            "Appointment" => {
                resource["description"] = self.text.trim().into();
                resource["serviceType"] = json!([concept]);
            }
            "DeviceRequest" => resource["codeCodeableConcept"] = concept,
            "NutritionOrder" => resource["oralDiet"] = json!({ "type": [concept] }),
            _ => resource["code"] = concept,
        }
        resource
    }
}

async fn add(ehr: Ehr, place: Place, form: web::Form<NewDraft>, request: HttpRequest) -> HttpResponse {
    let here =
        Screen::parse(&place.1).is_some_and(|screen| screen.drafted().iter().any(|(kind, _)| *kind == form.kind));
    if is_from_elsewhere(&request) {
        return elsewhere();
    }
    if ehr.chart(&place.0).is_none() || !here {
        return no_such_screen();
    }
    let added = ehr.desk().add_draft(&place.0, form.resource());
    match added {
        Ok(_) => back(&place),
        Err(why) => shown(&ehr, &place, 400, Some(&pages::failure(&why.to_string()))),
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
    let answer = fired(&ehr, &client, chart, hook, asked).await;
    if wants_part(&request) { page(200, &answer) } else { shown(&ehr, &place, 200, Some(&answer)) }
}

/// Fires a hook: what the services said.
async fn fired(ehr: &SandboxEhr, client: &Client, chart: &Chart, hook: Hook, asked: Asked) -> Markup {
    let wanted = Wanted { hook, manner: Manner { asked, ..Manner::default() }, service: None };
    let own_reasons = ehr.desk().switches.own_reasons.clone();
    match hook_call::fire(ehr, client, chart, &wanted).await {
        Ok(round) => {
            let drawing =
                Drawing { patient: &chart.id, page_base: &ehr.page_base, ready_made: None, own_reasons: &own_reasons };
            pages::calls(&drawing, &round)
        }
        Err(error) => pages::failure(&error.to_string()),
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
