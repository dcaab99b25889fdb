//! `/healthz` and `/readyz`.

use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::{HttpResponse, web::Data};

/// The process lives.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

/// Model and database are ready and calls are served.
pub async fn readyz(state: Data<State>) -> Result<HttpResponse, Problem> {
    let parts = state.parts()?;
    if !parts.database.is_alive().await {
        return Err(Problem::DatabaseAway);
    }
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n"))
}
