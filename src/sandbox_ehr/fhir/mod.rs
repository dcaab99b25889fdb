//! The sandbox EHR's FHIR server: reads and searches of its synthetic patients, with a token whose scope lets them, page by
//! page. Read only; one patient a search; parameters that it does not know are refused, never ignored.

mod scope;
mod token_endpoint;
mod tokens;

pub use scope::Scopes;
pub use token_endpoint::{BackendServices, Registration};
pub use tokens::Tokens;

use super::SandboxEhr;
use super::chart::Resource;
use super::search::{Found, run};
use super::searchset::{Link, Searchset};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use scope::{Interaction, Reach};
use serde_json::json;
use tokens::Grant;
use url::form_urlencoded;

/// Entries of a page where nothing else is asked for, and at most.
const PAGE: usize = 100;

type Ehr = web::Data<SandboxEhr>;

/// Every route.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/token", web::post().to(token_endpoint::token))
        // It signs no hook calls yet: its clients know it by its address alone.
        .route("/.well-known/jwks.json", web::get().to(|| async { HttpResponse::Ok().json(json!({"keys": []})) }))
        .route("/fhir/metadata", web::get().to(metadata))
        .route("/fhir/.well-known/smart-configuration", web::get().to(smart_configuration))
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

async fn smart_configuration(ehr: Ehr) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "token_endpoint": ehr.token_endpoint(),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "scopes_supported": ["system/*.rs"],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }))
}

async fn read(ehr: Ehr, path: web::Path<(String, String)>, request: HttpRequest) -> HttpResponse {
    let (resource_type, id) = path.into_inner();
    let patients = match patients(&ehr, &request, &resource_type, Interaction::Read) {
        Ok(patients) => patients,
        Err(refusal) => return *refusal,
    };
    let query = format!("{resource_type}/{id}");
    let readable = ehr.charts.iter().filter(|chart| patients.as_ref().is_none_or(|only| *chart.id == **only));
    let found = readable.filter_map(|chart| match run(&query, chart) {
        Ok(Found::One(found)) => found,
        _ => None,
    });
    match found.into_iter().next() {
        Some(resource) => fhir(resource.body.get().to_owned()),
        None => outcome(StatusCode::NOT_FOUND, "not-found", "there is no such resource"),
    }
}

async fn search(ehr: Ehr, resource_type: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let patients = match patients(&ehr, &request, &resource_type, Interaction::Search) {
        Ok(patients) => patients,
        Err(refusal) => return *refusal,
    };
    let invalid = |text: &str| outcome(StatusCode::BAD_REQUEST, "invalid", text);
    let Some(asked) = Asked::read(request.query_string()) else { return invalid("a parameter cannot be read") };
    let Some(patient) = &asked.patient else { return invalid("searches are within one patient: `patient=ID`") };
    if patients.is_some_and(|only| only != *patient) {
        return outcome(StatusCode::FORBIDDEN, "forbidden", "the token is for another patient");
    }
    let found = ehr.chart(patient).map(|chart| run(&format!("{resource_type}?{}", asked.rest), chart)).transpose();
    match found {
        Ok(Some(Found::Many(found))) => fhir(asked.page(&ehr.fhir_base(), &resource_type, &found)),
        Ok(_) => fhir(asked.page(&ehr.fhir_base(), &resource_type, &[])),
        Err(unfilled) => invalid(&unfilled.to_string()),
    }
}

/// The one patient that the bearer may ask about, or `None`: everyone.
fn patients(
    ehr: &SandboxEhr,
    request: &HttpRequest,
    resource_type: &str,
    interaction: Interaction,
) -> Result<Option<String>, Box<HttpResponse>> {
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let bearer =
        header.and_then(|header| header.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some(Grant { scopes, patient, .. }) = bearer.and_then(|(_, token)| ehr.tokens.find(token.trim())) else {
        let mut refusal = outcome(StatusCode::UNAUTHORIZED, "login", "a token that is still good is needed");
        refusal.headers_mut().insert(WWW_AUTHENTICATE, actix_web::http::header::HeaderValue::from_static("Bearer"));
        return Err(Box::new(refusal));
    };
    match (scopes.reach(resource_type, interaction), patient) {
        (Some(Reach::Everyone), _) => Ok(None),
        (Some(Reach::Patient), Some(patient)) => Ok(Some(patient)),
        _ => Err(Box::new(outcome(StatusCode::FORBIDDEN, "forbidden", "the token's scope does not let this be read"))),
    }
}

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
    fn read(query: &str) -> Option<Self> {
        let mut asked = Self { patient: None, count: PAGE, before: 0, rest: String::new() };
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

    /// This page of what was found, with the way to the next.
    fn page(&self, server: &str, resource_type: &str, found: &[&Resource]) -> String {
        let first = self.before.saturating_mul(self.count);
        let link = |relation, before: usize| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(self.rest.split('&').filter_map(|pair| pair.split_once('=')));
            query.append_pair("_count", &self.count.to_string()).append_pair("_page", &before.to_string());
            Link { relation, url: format!("{server}/{resource_type}?{}", query.finish()) }
        };
        let mut links = vec![link("self", self.before)];
        if first.saturating_add(self.count) < found.len() {
            links.push(link("next", self.before + 1));
        }
        let page = Searchset::new(server, resource_type, found, (first, self.count), links);
        serde_json::to_string(&page).unwrap_or_default()
    }
}

fn fhir(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/fhir+json").body(body)
}

fn outcome(status: StatusCode, code: &str, text: &str) -> HttpResponse {
    let issue = json!([{"severity": "error", "code": code, "details": {"text": text}}]);
    let body = json!({"resourceType": "OperationOutcome", "issue": issue});
    HttpResponse::build(status).content_type("application/fhir+json").body(body.to_string())
}
