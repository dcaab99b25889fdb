//! `GET /smart/patient`: the patient that this browser has open.

use super::{Refused, app, pages};
use crate::web::state::State;
use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

/// Shows whose chart is open, as long as the EHR still lets it be read.
pub async fn patient(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let session = app(&state)?.session(&request)?;
    if session.bearer().await.is_none() {
        return Err(Refused::NoSession);
    }
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(pages::opened(&session).0))
}
