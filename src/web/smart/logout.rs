//! `POST /smart/logout`: closes the patient that this browser has open.

use super::cookies::Cookie;
use super::{Refused, app, pages};
use crate::platform::clock;
use crate::web::state::State;
use actix_web::http::header::{ContentType, SET_COOKIE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

/// Ends the session, forgets its tokens and takes the cookie away. A page of another site cannot do so.
pub async fn logout(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let app = app(&state)?;
    let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
    if matches!(site, Some("cross-site" | "same-site")) {
        return Err(Refused::FromElsewhere);
    }
    if let Some(secret) = app.cookies.get(&request, Cookie::Session) {
        app.sessions.close(&secret, clock::now());
    }
    Ok(HttpResponse::Ok()
        .insert_header((SET_COOKIE, app.cookies.set(Cookie::Session, "", Some(0))))
        .content_type(ContentType::html())
        .body(pages::closed().0))
}
