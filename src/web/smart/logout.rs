//! `POST /smart/logout`: closes the patient that this browser has open.

use super::cookies::Cookie;
use super::{Refused, app, pages};
use crate::platform::clock;
use crate::web::state::State;
use actix_web::http::header::{ContentType, SET_COOKIE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use url::form_urlencoded;

/// Ends the session, forgets its tokens and takes the cookie away. A page of another site cannot do so.
pub async fn logout(state: Data<State>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Refused> {
    let app = app(&state)?;
    let session = app.session(&request)?;
    if !form_urlencoded::parse(&body).any(|(name, token)| name == "token" && session.sent(&token)) {
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
