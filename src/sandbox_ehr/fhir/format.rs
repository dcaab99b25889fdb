//! In which format answers are asked for: this server writes JSON, under each of the names that it has had, and says so to
//! whoever takes nothing else but XML (R4, "Content types and encodings": 406).

use super::browser::serves_resources;
use super::outcome;
use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::middleware::Next;
use url::form_urlencoded;

/// As a parameter: the short name, and the media types. A plus that nobody encoded comes as a blank.
const FORMATS: [&str; 7] = [
    "json",
    "application/json",
    "application/fhir+json",
    "application/fhir json",
    "application/json+fhir",
    "application/json fhir",
    "text/json",
];
const ANY: [&str; 2] = ["*/*", "application/*"];

/// Whether `_format` asks for what this server writes.
pub fn is_json(format: &str) -> bool {
    FORMATS.contains(&media_type(format).as_str())
}

/// Answers 406 to who wants resources in another format. `_format` goes before `Accept`.
pub async fn json_alone(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if serves_resources(request.path()) && !takes_json(&request) {
        let text = "this FHIR server writes JSON alone: `Accept: application/fhir+json`";
        let refused = outcome(StatusCode::NOT_ACCEPTABLE, "not-supported", text);
        return Ok(request.into_response(refused).map_into_boxed_body());
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn takes_json(request: &ServiceRequest) -> bool {
    let mut formats = form_urlencoded::parse(request.query_string().as_bytes()).filter(|(name, _)| name == "_format");
    if let Some((_, format)) = formats.next() {
        return is_json(&format) && formats.all(|(_, other)| is_json(&other));
    }
    let headers = request.headers().get_all(ACCEPT).map(|value| value.to_str().unwrap_or_default());
    let ranges = headers.flat_map(|value| value.split(',')).filter(|range| !range.trim().is_empty());
    let mut ranges = ranges.peekable();
    ranges.peek().is_none()
        || ranges.any(|range| (is_json(range) || ANY.contains(&media_type(range).as_str())) && !is_refused(range))
}

fn media_type(range: &str) -> String {
    range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// `;q=0`
fn is_refused(range: &str) -> bool {
    let quality = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    quality.and_then(|quality| quality.parse::<f32>().ok()).is_some_and(|quality| quality <= 0.0)
}
