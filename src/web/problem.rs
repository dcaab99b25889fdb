//! Every error to its row of the one table and its outside wording. A caller learns what to change, never what was
//! sent; causes go to the log once, here.

use super::encoding::READ_HERE;
use super::error_table::{self as table, Row};
use crate::decision_support::answer_hook::HookError;
use crate::decision_support::assess::AssessError;
use crate::decision_support::prefetch::PrefetchError;
use crate::decision_support::protocol::RequestError;
use crate::governance::GovernanceError;
use crate::platform::database::DatabaseError;
use crate::platform::telemetry::signals::CallRefused;
use crate::prediction::predictor::AskError;
use crate::trust::Denied;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("there is nothing at this address")]
    UnknownRoute,
    #[error("there is no service with this id; GET /cds-services lists them")]
    UnknownService,
    #[error("this method is not allowed here")]
    MethodNotAllowed { allow: &'static str },
    #[error("not authorized")]
    Unauthorized(Denied),
    #[error("the body must be JSON: send `Content-Type: application/json`")]
    MediaType,
    #[error("the body's encoding is not read here: send it as it is, with gzip or with zstd")]
    ContentEncoding,
    #[error("the body is larger than this server takes")]
    TooLarge,
    #[error("the body could not be read to its end")]
    BrokenBody,
    #[error("the body did not arrive in time")]
    SlowBody,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("the server is still loading its model or its database: try again shortly")]
    NotReady,
    #[error("the database does not answer: try again shortly")]
    DatabaseAway,
    #[error("the call's token could not be recorded, so it was not let in: try again shortly")]
    TokenNotRecorded(DatabaseError),
    #[error("the call could not be recorded, so it was not answered")]
    NotRecorded(#[from] GovernanceError),
    #[error(transparent)]
    Hook(#[from] HookError),
    #[error("this needs an access token: send `Authorization: Bearer`")]
    NoAccessToken,
    #[error("the access token cannot be accepted")]
    InvalidToken(Denied),
    #[error("nobody could say whether the access token is good: try again shortly")]
    TokenUndecided(Denied),
    #[error("the access token does not allow this: a scope is needed that lets read it, with the patient it is for")]
    InsufficientScope { scope: &'static str },
    #[error("the access token is for another patient")]
    OtherPatient,
    #[error("the body must be a Bundle of type `batch`")]
    NotABatch,
    #[error("the batch has more entries than this server takes")]
    TooManyEntries,
    #[error("an entry must be a POST to `$assess-risk` or `$embed` with its Parameters as resource")]
    EntryNotServed,
    #[error(transparent)]
    Assess(#[from] AssessError),
    #[error("the call could not be answered because of a fault in this server")]
    Panic,
}

impl Problem {
    fn row(&self) -> Row {
        match self {
            Self::UnknownRoute => table::UNKNOWN_ROUTE,
            Self::UnknownService => table::UNKNOWN_SERVICE,
            Self::MethodNotAllowed { .. } => table::METHOD_NOT_ALLOWED,
            Self::Unauthorized(_) => table::UNAUTHORIZED,
            Self::MediaType => table::MEDIA_TYPE,
            Self::ContentEncoding => table::CONTENT_ENCODING,
            Self::TooLarge => table::TOO_LARGE,
            Self::BrokenBody => table::BROKEN_BODY,
            Self::SlowBody => table::SLOW_BODY,
            Self::Request(error) => request_row(error),
            Self::NotReady => table::NOT_READY,
            Self::DatabaseAway => table::DATABASE_AWAY,
            Self::TokenNotRecorded(_) => table::TOKEN_NOT_RECORDED,
            Self::NotRecorded(_) => table::NOT_RECORDED,
            Self::Hook(error) => hook_row(error),
            Self::NoAccessToken | Self::InvalidToken(_) => table::INVALID_TOKEN,
            Self::TokenUndecided(_) => table::TOKEN_UNDECIDED,
            Self::InsufficientScope { .. } => table::INSUFFICIENT_SCOPE,
            Self::OtherPatient => table::OTHER_PATIENT,
            Self::NotABatch => table::NOT_A_BATCH,
            Self::TooManyEntries => table::TOO_MANY_ENTRIES,
            Self::EntryNotServed => table::ENTRY_NOT_SERVED,
            Self::Assess(error) => assess_row(error),
            Self::Panic => table::PANIC,
        }
    }

    /// The members of the request to change.
    fn expression(&self) -> Vec<String> {
        match self {
            Self::Request(error) | Self::Hook(HookError::Request(error)) => {
                error.member().map(str::to_string).into_iter().collect()
            }
            Self::Hook(HookError::HookNotServed) => vec!["hook".into()],
            Self::Assess(AssessError::Parameters(error)) => {
                error.parameter().map(|name| format!("Parameters.parameter.where(name='{name}')")).into_iter().collect()
            }
            Self::Hook(HookError::Prefetch(PrefetchError::Missing { missing })) => {
                missing.iter().map(|key| format!("prefetch.{key}")).collect()
            }
            Self::Hook(HookError::Prefetch(PrefetchError::NotFhir { key })) => {
                vec![key.as_ref().map_or("prefetch".into(), |key| format!("prefetch.{key}"))]
            }
            _ => Vec::new(),
        }
    }

    /// What its caller is told.
    pub fn outcome(&self) -> OperationOutcome {
        let Row { code, issue, .. } = self.row();
        let details = Details { coding: [Coding { system: "urn:prodrome:problem", code }], text: self.to_string() };
        let issue = [Issue { severity: "error", code: issue, details, expression: self.expression() }];
        OperationOutcome { resource_type: "OperationOutcome", issue }
    }

    /// Tells the log, once.
    pub fn report(&self) {
        let Row { status, code, .. } = self.row();
        CallRefused { code, status: status.as_u16(), cause: self.cause().as_deref() }.emit();
    }

    /// What happened inside, for the log.
    fn cause(&self) -> Option<String> {
        match self {
            Self::Unauthorized(denied) | Self::InvalidToken(denied) | Self::TokenUndecided(denied) => {
                Some(denied.to_string())
            }
            Self::TokenNotRecorded(error) => Some(error.to_string()),
            Self::NotRecorded(error)
            | Self::Hook(HookError::NotRecorded(error))
            | Self::Assess(AssessError::NotRecorded(error)) => Some(error.to_string()),
            _ => None,
        }
    }
}

/// The rows of what the spine of a hook call tells.
fn hook_row(error: &HookError) -> Row {
    match error {
        HookError::UnknownService => table::UNKNOWN_SERVICE,
        HookError::HookNotServed => table::HOOK_NOT_SERVED,
        HookError::Request(error) => request_row(error),
        HookError::Prefetch(PrefetchError::NotFhir { .. }) => table::PREFETCH_NOT_FHIR,
        HookError::Prefetch(PrefetchError::Missing { .. }) => table::DATA_MISSING,
        HookError::Ask(error) => ask_row(*error),
        HookError::NotRecorded(_) => table::NOT_RECORDED,
        HookError::Interrupted => table::PANIC,
    }
}

/// The rows of what an assessment tells.
fn assess_row(error: &AssessError) -> Row {
    match error {
        AssessError::Parameters(_) => table::WRONG_PARAMETER,
        AssessError::NotFhir => table::CHART_NOT_FHIR,
        AssessError::NoPatient | AssessError::SeveralPatients => table::WHICH_PATIENT,
        AssessError::PatientNotThere => table::PATIENT_NOT_THERE,
        AssessError::PatientForbidden | AssessError::TokenRefused => table::PATIENT_FORBIDDEN,
        AssessError::FhirServerAway => table::FHIR_SERVER_AWAY,
        AssessError::NoState => table::NO_STATE,
        AssessError::Ask(error) => ask_row(*error),
        AssessError::NotRecorded(_) => table::NOT_RECORDED,
        AssessError::Interrupted => table::PANIC,
    }
}

fn ask_row(error: AskError) -> Row {
    match error {
        AskError::Full => table::BUSY,
        AskError::TooLate => table::TOO_LATE,
        AskError::Stopping => table::STOPPING,
        AskError::Failed => table::MODEL_FAILED,
    }
}

fn request_row(error: &RequestError) -> Row {
    match error {
        RequestError::NotJson { .. } | RequestError::NotAnObject | RequestError::TooDeep => table::INVALID_REQUEST,
        RequestError::Missing(_) => table::MISSING_MEMBER,
        RequestError::Wrong { .. } => table::WRONG_MEMBER,
    }
}

/// What every refusal but that of a hook call's token carries.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationOutcome {
    resource_type: &'static str,
    issue: [Issue; 1],
}

#[derive(Serialize)]
struct Issue {
    severity: &'static str,
    code: &'static str,
    details: Details,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    expression: Vec<String>,
}

#[derive(Serialize)]
struct Details {
    coding: [Coding; 1],
    text: String,
}

#[derive(Serialize)]
struct Coding {
    system: &'static str,
    code: &'static str,
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.row().status
    }

    fn error_response(&self) -> HttpResponse {
        self.report();
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        match self {
            Self::Unauthorized(_) => return response.insert_header((WWW_AUTHENTICATE, "Bearer")).finish(),
            Self::NoAccessToken => drop(response.insert_header((WWW_AUTHENTICATE, "Bearer"))),
            Self::InvalidToken(_) => drop(response.insert_header((WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""))),
            Self::InsufficientScope { scope } => {
                let told = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                response.insert_header((WWW_AUTHENTICATE, told));
            }
            Self::MethodNotAllowed { allow } => drop(response.insert_header((ALLOW, *allow))),
            Self::ContentEncoding => drop(response.insert_header((ACCEPT_ENCODING, READ_HERE))),
            // The rest of such a body is not waited for, nor is another request after it.
            Self::TooLarge | Self::SlowBody | Self::BrokenBody => drop(response.force_close()),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => drop(response.insert_header((RETRY_AFTER, "1"))),
            _ => {}
        }
        let body = serde_json::to_string(&self.outcome());
        response.content_type("application/fhir+json; charset=utf-8").body(body.unwrap_or_default())
    }
}
