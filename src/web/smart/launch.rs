//! `GET /smart/launch`: an EHR opens the app. `GET /smart` and `/smart/standalone`: it is opened by itself.
//!
//! Only registered EHRs are asked anything: an unknown `iss` causes no request at all.

use super::callback::Pending;
use super::cookies::Cookie;
use super::{Query, Refused, SmartApp, app, pages};
use crate::platform::clock;
use crate::platform::expiring::secret;
use crate::trust::smart_client::{Launch, SmartClient};
use crate::web::state::State;
use actix_web::http::header::{ContentType, LOCATION, SET_COOKIE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use std::sync::Arc;
use std::time::Duration;

/// How long somebody may take at the EHR.
const LIFE: Duration = Duration::from_secs(600);
/// The longest address of a FHIR server, in bytes.
const LONGEST_ISS: usize = 2048;
/// The longest launch handle, in bytes.
const LONGEST_LAUNCH: usize = 4096;

/// An EHR opens the app with `iss` and `launch`; the browser goes to its authorization server.
pub async fn launch(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let app = app(&state)?;
    let query = Query::read(&request)?;
    let iss = query.get("iss", LONGEST_ISS)?.ok_or(Refused::Request)?;
    let handle = query.get("launch", LONGEST_LAUNCH)?.ok_or(Refused::Request)?;
    let client = app.clients.iter().find(|client| client.is_at(iss)).ok_or(Refused::UnknownEhr)?;
    begin(app, client, Launch::FromEhr { iss, handle }, &request).await
}

/// A choice of EHRs; with one chosen, the browser goes there.
pub async fn standalone(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let app = app(&state)?;
    match Query::read(&request)?.get("ehr", LONGEST_ISS)? {
        Some(name) => {
            let client = app.client(name).ok_or(Refused::UnknownEhr)?;
            begin(app, client, Launch::Standalone, &request).await
        }
        None => Ok(HttpResponse::Ok().content_type(ContentType::html()).body(pages::choice(app.clients.iter()).0)),
    }
}

async fn begin(
    app: &SmartApp,
    client: &Arc<SmartClient>,
    launch: Launch<'_>,
    request: &HttpRequest,
) -> Result<HttpResponse, Refused> {
    let state = secret();
    let begun = client.begin(launch, &state).await;
    let (address, attempt) = begun.map_err(|error| Refused::Away { ehr: client.ehr.name.clone(), error })?;
    // A browser that begins twice at once keeps its secret, or the first launch could not be finished.
    let browser = app.cookies.get(request, Cookie::Browser).unwrap_or_else(secret);
    let now = clock::now();
    app.pending.put(state, Pending::new(client.clone(), attempt, &browser), now + LIFE, now);
    Ok(HttpResponse::Found()
        .insert_header((SET_COOKIE, app.cookies.set(Cookie::Browser, &browser, Some(LIFE.as_secs()))))
        .insert_header((LOCATION, address))
        .finish())
}
