//! Reads a JWK Set from the one address that the settings name: quickly, whole and small, or not at all.

use super::key_set::KeySet;
use awc::error::PayloadError;
use awc::http::StatusCode;
use awc::http::header::ACCEPT;
use std::time::Duration;

/// How long name, connection and body may take together.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest key set, in bytes.
const MOST_BYTES: usize = 512 * 1024;

/// Why there is no key set.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("no whole answer within 2 s")]
    TooSlow,
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// A redirection too: the settings name the place, no answer does.
    #[error("it answered {0} instead of 200")]
    Status(u16),
    #[error("the answer is larger than 512 KiB")]
    TooLarge,
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("the answer is no JWK Set: a JSON object with a list `keys`")]
    NotAKeySet,
}

/// Fetches once. Runs on a web worker, where the client library lives.
pub async fn fetch(url: &str) -> Result<KeySet, FetchError> {
    tokio::time::timeout(PATIENCE, read(url)).await.unwrap_or(Err(FetchError::TooSlow))
}

async fn read(url: &str) -> Result<KeySet, FetchError> {
    let client = awc::Client::builder().disable_redirects().timeout(PATIENCE).finish();
    let asked = client.get(url).insert_header((ACCEPT, "application/jwk-set+json, application/json")).send().await;
    let mut answer = asked.map_err(|error| FetchError::Unreachable(error.to_string()))?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let body = answer.body().limit(MOST_BYTES).await.map_err(|error| match error {
        PayloadError::Overflow => FetchError::TooLarge,
        other => FetchError::Broken(other.to_string()),
    })?;
    KeySet::read(&body).ok_or(FetchError::NotAKeySet)
}
