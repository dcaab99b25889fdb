//! `/metrics`, as Prometheus text.

use crate::web::state::State;
use actix_web::{HttpResponse, web::Data};

/// Every metric of `platform/telemetry/metrics.rs`.
pub async fn metrics(state: Data<State>) -> HttpResponse {
    let text = state.metrics.as_ref().map(|handle| handle.render()).unwrap_or_default();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}
