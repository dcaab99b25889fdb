//! Which browser pages may call the CDS Hooks endpoints and our own API: every one in development, the listed ones in production.
//! Never with credentials. Preflights are answered without asking who calls.

use crate::platform::settings::{Mode, Server};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

const ASKS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOWS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const ALLOWED_HEADERS: &str = "authorization, content-type, content-encoding, accept, fhir-version";
const READABLE_HEADERS: &str = "x-prodrome-cache, x-request-id, retry-after, www-authenticate";

/// The origins that may call.
#[derive(Clone, Debug)]
pub enum Origins {
    Every,
    These(Vec<String>),
}

impl Origins {
    pub fn of(settings: &Server) -> Self {
        match settings.mode {
            Mode::Development => Self::Every,
            Mode::Production => Self::These(settings.cors_origins.clone()),
        }
    }

    /// What to answer a page of `origin`; `None`: it may not read the answer.
    fn allow(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Self::Every => Some(HeaderValue::from_static("*")),
            Self::These(list) => list.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone()),
        }
    }
}

/// Answers preflights and marks answers that a page may read, errors too.
pub async fn cors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let origins = request.app_data::<Data<Origins>>().cloned();
    let origin = request.headers().get(header::ORIGIN).cloned();
    let path = request.path();
    let is_hooks = path.strip_prefix("/v3").unwrap_or(path).starts_with("/cds-services");
    let is_api = path == "/fhir" || path.starts_with("/fhir/");
    // SMART App Launch 2.2, "Considerations for Cross-Origin Resource Sharing": these two are for every page.
    let is_discovery = ["/fhir/metadata", "/fhir/.well-known/smart-configuration"].contains(&path);
    let (Some(origins), Some(origin), true) = (origins, origin, is_hooks || is_api) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let origins = if is_discovery { Data::new(Origins::Every) } else { origins };
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let private_network = preflight && request.headers().contains_key(ASKS_PRIVATE_NETWORK);
    let mut response = match preflight {
        true => request.into_response(HttpResponse::NoContent().finish()),
        false => next.call(request).await?.map_into_boxed_body(),
    };
    let allowed = origins.allow(&origin);
    if !matches!(**origins, Origins::Every) {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(allowed) = allowed {
        mark(response.headers_mut(), allowed, preflight, private_network);
    }
    Ok(response)
}

fn mark(headers: &mut HeaderMap, origin: HeaderValue, preflight: bool, private_network: bool) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if !preflight {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READABLE_HEADERS));
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if private_network {
        headers.insert(ALLOWS_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
}
