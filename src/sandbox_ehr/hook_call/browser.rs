//! What stands between a page in a browser and a service (Fetch standard, "CORS protocol"): the question beforehand, and
//! whether the answer may be read. Says what a browser would, and sends no credentials with the question.

use super::CallError;
use awc::Client;
use awc::http::Method;
use awc::http::header::{self, HeaderMap, HeaderName};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const ASKS_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");

/// Asks whether a page of this origin may make a request with these headers, as a browser does.
///
/// # Errors
/// Where it may not.
pub async fn preflight(
    client: &Client,
    (method, url): (&str, &str),
    origin: &str,
    names: &[&str],
) -> Result<(), CallError> {
    let barred = |why: &str| CallError::Barred(url.to_owned(), why.to_owned());
    let request = client
        .request(Method::OPTIONS, url)
        .timeout(PATIENCE)
        .insert_header((header::ORIGIN, origin))
        .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, method))
        .insert_header((header::ACCESS_CONTROL_REQUEST_HEADERS, names.join(",")))
        .insert_header((ASKS_PRIVATE_NETWORK, "true"));
    let answer = request.send().await.map_err(|error| CallError::Unreachable(url.to_owned(), error.to_string()))?;
    if !answer.status().is_success() {
        return Err(barred("the question beforehand (OPTIONS) is not answered well"));
    }
    readable(answer.headers(), url, origin)?;
    let allowed = text(answer.headers(), &header::ACCESS_CONTROL_ALLOW_HEADERS).to_ascii_lowercase();
    let allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
    // `*` never covers Authorization.
    let missing = names.iter().find(|name| !allowed.contains(name) && (**name == "authorization" || allowed != ["*"]));
    missing.map_or(Ok(()), |name| Err(barred(&format!("Access-Control-Allow-Headers lacks {name}"))))
}

/// Whether a page of this origin may read an answer with these headers.
pub fn readable(headers: &HeaderMap, url: &str, origin: &str) -> Result<(), CallError> {
    let allowed = text(headers, &header::ACCESS_CONTROL_ALLOW_ORIGIN);
    match allowed == "*" || allowed == origin {
        true => Ok(()),
        false => Err(CallError::Barred(url.to_owned(), "Access-Control-Allow-Origin does not name it".to_owned())),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
