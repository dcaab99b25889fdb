//! What was sent and received.

use super::{Answer, Ehr, from_here, unknown};
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
pub struct Which {
    /// `discovery`, `call` or `feedback`
    kind: Option<String>,
}

/// Oldest first, bodies included.
pub async fn list(ehr: Ehr, which: web::Query<Which>) -> Answer {
    let mut all = ehr.journal.all();
    all.retain(|one| which.kind.as_ref().is_none_or(|kind| json!(one.kind) == **kind));
    let all: Vec<_> = all.iter().map(|one| &**one).collect();
    Ok(HttpResponse::Ok().json(all))
}

pub async fn show(ehr: Ehr, number: web::Path<u64>) -> Answer {
    let found = ehr.journal.find(*number).ok_or_else(|| unknown("exchange"))?;
    Ok(HttpResponse::Ok().json(&*found))
}

/// The body that was sent, for a terminal.
pub async fn body(ehr: Ehr, number: web::Path<u64>) -> Answer {
    let found = ehr.journal.find(*number).ok_or_else(|| unknown("exchange"))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(found.body.clone()))
}

pub async fn clear(ehr: Ehr, request: HttpRequest) -> Answer {
    from_here(&request)?;
    ehr.journal.clear();
    Ok(HttpResponse::NoContent().finish())
}
