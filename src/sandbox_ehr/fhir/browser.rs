//! Pages of other origins at the FHIR server: SMART apps and other EHRs' clients that run in a browser.
//!
//! Every origin, never with credentials: what a page may read is settled by the token that it sends, or by the whole
//! server standing open.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};

const ASKS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOWS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Whether a path is the FHIR server's.
pub fn is_of_fhir(path: &str) -> bool {
    path.strip_prefix("/fhir").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path is the FHIR server's and about resources: discovery and launches are not.
pub fn serves_resources(path: &str) -> bool {
    is_of_fhir(path) && !path.starts_with("/fhir/.well-known") && !path.starts_with("/fhir/_services")
}

/// Answers preflights below `/fhir`, and lets pages read the answers there, errors too.
pub async fn pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if !is_of_fhir(request.path()) || !request.headers().contains_key(header::ORIGIN) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let private_network = request.headers().contains_key(ASKS_PRIVATE_NETWORK);
    let mut response = match preflight {
        true => request.into_response(HttpResponse::NoContent().finish()),
        false => next.call(request).await?.map_into_boxed_body(),
    };
    let mut say = |name, value| response.headers_mut().insert(name, HeaderValue::from_static(value));
    say(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if preflight {
        say(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS");
        say(header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, accept");
        say(header::ACCESS_CONTROL_MAX_AGE, "600");
        if private_network {
            say(ALLOWS_PRIVATE_NETWORK, "true");
        }
    }
    Ok(response)
}
