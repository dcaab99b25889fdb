//! The sandbox EHR's FHIR server: reads and searches of its synthetic patients, with a token whose scope lets them, page by
//! page. Read only; one patient a search, or the list of patients; parameters that it does not know are refused, never
//! ignored. Where it stands open it asks for no token: for synthetic patients and clients that cannot have one.

mod access;
mod browser;
mod capability;
mod faulty;
mod format;
mod practitioner;
mod searching;
mod tenant;

pub use access::bearer;
pub use browser::pages;
pub use faulty::faults;
pub use format::json_alone;
pub use tenant::tenants;

use super::SandboxEhr;
use super::search::{Found, Query, Record, run};
use crate::trust::Interaction;
use access::Caller;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

type Ehr = web::Data<SandboxEhr>;

/// Every route.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/fhir", web::get().to(searching::further))
        .route("/fhir/metadata", web::get().to(capability::metadata))
        .route("/fhir/Practitioner/{id}", web::get().to(practitioner::read))
        .route("/fhir/{type}/_search", web::post().to(searching::by_form))
        .route("/fhir/{type}/{id}", web::get().to(read))
        .route("/fhir/{type}", web::get().to(searching::by_address));
}

async fn read(ehr: Ehr, path: web::Path<(String, String)>, request: HttpRequest) -> HttpResponse {
    let (resource_type, id) = path.into_inner();
    let caller = Caller::of(&ehr, &request);
    let reach = match caller.and_then(|caller| caller.must_reach(&resource_type, Interaction::Read)) {
        Ok(reach) => reach,
        Err(refusal) => return *refusal,
    };
    let query = Query::read(&format!("{resource_type}/{id}"));
    let readable = ehr.charts.iter().filter(|chart| reach.holds(&chart.id));
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

fn fhir(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/fhir+json").body(body)
}

pub(super) fn outcome(status: StatusCode, code: &str, text: &str) -> HttpResponse {
    let issue = json!([{"severity": "error", "code": code, "details": {"text": text}}]);
    let body = json!({"resourceType": "OperationOutcome", "issue": issue});
    HttpResponse::build(status).content_type("application/fhir+json").body(body.to_string())
}
