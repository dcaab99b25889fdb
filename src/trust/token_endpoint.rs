//! One request to an EHR's token endpoint (RFC 6749, section 3.2) or to one that ends tokens (RFC 7009): a form there, JSON
//! or nothing back, within limits.
//!
//! Asks only the address it is told, follows no redirection, and repeats nothing of an answer but the known words for
//! errors.

use awc::Client;
use awc::error::PayloadError;
use awc::http::StatusCode;
use awc::http::header::{ACCEPT, AUTHORIZATION};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same where somebody waits for nothing but politeness.
const BRIEF: Duration = Duration::from_secs(2);
const MOST_BYTES: usize = 64 * 1024;
/// `client_assertion_type` of a client that signs (RFC 7523).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What such an endpoint may say (RFC 6749, section 5.2; RFC 7009, section 2.2.1); anything else it says is not repeated.
const ERRORS: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "unsupported_token_type",
];

thread_local! {
    /// The client library lives on one thread; each web worker keeps its own connections.
    static CLIENT: Client = Client::builder().disable_redirects().disable_timeout().finish();
}

/// Why such an endpoint gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenEndpointError {
    #[error("the authorization server gave no whole answer in time")]
    TooSlow,
    #[error("the authorization server cannot be reached")]
    Unreachable,
    #[error("the authorization server answered {status} {code}")]
    Refused { status: u16, code: &'static str },
    #[error("the authorization server's answer has not the shape of a token response")]
    Misshapen,
}

/// Sends a form, with this Authorization header if there is one. Runs on a web worker, where the client library lives.
///
/// # Errors
/// When nothing whole came in time, or a refusal.
pub async fn ask<T: DeserializeOwned>(
    url: &str,
    form: &[(&str, &str)],
    authorization: Option<&str>,
) -> Result<T, TokenEndpointError> {
    let answer = timeout(PATIENCE, send(url, form, authorization)).await.unwrap_or(Err(TokenEndpointError::TooSlow));
    serde_json::from_slice(&answer?).map_err(|_| TokenEndpointError::Misshapen)
}

/// Sends a form whose answer is no more than a yes. Runs on a web worker, where the client library lives.
///
/// # Errors
/// When nothing came within two seconds, or a refusal.
pub async fn tell(url: &str, form: &[(&str, &str)], authorization: Option<&str>) -> Result<(), TokenEndpointError> {
    let answer = timeout(BRIEF, send(url, form, authorization)).await.unwrap_or(Err(TokenEndpointError::TooSlow));
    answer.map(drop)
}

async fn send(url: &str, form: &[(&str, &str)], authorization: Option<&str>) -> Result<Vec<u8>, TokenEndpointError> {
    let mut request = CLIENT.with(|client| client.post(url)).insert_header((ACCEPT, "application/json"));
    if let Some(authorization) = authorization {
        request = request.insert_header((AUTHORIZATION, authorization));
    }
    let mut answer = request.send_form(&form).await.map_err(|_| TokenEndpointError::Unreachable)?;
    let status = answer.status();
    let body = answer.body().limit(MOST_BYTES).await.map_err(|error| match error {
        PayloadError::Overflow => TokenEndpointError::Misshapen,
        _ => TokenEndpointError::Unreachable,
    })?;
    if status != StatusCode::OK {
        return Err(TokenEndpointError::Refused { status: status.as_u16(), code: code_of(&body) });
    }
    Ok(body.to_vec())
}

/// The known error that a refusal names.
fn code_of(body: &[u8]) -> &'static str {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let said = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.error).unwrap_or_default();
    ERRORS.into_iter().find(|known| *known == said).unwrap_or("without a known error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_token_endpoint_says_only_known_words_are_repeated() {
        assert_eq!(code_of(br#"{"error": "invalid_client", "error_description": "x"}"#), "invalid_client");
        for odd in [&br#"{"error": "secret"}"#[..], b"<html>", b""] {
            assert_eq!(code_of(odd), "without a known error");
        }
    }
}
