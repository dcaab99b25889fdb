//! The sandbox EHR's FHIR server: reads and searches of its synthetic patients, with a token whose scope lets them, page by
//! page. Read only; one patient a search, or the list of patients; parameters that it does not know are refused, never
//! ignored. Where it stands open it asks for no token: for synthetic patients and clients that cannot have one.

mod browser;
mod faulty;
mod practitioner;
mod tenant;

pub use browser::pages;
pub use faulty::faults;
pub use tenant::tenants;

use super::SandboxEhr;
use super::authorization::Access;
use super::chart::{Chart, Resource};
use super::search::{Found, Query, Record, run};
use super::searchset::{Link, OPAQUE, Searchset, meant_by};
use crate::trust::{Interaction, Level};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use url::form_urlencoded;

/// Entries of a page where nothing else is asked for, and at most.
const PAGE: usize = 100;

type Ehr = web::Data<SandboxEhr>;

/// Every route.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/fhir", web::get().to(further))
        .route("/fhir/metadata", web::get().to(metadata))
        .route("/fhir/Practitioner/{id}", web::get().to(practitioner::read))
        .route("/fhir/{type}/_search", web::post().to(search_by_form))
        .route("/fhir/{type}/{id}", web::get().to(read))
        .route("/fhir/{type}", web::get().to(search));
}

async fn metadata(ehr: Ehr) -> HttpResponse {
    let statement = json!({
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
        "fhirVersion": "4.0.1", "format": ["json"],
        "implementation": {"description": "Sandbox EHR of Prodrome: synthetic patients", "url": ehr.fhir_base()},
        "rest": [{"mode": "server", "security": {"service": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": "SMART-on-FHIR"}]}]}}],
    });
    HttpResponse::Ok().content_type("application/fhir+json").body(statement.to_string())
}

async fn read(ehr: Ehr, path: web::Path<(String, String)>, request: HttpRequest) -> HttpResponse {
    let (resource_type, id) = path.into_inner();
    let patients = match patients(&ehr, &request, &resource_type, Interaction::Read) {
        Ok(patients) => patients,
        Err(refusal) => return *refusal,
    };
    let query = Query::read(&format!("{resource_type}/{id}"));
    let readable = ehr.charts.iter().filter(|chart| patients.as_ref().is_none_or(|only| *chart.id == **only));
    let mut found = readable.filter_map(|chart| {
        let signed = ehr.desk().basket(&chart.id).signed;
        match run(query.as_ref()?, &Record { chart, beside: &signed, until: None }) {
            Ok(Found::One(found)) => found.map(|resource| resource.body.get().to_owned()),
            _ => None,
        }
    });
    match found.next() {
        Some(body) => fhir(body),
        None => outcome(StatusCode::NOT_FOUND, "not-found", "there is no such resource"),
    }
}

async fn search(ehr: Ehr, resource_type: web::Path<String>, request: HttpRequest) -> HttpResponse {
    answer_search(&ehr, &request, &resource_type, request.query_string())
}

/// A page that an opaque link led to.
async fn further(ehr: Ehr, request: HttpRequest) -> HttpResponse {
    let parameters = form_urlencoded::parse(request.query_string().as_bytes());
    let (named, paging): (Vec<_>, Vec<_>) = parameters.partition(|(name, _)| name == OPAQUE);
    let search = named.first().and_then(|(_, name)| meant_by(name));
    let Some((resource_type, rest)) = search.as_deref().and_then(|search| search.split_once('?')) else {
        return outcome(StatusCode::BAD_REQUEST, "invalid", "there is no such page");
    };
    let paging = form_urlencoded::Serializer::new(String::new()).extend_pairs(paging).finish();
    answer_search(&ehr, &request, resource_type, &format!("{rest}&{paging}"))
}

/// `POST Type/_search`: parameters in the body, in the address, or in both.
async fn search_by_form(
    ehr: Ehr,
    resource_type: web::Path<String>,
    request: HttpRequest,
    form: String,
) -> HttpResponse {
    let parameters = format!("{}&{form}", request.query_string());
    answer_search(&ehr, &request, &resource_type, &parameters)
}

fn answer_search(ehr: &SandboxEhr, request: &HttpRequest, resource_type: &str, parameters: &str) -> HttpResponse {
    let patients = match patients(ehr, request, resource_type, Interaction::Search) {
        Ok(patients) => patients,
        Err(refusal) => return *refusal,
    };
    let invalid = |text: &str| outcome(StatusCode::BAD_REQUEST, "invalid", text);
    let switches = ehr.desk().switches.clone();
    let page = switches.page_size.unwrap_or(PAGE).clamp(1, PAGE);
    let Some(asked) = Asked::read(parameters, page) else { return invalid("a parameter cannot be read") };
    let charts: Vec<&Chart> = match (&asked.patient, patients) {
        (Some(asked), Some(only)) if *asked != only => {
            return outcome(StatusCode::FORBIDDEN, "forbidden", "the token is for another patient");
        }
        (Some(patient), _) => ehr.chart(patient).into_iter().collect(),
        (None, _) if resource_type != "Patient" || !asked.names_ids_alone() => {
            return invalid(
                "searches are within one patient: `patient=ID`; patients are found by `_id` or all together",
            );
        }
        (None, Some(only)) => ehr.chart(&only).into_iter().collect(),
        (None, None) => ehr.charts.iter().collect(),
    };
    let Some(query) = Query::read(&format!("{resource_type}?{}", asked.rest)) else {
        return invalid("the query is not understood");
    };
    let signed: Vec<_> = charts.iter().map(|chart| ehr.desk().basket(&chart.id).signed).collect();
    let mut found = Vec::new();
    for (chart, signed) in charts.iter().zip(&signed) {
        match run(&query, &Record { chart, beside: signed, until: None }) {
            Ok(Found::Many(many)) => found.extend(many),
            Ok(Found::One(one)) => found.extend(one),
            Err(unfilled) => return invalid(&unfilled.to_string()),
        }
    }
    let way = if switches.getpages { Link::opaque } else { Link::to };
    fhir(asked.page(&switches.fhir_base(&ehr.page_base), resource_type, &found, way))
}

/// The one patient that the caller may ask about, or `None`: everyone.
fn patients(
    ehr: &SandboxEhr,
    request: &HttpRequest,
    resource_type: &str,
    interaction: Interaction,
) -> Result<Option<String>, Box<HttpResponse>> {
    if ehr.open && !request.headers().contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    let grant = access(ehr, request)?.grant;
    match (grant.scopes.levels(resource_type, interaction).last(), &grant.context.patient) {
        (Some(Level::User | Level::System), _) => Ok(None),
        (Some(Level::Patient), Some(patient)) => Ok(Some(patient.clone())),
        _ => Err(Box::new(outcome(StatusCode::FORBIDDEN, "forbidden", "the token's scope does not let this be read"))),
    }
}

/// The bearer's token, if it is still good.
fn access(ehr: &SandboxEhr, request: &HttpRequest) -> Result<Access, Box<HttpResponse>> {
    bearer(request).and_then(|token| ehr.authorization.access(token)).ok_or_else(|| {
        let mut refusal = outcome(StatusCode::UNAUTHORIZED, "login", "a token that is still good is needed");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, actix_web::http::header::HeaderValue::from_static("Bearer"));
        Box::new(refusal)
    })
}

/// The token that a request brings in its one Authorization header.
pub(super) fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next().filter(|_| headers.next().is_none())?.to_str().ok()?;
    let (_, token) = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
    Some(token.trim())
}

/// How the way to another page is written.
type Way = fn(&'static str, &str, &str, (usize, usize)) -> Link;

/// A search, taken apart.
struct Asked {
    patient: Option<String>,
    count: usize,
    /// Pages before this one.
    before: usize,
    /// Everything but the paging.
    rest: String,
}

impl Asked {
    /// `page`: entries of a page where nothing else is asked for.
    fn read(query: &str, page: usize) -> Option<Self> {
        let mut asked = Self { patient: None, count: page, before: 0, rest: String::new() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "_count" => asked.count = value.parse::<usize>().ok()?.clamp(1, PAGE),
                "_page" => asked.before = value.parse().ok()?,
                // A value that holds what separates parameters would be read as something else.
                _ if value.contains(['&', '=']) || name.contains(['&', '=']) => return None,
                name => {
                    if matches!(name, "patient" | "subject") {
                        asked.patient = Some(value.strip_prefix("Patient/").unwrap_or(&value).to_owned());
                    }
                    let between = if asked.rest.is_empty() { "" } else { "&" };
                    asked.rest.push_str(&format!("{between}{name}={value}"));
                }
            }
        }
        Some(asked)
    }

    /// Whether it asks for resources by their ids, or for all.
    fn names_ids_alone(&self) -> bool {
        self.rest.split('&').all(|pair| pair.is_empty() || pair.starts_with("_id="))
    }

    /// This page of what was found, with the way to the next.
    fn page(&self, server: &str, resource_type: &str, found: &[&Resource], way: Way) -> String {
        let first = self.before.saturating_mul(self.count);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.rest.split('&').filter_map(|pair| pair.split_once('=')));
        let search = format!("{resource_type}?{}", query.finish());
        let mut links = vec![Link::to("self", server, &search, (self.before, self.count))];
        if first.saturating_add(self.count) < found.len() {
            links.push(way("next", server, &search, (self.before + 1, self.count)));
        }
        let page = Searchset::new(server, resource_type, found, (first, self.count), links);
        serde_json::to_string(&page).unwrap_or_default()
    }
}

fn fhir(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/fhir+json").body(body)
}

pub(super) fn outcome(status: StatusCode, code: &str, text: &str) -> HttpResponse {
    let issue = json!([{"severity": "error", "code": code, "details": {"text": text}}]);
    let body = json!({"resourceType": "OperationOutcome", "issue": issue});
    HttpResponse::build(status).content_type("application/fhir+json").body(body.to_string())
}
