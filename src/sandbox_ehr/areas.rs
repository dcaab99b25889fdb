//! Which area of this EHR an address belongs to, and how that area says that a request came to nothing: people are shown a
//! page, the control API answers `{"error": …}`, the FHIR server an OperationOutcome, the authorization server an OAuth error
//! (RFC 6749, section 5.2). Owns what no handler answers: unknown addresses, methods, and requests that cannot be read.

use super::fhir::outcome;
use super::pages;
use super::routes::page;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse};
use serde_json::json;

/// An area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    Pages,
    Control,
    Fhir,
    /// Endpoints of the authorization server that programs ask.
    OAuth,
}

impl Area {
    pub fn of(path: &str) -> Self {
        match path.split('/').nth(1) {
            Some("control") => Self::Control,
            Some("fhir") => Self::Fhir,
            Some("token" | "introspect" | "revoke") => Self::OAuth,
            _ => Self::Pages,
        }
    }

    /// Says why a request came to nothing.
    pub fn says(self, status: StatusCode, why: &str) -> HttpResponse {
        match self {
            Self::Pages => page(status.as_u16(), &pages::problem(status.canonical_reason().unwrap_or("Not done"), why)),
            Self::Control => HttpResponse::build(status).json(json!({ "error": why })),
            Self::Fhir => outcome(status, issue(status), why),
            Self::OAuth => {
                HttpResponse::build(status).json(json!({"error": "invalid_request", "error_description": why}))
            }
        }
    }

    /// Refuses a method, and says which are answered.
    pub fn allows(self, methods: &str) -> HttpResponse {
        let mut answer = self.says(StatusCode::METHOD_NOT_ALLOWED, &format!("this address answers {methods} alone"));
        if let Ok(methods) = HeaderValue::from_str(methods) {
            answer.headers_mut().insert(ALLOW, methods);
        }
        answer
    }
}

/// The code of an issue (FHIR R4, value set `issue-type`).
fn issue(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::METHOD_NOT_ALLOWED => "not-supported",
        StatusCode::PAYLOAD_TOO_LARGE => "too-long",
        _ => "invalid",
    }
}

/// Answers what no route takes.
pub async fn nothing_there(request: HttpRequest) -> HttpResponse {
    let area = Area::of(request.path());
    match area {
        Area::OAuth if ["/token", "/introspect", "/revoke"].contains(&request.path()) => area.allows("POST"),
        Area::Fhir if request.path().ends_with("/_services/smart/Launch") => area.allows("POST"),
        Area::Fhir if request.path().ends_with("/_search") => area.allows("GET, POST"),
        // Whatever it is, this FHIR server reads alone.
        Area::Fhir if request.method() != Method::GET => area.allows("GET"),
        Area::Fhir => area.says(StatusCode::NOT_FOUND, "this FHIR server has no such address or interaction"),
        Area::Pages => area.says(StatusCode::NOT_FOUND, "There is no such page."),
        Area::Control | Area::OAuth => area.says(StatusCode::NOT_FOUND, "there is no such address"),
    }
}

/// Says in the area's manner what the framework says in plain text: a path, a query or a body that cannot be read, or is
/// too long.
pub async fn unreadable(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let area = Area::of(request.path());
    let answer = next.call(request).await?.map_into_boxed_body();
    let is_plain = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if answer.response().error().is_none() || !is_plain {
        return Ok(answer);
    }
    let why = match answer.status() {
        StatusCode::NOT_FOUND => "there is nothing of this name",
        StatusCode::PAYLOAD_TOO_LARGE => "the body is too long",
        _ => "the request cannot be read: its query or its body is not of the form that this address takes",
    };
    let said = area.says(answer.status(), why);
    Ok(answer.into_response(said))
}
