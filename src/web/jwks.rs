//! `GET /.well-known/jwks.json`: the public halves of our own keys, by which EHRs know our assertions (RFC 7517).

use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;

/// A JWK Set, which may be kept for an hour; 404 where no keys are configured.
pub async fn jwks(state: Data<State>) -> Result<HttpResponse, Problem> {
    let keys = state.own_keys.as_ref().ok_or(Problem::UnknownRoute)?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=3600")).json(keys.public()))
}
