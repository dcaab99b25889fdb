//! Who is calling. [`authenticate`] stands before an address and lets in only calls that `trust` vouches for; a
//! handler that needs to know takes a [`Caller`], which exists only behind it.
//!
//! A refused caller learns nothing: one status, no body, the same headers whatever was wrong. The log has the cause.

use super::body::let_pass;
use super::problem::Problem;
use super::state::State;
use crate::platform::clock;
use crate::platform::settings::{Backend, CdsClient, Discovery, Quirks};
use crate::trust::{AdmitError, Refusal, Verified};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError};
use std::future::{Ready, ready};
use std::sync::Arc;

/// A caller that may be answered.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The verified issuer; `None`: anonymous.
    pub issuer: Option<String>,
    /// The client's configured name; `None`: anonymous.
    pub name: Option<String>,
    /// Which vendor's habits to accept.
    pub quirks: Quirks,
    /// The only FHIR servers that may be called for this caller, as configured.
    pub fhir_servers: Arc<[String]>,
    /// Where tokens of our own are had for them; never for anonymous callers, whom nobody vouches for.
    pub backend: Option<Arc<Backend>>,
}

impl Caller {
    fn client(client: &CdsClient) -> Self {
        Self {
            issuer: Some(client.issuer.clone()),
            name: Some(client.name.clone()),
            quirks: client.quirks,
            fhir_servers: client.fhir_servers.as_slice().into(),
            backend: client.backend.clone(),
        }
    }

    fn anonymous(state: &State) -> Self {
        let fhir_servers = state.fhir_servers.clone();
        Self { issuer: None, name: None, quirks: Quirks::None, fhir_servers, backend: None }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        ready(caller.ok_or(Problem::Unauthorized(Refusal::NoToken.into())))
    }
}

/// Lets in callers that may be answered, before anything of the body is read.
pub async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let caller = identify(request.request()).await;
    let_in(caller, request, next).await
}

/// Goes on with this caller, or says why not once the body was let pass.
pub(super) async fn let_in<C: 'static>(
    caller: Result<C, Problem>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(problem) => {
            if let Some(limits) = request.app_data::<Data<State>>().map(|state| state.limits) {
                let_pass(request.take_payload(), limits).await;
            }
            // An answer, not an error: what surrounds this marks answers only.
            Ok(request.into_response(problem.error_response()))
        }
    }
}

/// The same where `[server] discovery = "signed"`; otherwise everyone may read.
pub async fn authenticate_discovery(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match request.app_data::<Data<State>>().map(|state| state.discovery) {
        Some(Discovery::Open) => Ok(next.call(request).await?.map_into_boxed_body()),
        _ => authenticate(request, next).await,
    }
}

async fn identify(request: &HttpRequest) -> Result<Caller, Problem> {
    let state = request.app_data::<Data<State>>().ok_or(Problem::NotReady)?;
    let authorization: Vec<&[u8]> = request.headers().get_all(AUTHORIZATION).map(|value| value.as_bytes()).collect();
    let now = clock::now();
    let path = request.path().trim_end_matches('/');
    let verified = state.trust.verify(&authorization, path, now).await.map_err(Problem::Unauthorized)?;
    let Some(verified) = verified else { return Ok(Caller::anonymous(state)) };
    let Verified { client, .. } = &verified;
    let database = &state.parts()?.database;
    state.trust.admit(database, &verified, now).await.map_err(|error| match error {
        AdmitError::Replayed => Problem::Unauthorized(Refusal::Replayed.of(&client.name)),
        AdmitError::Database(error) => Problem::TokenNotRecorded(error),
    })?;
    Ok(Caller::client(client))
}
