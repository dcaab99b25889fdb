//! The addresses of the page: list, chart, open, decide, a ready-made request, and the two assets.

use super::SandboxEhr;
use super::chart::Chart;
use super::decisions::{Choice, Decision, Shown, feedback_body};
use super::hook_call::{self, CallError, Manner};
use super::pages::{self, Call, Opening, Sent};
use crate::platform::clock;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use awc::Client;
use jiff::civil::Date;
use maud::Markup;
use serde::Deserialize;

type Ehr = web::Data<SandboxEhr>;

/// Every route.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/", web::get().to(list))
        .route("/patients/{id}", web::get().to(show))
        .route("/patients/{id}/open", web::post().to(open))
        .route("/patients/{id}/decisions", web::post().to(decide))
        .route("/patients/{id}/patient-view.json", web::get().to(ready_made))
        .route("/assets/ehr.css", web::get().to(|| asset("text/css; charset=utf-8", include_str!("assets/ehr.css"))))
        .route(
            "/assets/ehr.js",
            web::get().to(|| asset("text/javascript; charset=utf-8", include_str!("assets/ehr.js"))),
        )
        .route("/assets/icon.svg", web::get().to(|| asset("image/svg+xml", include_str!("assets/icon.svg"))))
        .default_service(web::to(|| async { page(404, &pages::problem("Not found", "There is no such page.")) }));
}

async fn asset(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type(kind).body(text)
}

pub(super) fn page(status: u16, markup: &Markup) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    HttpResponse::build(status).content_type(ContentType::html()).body(markup.0.clone())
}

pub(super) fn no_such_patient() -> HttpResponse {
    page(404, &pages::problem("Not found", "There is no patient with this id."))
}

/// Where a script asked, only the part that changes; else the whole page.
pub(super) fn wants_part(request: &HttpRequest) -> bool {
    request.headers().get("x-part").is_some()
}

/// Forms of other sites must not fire calls here.
pub(super) fn is_from_elsewhere(request: &HttpRequest) -> bool {
    let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
    matches!(site, Some("cross-site" | "same-site"))
}

#[derive(Deserialize)]
struct AsOf {
    #[serde(rename = "as-of", default)]
    as_of: Option<String>,
    /// Ticked: no prefetch is sent.
    #[serde(rename = "read-back")]
    read_back: Option<String>,
}

impl AsOf {
    fn manner(&self, opening: Opening) -> Manner {
        Manner { as_of: opening.as_of, reads_back: self.read_back.is_some() }
    }

    /// The moment to look at; a day that cannot be used is said, not ignored.
    fn opening(&self, chart: &Chart) -> Result<Opening, Box<HttpResponse>> {
        let now = clock::now();
        let Some(text) = self.as_of.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(Opening { now, as_of: None });
        };
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let born = |day: &Date| chart.birth.is_none_or(|birth| birth <= *day);
        match text.parse::<Date>().ok().filter(|day| *day < today && born(day)) {
            Some(day) => Ok(Opening { now, as_of: Some(day) }),
            None => {
                let what = "The day to look at must be written like 2019-03-04 and lie between birth and yesterday.";
                Err(Box::new(page(400, &pages::problem("Not a usable day", what))))
            }
        }
    }
}

async fn list(ehr: Ehr) -> HttpResponse {
    page(200, &pages::patients(&ehr.charts, clock::now()))
}

async fn show(ehr: Ehr, id: web::Path<String>, query: web::Query<AsOf>) -> HttpResponse {
    let Some(chart) = ehr.chart(&id) else { return no_such_patient() };
    match query.opening(chart) {
        Ok(opening) => page(200, &pages::chart(chart, opening, &ehr.decisions.of(&chart.id), None)),
        Err(problem) => *problem,
    }
}

async fn open(
    ehr: Ehr,
    client: web::Data<Client>,
    id: web::Path<String>,
    form: web::Form<AsOf>,
    request: HttpRequest,
) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return page(403, &pages::problem("Not from here", "This form belongs to another site."));
    }
    let Some(chart) = ehr.chart(&id) else { return no_such_patient() };
    let opening = match form.opening(chart) {
        Ok(opening) => opening,
        Err(problem) => return *problem,
    };
    let answer = match patient_view(&ehr, &client, chart, form.manner(opening)).await {
        Ok(calls) => pages::calls(&chart.id, &calls),
        Err(error) => pages::failure(&error.to_string()),
    };
    if wants_part(&request) {
        return page(200, &answer);
    }
    page(200, &pages::chart(chart, opening, &ehr.decisions.of(&chart.id), Some(&answer)))
}

/// Fires the hook at every service that wants it, one after the other.
async fn patient_view<'a>(
    ehr: &SandboxEhr,
    client: &Client,
    chart: &'a Chart,
    manner: Manner,
) -> Result<Vec<Call<'a>>, CallError> {
    let mut calls = Vec::new();
    for service in hook_call::discover(client, &ehr.cds_base).await? {
        let request = hook_call::request(ehr, &service, chart, manner);
        let body = serde_json::to_string(&request)?;
        let url = hook_call::service_url(&ehr.cds_base, &service.id);
        let outcome = hook_call::fire(ehr, client, url.clone(), body.clone()).await;
        for card in outcome.iter().flat_map(|exchange| &exchange.cards) {
            ehr.decisions.show(Shown { service: service.id.clone(), patient: chart.id.clone(), card: card.clone() });
        }
        let past = manner.as_of.map(|day| format!("&as-of={day}")).unwrap_or_default();
        let back = if manner.reads_back { "&read-back=on" } else { "" };
        let ready_made =
            format!("{}/patients/{}/patient-view.json?service={}{past}{back}", ehr.page_base, chart.id, service.id);
        let sent = Sent { url, body, prefetch: request.prefetch, ready_made };
        calls.push(Call { service, sent, outcome: outcome.map_err(|error| error.to_string()) });
    }
    Ok(calls)
}

#[derive(Deserialize)]
struct WhichRequest {
    /// The first service of the discovery document where none is named.
    service: Option<String>,
    #[serde(rename = "as-of", default)]
    as_of: Option<String>,
    #[serde(rename = "read-back")]
    read_back: Option<String>,
}

/// A request body for a terminal: fresh, complete, and valid for the service as it is discovered now.
async fn ready_made(
    ehr: Ehr,
    client: web::Data<Client>,
    id: web::Path<String>,
    which: web::Query<WhichRequest>,
) -> HttpResponse {
    let Some(chart) = ehr.chart(&id) else { return no_such_patient() };
    let form = AsOf { as_of: which.as_of.clone(), read_back: which.read_back.clone() };
    let opening = match form.opening(chart) {
        Ok(opening) => opening,
        Err(problem) => return *problem,
    };
    let written = match hook_call::discover(&client, &ehr.cds_base).await {
        Ok(services) => {
            let wanted = |service: &&hook_call::Service| which.service.as_ref().is_none_or(|id| *id == service.id);
            let Some(service) = services.iter().find(wanted) else {
                return page(404, &pages::problem("Not found", "The server has no such service for patient-view."));
            };
            serde_json::to_string(&hook_call::request(&ehr, service, chart, form.manner(opening)))
                .map_err(CallError::from)
        }
        Err(error) => Err(error),
    };
    match written {
        Ok(body) => HttpResponse::Ok().content_type(ContentType::json()).body(body),
        Err(error) => page(502, &pages::problem("No request", &error.to_string())),
    }
}

#[derive(Deserialize)]
struct Decide {
    card: String,
    suggestion: Option<String>,
    reason: Option<String>,
    comment: Option<String>,
}

impl Decide {
    /// What was chosen, out of what the card offered.
    fn choice(&self, shown: &Shown) -> Option<Choice> {
        if let Some(id) = &self.suggestion {
            let accepted = shown.card.suggestions.iter().find(|one| one.uuid.as_ref() == Some(id))?;
            return Some(Choice::Accepted(accepted.clone()));
        }
        let reason = self.reason.as_ref();
        let reason = reason.map(|code| shown.card.override_reasons.iter().find(|reason| reason.code == *code));
        let comment = self.comment.as_deref().map(str::trim).filter(|comment| !comment.is_empty());
        Some(Choice::Dismissed {
            reason: match reason {
                Some(found) => Some(found?.clone()),
                None => None,
            },
            comment: comment.map(|comment| comment.chars().take(300).collect()),
        })
    }
}

async fn decide(
    ehr: Ehr,
    client: web::Data<Client>,
    id: web::Path<String>,
    form: web::Form<Decide>,
    request: HttpRequest,
) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return page(403, &pages::problem("Not from here", "This form belongs to another site."));
    }
    let Some(chart) = ehr.chart(&id) else { return no_such_patient() };
    let chosen = ehr.decisions.card(&chart.id, &form.card).and_then(|shown| Some((form.choice(&shown)?, shown)));
    let Some((choice, shown)) = chosen else {
        return page(
            404,
            &pages::problem("No such card", "The card is no longer on the screen; open the chart again."),
        );
    };
    let at = clock::now();
    let feedback = feedback_body(&form.card, &choice, at);
    let receipt = hook_call::send_feedback(&ehr, &client, &shown.service, &feedback).await;
    let decision = Decision { shown, choice, at, feedback, receipt: receipt.map_err(|error| error.to_string()) };
    ehr.decisions.decide(decision.clone());
    let said = pages::decision(&decision);
    if wants_part(&request) {
        return page(200, &said);
    }
    let opening = Opening { now: at, as_of: None };
    page(200, &pages::chart(chart, opening, &ehr.decisions.of(&chart.id), Some(&said)))
}
