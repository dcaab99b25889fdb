//! `GET /smart/patient`: the patient that this browser has open.

use super::cookies::Cookie;
use super::{Refused, SmartSession, app, pages};
use crate::platform::clock;
use crate::web::state::State;
use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use std::sync::Arc;

/// Shows whose chart is open, as long as the EHR still lets it be read.
pub async fn patient(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let session = session(&state, &request)?;
    if session.bearer().await.is_none() {
        return Err(Refused::NoSession);
    }
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(pages::opened(&session).0))
}

/// The session of this browser.
fn session(state: &State, request: &HttpRequest) -> Result<Arc<SmartSession>, Refused> {
    let app = app(state)?;
    let secret = app.cookies.get(request, Cookie::Session).ok_or(Refused::NoSession)?;
    app.sessions.find(&secret, clock::now()).ok_or(Refused::NoSession)
}
