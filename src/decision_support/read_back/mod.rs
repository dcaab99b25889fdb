//! Reading from the EHR's FHIR server what did not come with a call (CDS Hooks 2.0, "FHIR Resource Access").
//!
//! Owns which server may be read, the queries, paging, limits and the one deadline of a call. What comes is put in place
//! of the prefetch key that it was missing under, as one Bundle, and is then read like any prefetch. Never writes, never
//! follows a link to another host, never sends a token to a server that the client is not configured for.

mod address;
mod fetch;
mod query;

pub use address::FhirBase;
pub use fetch::FhirReader;
pub use query::{Unfilled, fill};

use super::prefetch::PrefetchKey;
use super::protocol::{AccessToken, Context};
use futures_util::future::join_all;
use jiff::civil::Date;
use std::time::Instant;

/// What is to be read for one call.
pub struct Wanted {
    pub base: FhirBase,
    pub token: Option<AccessToken>,
    /// Declared keys that did not come, or not whole, each with its query.
    pub queries: Vec<(String, String)>,
}

/// What became of one key.
#[derive(Debug)]
pub struct ReadKey {
    pub key: String,
    /// A resource, or a Bundle of all pages that could be read; one with a `next` link where there were more.
    pub document: Result<String, Unread>,
}

/// Why a key could not be read back. Names nothing that the server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unread {
    #[error("the FHIR server did not answer in time")]
    TooLate,
    #[error("the FHIR server could not be reached")]
    Unreachable,
    #[error("the FHIR server refused the token")]
    Refused,
    #[error("the FHIR server has no such resource")]
    NotThere,
    #[error("the FHIR server answered with an error")]
    Failed,
    #[error("the FHIR server's answer was no FHIR or too large")]
    Misshapen,
}

impl Unread {
    /// For metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLate => "too-late",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::NotThere => "not-there",
            Self::Failed => "failed",
            Self::Misshapen => "misshapen",
        }
    }
}

/// The queries of keys that can be filled from this context. A key that cannot stays missing.
pub fn queries(keys: &[&PrefetchKey], context: &Context, today: Date) -> Vec<(String, String)> {
    let filled = |key: &&PrefetchKey| Some((key.key.clone(), fill(&key.template, context, today).ok()?));
    keys.iter().filter_map(filled).collect()
}

/// Reads every query at once; each ends by the deadline.
pub async fn read_back(reader: &FhirReader, wanted: Wanted, deadline: Instant) -> Vec<ReadKey> {
    let Wanted { base, token, queries } = &wanted;
    let budget = reader.budget();
    let reads = queries.iter().map(|(key, query)| {
        let budget = &budget;
        async move {
            let read = reader.read(base, query, token.as_ref(), budget);
            let document = match tokio::time::timeout_at(deadline.into(), read).await {
                Ok(document) => document,
                Err(_) => Err(Unread::TooLate),
            };
            ReadKey { key: key.clone(), document }
        }
    });
    join_all(reads).await
}
