//! Who calls the API. [`authorize`] stands before an address and lets in only calls whose access token `trust` vouches for, in
//! development those without any too; [`ApiCaller::permit`] is the one table of which scope lets an operation run (SMART App
//! Launch 2.2: deny by default).

use crate::platform::clock;
use crate::trust::{Access, Interaction, Level, Refusal};
use crate::web::credentials::let_in;
use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use std::future::{Ready, ready};
use std::sync::{Arc, Once};

/// That calls without a token are answered is said once, at the first of them.
static ANONYMOUS: Once = Once::new();

/// A caller that is let in.
#[derive(Clone, Debug)]
pub enum ApiCaller {
    /// A call without a token, which development answers.
    Anonymous,
    Token(Arc<Access>),
}

/// What a call may be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    Everyone,
    /// This patient alone.
    Patient(String),
}

/// What is to be read of a patient, each with the scopes that let it.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// A risk: `RiskAssessment.r`.
    Risk,
    /// A state, which holds the whole chart: `*.r`.
    State,
    /// The record at the FHIR server, which judges the token once more: `Patient.r`.
    Record,
}

impl Need {
    fn resource_type(self) -> &'static str {
        match self {
            Self::Risk => "RiskAssessment",
            Self::State => "*",
            Self::Record => "Patient",
        }
    }

    fn scopes(self) -> &'static str {
        match self {
            Self::Risk => "patient/RiskAssessment.r user/RiskAssessment.r system/RiskAssessment.r",
            Self::State => "patient/*.r user/*.r system/*.r",
            Self::Record => "patient/Patient.r user/Patient.r system/Patient.r",
        }
    }
}

impl ApiCaller {
    /// Whose chart the caller may ask about.
    ///
    /// # Errors
    /// When no scope of the token lets it.
    pub fn permit(&self, need: Need) -> Result<Leave, Problem> {
        let Self::Token(access) = self else { return Ok(Leave::Everyone) };
        let levels = access.scopes.levels(need.resource_type(), Interaction::Read);
        match (levels.last(), &access.patient) {
            (Some(Level::User | Level::System), _) => Ok(Leave::Everyone),
            (Some(Level::Patient), Some(patient)) => Ok(Leave::Patient(patient.clone())),
            _ => Err(Problem::InsufficientScope { scope: need.scopes() }),
        }
    }

    /// For the audit: issuer and client.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Anonymous => None,
            Self::Token(access) => Some(format!("{} {}", access.server.issuer, access.client_id)),
        }
    }
}

impl FromRequest for ApiCaller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or(Problem::NoAccessToken))
    }
}

/// Lets in callers that may be answered, before anything of the body is read.
pub async fn authorize(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let caller = identify(request.request()).await;
    let_in(caller, request, next).await
}

async fn identify(request: &HttpRequest) -> Result<ApiCaller, Problem> {
    let state = request.app_data::<Data<State>>().ok_or(Problem::NotReady)?;
    let authorization: Vec<&[u8]> = request.headers().get_all(AUTHORIZATION).map(|value| value.as_bytes()).collect();
    // A token that is shown is always checked: whoever has a bad one must not take our answer for leave.
    if state.development && authorization.is_empty() {
        ANONYMOUS.call_once(|| {
            tracing::warn!(
                "development mode: our own API answers calls without an access token; production refuses them"
            );
        });
        return Ok(ApiCaller::Anonymous);
    }
    let verified = state.access.verify(&authorization, clock::now()).await;
    verified.map(|access| ApiCaller::Token(Arc::new(access))).map_err(|denied| match denied.refusal {
        Refusal::NoToken => Problem::NoAccessToken,
        refusal if refusal.is_undecided() => Problem::TokenUndecided(denied),
        _ => Problem::InvalidToken(denied),
    })
}
