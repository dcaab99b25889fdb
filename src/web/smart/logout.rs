//! `POST /smart/logout`: closes the patient that this browser has open, here and, where the EHR says how, there.

use super::cookies::Cookie;
use super::{Refused, app, pages};
use crate::platform::clock;
use crate::web::state::State;
use actix_web::http::header::{ContentType, SET_COOKIE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use std::time::Duration;
use url::form_urlencoded;

/// How long the browser waits for the EHR; its answer changes nothing for the browser.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ends the session and its tokens and takes the cookie away. A page of another site cannot do so.
pub async fn logout(
    state: Data<State>,
    request: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
) -> Result<HttpResponse, Refused> {
    let app = app(&state)?;
    let session = app.session(&request)?;
    let body = body.map_err(|_| Refused::Request)?;
    if !form_urlencoded::parse(&body).any(|(name, token)| name == "token" && session.sent(&token)) {
        return Err(Refused::FromElsewhere);
    }
    if let Some(secret) = app.cookies.get(&request, Cookie::Session) {
        let closed = app.sessions.close(&secret, clock::now());
        if let Some(session) = closed {
            // However it ends, the session is closed here; what went wrong at the EHR is in the log.
            let _told = tokio::time::timeout(PATIENCE, session.end()).await;
        }
    }
    Ok(HttpResponse::Ok()
        .insert_header((SET_COOKIE, app.cookies.set(Cookie::Session, "", Some(0))))
        .content_type(ContentType::html())
        .body(pages::closed().0))
}
