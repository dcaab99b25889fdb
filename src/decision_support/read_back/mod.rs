//! Reading from the EHR's FHIR server what did not come with a call (CDS Hooks 2.0, "FHIR Resource Access").
//!
//! Owns which server may be read, the queries, paging, limits and the one deadline of a call. What comes is put in place
//! of the prefetch key that it was missing under, as one Bundle, and is then read like any prefetch. Never writes, never
//! follows a link to another host, never sends a token to a server that the client is not configured for.

mod address;
mod backend;
mod fetch;
mod query;
mod turns;

pub use address::FhirBase;
pub use fetch::FhirReader;
pub use query::{Unfilled, fill};

use super::prefetch::PrefetchKey;
use super::protocol::Context;
use crate::platform::settings::Backend;
use crate::trust::AccessToken;
use fetch::Budget;
use futures_util::future::join_all;
use jiff::civil::Date;
use std::sync::Arc;
use std::time::Instant;
use url::Url;

/// What is to be read for one call.
pub struct Wanted {
    pub base: FhirBase,
    pub leave: Leave,
    pub queries: Vec<KeyQuery>,
}

/// A declared key that did not come, or not whole.
pub struct KeyQuery {
    pub key: String,
    /// `Type/id` or `Type?search`, relative to the server's base.
    pub query: String,
    /// Where it came up to a page whose next one can be read.
    pub after: Option<SentPage>,
}

/// A page that came with the call.
pub struct SentPage {
    /// A Bundle.
    pub page: String,
    /// Where the next page is; within the server's base.
    pub next: Url,
}

/// By what right a FHIR server is read.
pub enum Leave {
    /// It asks for no token.
    Open,
    /// A token that came with the call, not used after this moment.
    Given { token: AccessToken, until: Instant },
    /// A token of our own.
    Backend(Arc<Backend>),
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
    #[error("the token does not cover this at the FHIR server")]
    Forbidden,
    #[error("no token of our own could be had for the FHIR server")]
    NoToken,
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
            Self::Forbidden => "forbidden",
            Self::NoToken => "no-token",
            Self::NotThere => "not-there",
            Self::Failed => "failed",
            Self::Misshapen => "misshapen",
        }
    }
}

/// The queries of keys that can be filled from this context. A key that cannot stays missing.
pub fn queries(keys: &[&PrefetchKey], context: &Context, today: Date) -> Vec<KeyQuery> {
    let filled = |key: &&PrefetchKey| {
        let query = fill(&key.template, context, today).ok()?;
        Some(KeyQuery { key: key.key.clone(), query, after: None })
    };
    keys.iter().filter_map(filled).collect()
}

/// Reads every query at once; each ends by the deadline, with the pages that came by then.
pub async fn read_back(reader: &FhirReader, wanted: Wanted, deadline: Instant) -> Vec<ReadKey> {
    let Wanted { base, leave, queries } = &wanted;
    let (token, deadline) = match leave {
        Leave::Open => (None, deadline),
        Leave::Given { token, until } => (Some(token.clone()), deadline.min(*until)),
        Leave::Backend(backend) => match reader.tokens.token(backend, base, deadline).await {
            Some(token) => (Some(token), deadline),
            None => return queries.iter().map(|one| ReadKey::without_token(&one.key)).collect(),
        },
    };
    let budget = reader.budget(deadline);
    let reads = queries.iter().map(|one| {
        let (budget, token) = (&budget, token.as_ref());
        async move { ReadKey { key: one.key.clone(), document: read_key(reader, base, one, token, budget).await } }
    });
    let read: Vec<ReadKey> = join_all(reads).await;
    if let (Leave::Backend(backend), Some(token)) = (leave, &token)
        && read.iter().any(|one| one.document.as_ref().is_err_and(|unread| *unread == Unread::Refused))
    {
        reader.tokens.forget(backend, base, token);
    }
    read
}

/// What came is read on from its next page. A link that leads nowhere any more, as links do after a while, is no loss: the
/// query is asked anew.
async fn read_key(
    reader: &FhirReader,
    base: &FhirBase,
    wanted: &KeyQuery,
    token: Option<&AccessToken>,
    budget: &Budget,
) -> Result<String, Unread> {
    if let Some(page) = &wanted.after {
        match reader.read_on(base, page, token, budget).await {
            Err(Unread::NotThere | Unread::Failed | Unread::Misshapen) => {}
            other => return other,
        }
    }
    reader.read(base, &wanted.query, token, budget).await
}

impl ReadKey {
    fn without_token(key: &str) -> Self {
        Self { key: key.to_owned(), document: Err(Unread::NoToken) }
    }
}
