//! `GET /cds-services` and `GET /v3/cds-services`: what this server offers, in either edition of the specification.

use crate::decision_support::protocol::Edition;
use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::web::Data;

/// Every service with the prefetch templates that each 2.0 client can fill.
pub async fn discovery(state: Data<State>) -> Result<HttpResponse, Problem> {
    list(&state, Edition::Second)
}

/// Every service with all of its templates.
pub async fn discovery_v3(state: Data<State>) -> Result<HttpResponse, Problem> {
    list(&state, Edition::Third)
}

fn list(state: &State, edition: Edition) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.parts()?.hooks.catalogue.discovery(edition)))
}
