//! `GET /cds-services`: what this server offers.

use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::web::Data;

/// Every service with its prefetch templates.
pub async fn discovery(state: Data<State>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(state.parts()?.hooks.catalogue.discovery()))
}
