//! The control API: everything that the screens do, as JSON, so that others can drive this EHR in their tests. [`table`] lists
//! its requests, [`openapi`] describes them for generated clients, `docs/guides/sandbox-ehr.md` for people.
//!
//! Answers on the page's address, which is loopback unless told otherwise. Pages of other sites can neither read it nor
//! change anything: bodies have to be JSON, which a form cannot send, and browsers say where a request comes from.

mod cards;
mod desk;
mod exchanges;
mod firing;
mod openapi;
mod schemas;
mod table;

use super::SandboxEhr;
use super::areas::Area;
use super::chart::Chart;
use super::routes::is_from_elsewhere;
use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

type Ehr = web::Data<SandboxEhr>;
type Answer = Result<HttpResponse, Problem>;

/// Every route. An address refuses the methods that the table does not have for it.
pub fn configure(routes: &mut web::ServiceConfig) {
    let mut addresses = BTreeMap::<&str, Vec<table::Operation>>::new();
    for operation in table::operations() {
        addresses.entry(operation.path).or_default().push(operation);
    }
    for (path, operations) in addresses {
        let methods: Vec<&str> = operations.iter().map(|one| one.method.as_str()).collect();
        let methods: Arc<str> = methods.join(", ").into();
        let other = move || std::future::ready(Area::Control.allows(&methods));
        let address = operations.into_iter().fold(web::resource(path), |address, one| address.route(one.route));
        routes.service(address.default_service(web::to(other)));
    }
}

/// Why a request was not done.
#[derive(Debug)]
struct Problem(StatusCode, String);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.1)
    }
}

impl actix_web::ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0
    }

    fn error_response(&self) -> HttpResponse {
        Area::Control.says(self.0, &self.1)
    }
}

fn unusable(why: impl std::fmt::Display) -> Problem {
    Problem(StatusCode::BAD_REQUEST, why.to_string())
}

fn unknown(what: &str) -> Problem {
    Problem(StatusCode::NOT_FOUND, format!("there is no such {what}"))
}

/// Refuses what another site's page asks for.
fn from_here(request: &HttpRequest) -> Result<(), Problem> {
    match is_from_elsewhere(request) {
        true => Err(Problem(StatusCode::FORBIDDEN, "this came from another site's page".to_owned())),
        false => Ok(()),
    }
}

/// A JSON body of a request that may change something; an empty one is `{}`.
fn body<T: DeserializeOwned>(request: &HttpRequest, bytes: &[u8]) -> Result<T, Problem> {
    from_here(request)?;
    if bytes.is_empty() {
        return serde_json::from_str("{}").map_err(|error| unusable(format!("a body is needed: {error}")));
    }
    if request.content_type() != "application/json" {
        return Err(Problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be application/json".to_owned()));
    }
    serde_json::from_slice(bytes).map_err(|error| unusable(format!("the body is not understood: {error}")))
}

/// The chosen patient's chart.
fn chosen(ehr: &SandboxEhr) -> Result<&Chart, Problem> {
    let id = ehr.desk().patient.clone().ok_or_else(|| unusable("choose a patient first: PUT /control/desk"))?;
    ehr.chart(&id).ok_or_else(|| unknown("patient"))
}
