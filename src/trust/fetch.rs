//! Reads a document, a JWK Set above all, from an address that the settings lead to: quickly, whole and small, or not at
//! all.

use super::key_set::KeySet;
use awc::error::PayloadError;
use awc::http::StatusCode;
use awc::http::header::{ACCEPT, CACHE_CONTROL};
use std::time::Duration;

/// How long name, connection and body may take together.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest document, in bytes.
const MOST_BYTES: usize = 512 * 1024;

/// Why there is no document.
#[derive(Clone, Debug, thiserror::Error)]
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

/// A document and what its server says of keeping it.
pub struct Document {
    pub body: Vec<u8>,
    /// The value of `Cache-Control`.
    pub cache_control: Option<String>,
}

/// Fetches a key set, once. Runs on a web worker, where the client library lives.
pub async fn fetch(url: &str) -> Result<KeySet, FetchError> {
    let document = document(url, "application/jwk-set+json, application/json").await?;
    KeySet::read(&document.body).ok_or(FetchError::NotAKeySet)
}

/// Fetches a document of these media types, once.
pub async fn document(url: &str, accept: &str) -> Result<Document, FetchError> {
    tokio::time::timeout(PATIENCE, read(url, accept)).await.unwrap_or(Err(FetchError::TooSlow))
}

async fn read(url: &str, accept: &str) -> Result<Document, FetchError> {
    let client = awc::Client::builder().disable_redirects().timeout(PATIENCE).finish();
    let asked = client.get(url).insert_header((ACCEPT, accept)).send().await;
    let mut answer = asked.map_err(|error| FetchError::Unreachable(error.to_string()))?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let body = answer.body().limit(MOST_BYTES).await.map_err(|error| match error {
        PayloadError::Overflow => FetchError::TooLarge,
        other => FetchError::Broken(other.to_string()),
    })?;
    let cache_control = answer.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Document { body: body.to_vec(), cache_control })
}
