//! The addresses of the page: list, chart, open, decide, a ready-made request, and the two assets.

use super::SandboxEhr;
use super::areas::nothing_there;
use super::chart::Chart;
use super::deciding::{self, Dismissal, Which};
use super::hook_call::{self, CallError, Manner, Round, Service, Wanted};
use super::pages::{self, Drawing, Opening};
use super::twin::Hook;
use crate::platform::clock;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use awc::Client;
use jiff::civil::Date;
use maud::Markup;
use serde::Deserialize;
use url::Url;

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
        .default_service(web::to(nothing_there));
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

/// Whether another site's page sent this: its forms must not fire calls here. A browser says so itself where the page's
/// address is https or loopback (Fetch Metadata); elsewhere, and in older browsers, only `Origin` tells.
pub(super) fn is_from_elsewhere(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    match (header("sec-fetch-site"), header("origin")) {
        (Some(site), _) => matches!(site, "cross-site" | "same-site"),
        (None, Some(origin)) => !is_own(request, origin),
        (None, None) => false,
    }
}

/// Whether an origin is the page itself, by the address that it was started with or by the one that was asked.
fn is_own(request: &HttpRequest, origin: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    let page = request.app_data::<Ehr>().and_then(|ehr| Url::parse(&ehr.page_base).ok());
    let asked = Url::parse(&format!("{}://{}", origin.scheme(), request.connection_info().host())).ok();
    [page, asked].into_iter().flatten().any(|own| own.origin() == origin.origin())
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
        Manner { as_of: opening.as_of, reads_back: self.read_back.is_some(), ..Manner::default() }
    }

    /// The moment to look at; a day that cannot be used is said, not ignored.
    fn opening(&self, chart: &Chart) -> Result<Opening, Box<HttpResponse>> {
        let now = clock::now();
        let Some(text) = self.as_of.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(Opening { now, as_of: None });
        };
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        match text.parse::<Date>().ok().filter(|day| chart.reaches_back_to(*day, today)) {
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
    let wanted = Wanted { hook: Hook::PatientView, manner: form.manner(opening), service: None };
    let answer = match hook_call::fire(&ehr, &client, chart, &wanted).await {
        Ok(round) => answered(&ehr, chart, &wanted.manner, &round),
        Err(error) => pages::failure(&error.to_string()),
    };
    if wants_part(&request) {
        return page(200, &answer);
    }
    page(200, &pages::chart(chart, opening, &ehr.decisions.of(&chart.id), Some(&answer)))
}

/// The cards, with ready-made requests of the same kind.
fn answered(ehr: &SandboxEhr, chart: &Chart, manner: &Manner, round: &Round) -> Markup {
    let past = manner.as_of.map(|day| format!("&as-of={day}")).unwrap_or_default();
    let rest = format!("{past}{}", if manner.reads_back { "&read-back=on" } else { "" });
    let own_reasons = ehr.desk().switches.own_reasons.clone();
    let drawing =
        Drawing { patient: &chart.id, page_base: &ehr.page_base, ready_made: Some(&rest), own_reasons: &own_reasons };
    pages::calls(&drawing, round)
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
    match written(&ehr, &client, chart, which.service.as_deref(), &form.manner(opening)).await {
        Ok(Some(body)) => HttpResponse::Ok().content_type(ContentType::json()).body(body),
        Ok(None) => page(404, &pages::problem("Not found", "There is no such service for patient-view.")),
        Err(error) => page(502, &pages::problem("No request", &error.to_string())),
    }
}

/// A request for the first service that fits; `None`: none does.
async fn written(
    ehr: &SandboxEhr,
    client: &Client,
    chart: &Chart,
    wanted: Option<&str>,
    manner: &Manner,
) -> Result<Option<String>, CallError> {
    let desk = ehr.desk().snapshot(&chart.id);
    let hook = Hook::PatientView;
    let fits = |service: &Service| service.hook == hook.name() && wanted.is_none_or(|id| id == service.id);
    for server in &ehr.servers {
        let (services, _) = hook_call::discover(ehr, client, server, &desk.switches).await?;
        if let Some(service) = services.iter().find(|service| fits(service)) {
            let request = hook_call::request(ehr, (server, service), (hook, hook), chart, &desk, manner)?;
            return Ok(Some(serde_json::to_string(&request)?));
        }
    }
    Ok(None)
}

#[derive(Deserialize)]
struct Decide {
    card: String,
    suggestion: Option<String>,
    reason: Option<String>,
    comment: Option<String>,
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
    let Some(shown) = ehr.decisions.card(&chart.id, &form.card) else { return no_such_card() };
    let decided = match &form.suggestion {
        Some(suggestion) => {
            let suggestion = Which::Named(suggestion.clone());
            deciding::accept(&ehr, &client, shown, &suggestion, None).await
        }
        None => {
            let dismissal = Dismissal { reason: form.reason.clone(), comment: form.comment.clone() };
            deciding::dismiss(&ehr, &client, shown, &dismissal).await
        }
    };
    let decision = match decided {
        Ok(decision) => decision,
        Err(deciding::Undecided::NotOffered) => return no_such_card(),
        Err(why) => return page(409, &pages::problem("Not done", &why.to_string())),
    };
    let rest = ehr.decisions.cards(&chart.id).into_iter().find(|one| one.card.key == decision.shown.card.key);
    let said = pages::decision_and_rest(&decision, rest.as_ref().map(|one| &one.card));
    if wants_part(&request) {
        return page(200, &said);
    }
    let opening = Opening { now: decision.at, as_of: None };
    page(200, &pages::chart(chart, opening, &ehr.decisions.of(&chart.id), Some(&said)))
}

fn no_such_card() -> HttpResponse {
    page(404, &pages::problem("No such card", "The card is no longer on the screen; open the chart again."))
}
