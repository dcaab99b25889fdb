//! One query, all of its pages: quickly, within limits, as one document.

use super::Unread;
use super::address::FhirBase;
use super::backend::BackendTokens;
use crate::platform::settings::FhirLimits;
use crate::trust::{AccessToken, OwnKeys};
use awc::Client;
use awc::error::SendRequestError;
use awc::http::StatusCode;
use awc::http::header::{ACCEPT, AUTHORIZATION};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use url::Url;

/// Once more after a failure that a moment may cure; reading changes nothing, so asking twice is safe.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads from FHIR servers. Shared by all calls of the process, so that its limits hold for all.
pub struct FhirReader {
    pub limits: FhirLimits,
    pub(super) tokens: BackendTokens,
    turns: Arc<Semaphore>,
}

/// Bytes that one call may still read.
pub struct Budget(AtomicUsize);

thread_local! {
    /// The client library lives on one thread; each web worker keeps its own connections.
    static CLIENT: Client = Client::builder().disable_redirects().disable_timeout().finish();
}

/// A page as far as it is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow)]
    resource_type: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    entry: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    link: Vec<Link<'a>>,
    #[serde(default)]
    total: Option<u32>,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow, default)]
    relation: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    url: std::borrow::Cow<'a, str>,
}

/// All pages as one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    resource_type: &'static str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<[Next; 1]>,
    entry: Vec<&'a RawValue>,
}

/// Says that there is more, and not where.
#[derive(Serialize)]
struct Next {
    relation: &'static str,
    url: &'static str,
}

impl FhirReader {
    pub fn new(limits: FhirLimits) -> Self {
        Self { limits, tokens: BackendTokens::default(), turns: Arc::new(Semaphore::new(limits.requests)) }
    }

    /// With our own keys, which tokens of our own are asked for with.
    pub fn with_keys(mut self, keys: Option<Arc<OwnKeys>>) -> Self {
        self.tokens.keys = keys;
        self
    }

    /// A fresh allowance for one call.
    pub fn budget(&self) -> Budget {
        Budget(AtomicUsize::new(self.limits.bytes))
    }

    /// The resource or the Bundle of all pages that a query finds.
    ///
    /// # Errors
    /// Only where not even the first page came: what came is kept, and marked as not all.
    pub async fn read(
        &self,
        base: &FhirBase,
        query: &str,
        token: Option<&AccessToken>,
        budget: &Budget,
    ) -> Result<String, Unread> {
        let is_read = query.contains('/') && !query.contains('?');
        let mut next = Some(base.query(query).ok_or(Unread::Misshapen)?);
        let mut pages: Vec<String> = Vec::new();
        while let Some(address) = next.take().filter(|_| pages.len() < self.limits.pages) {
            let page = match self.page(&address, token, budget).await {
                Ok(page) => page,
                Err(unread) if pages.is_empty() => return Err(unread),
                // The pages before hold a link that was not followed to its end: the key stays in part.
                Err(_) => break,
            };
            let seen: Page<'_> = serde_json::from_str(&page).map_err(|_| Unread::Misshapen)?;
            // A read brings a resource and a search a Bundle; an answer of the other kind says nothing.
            if (seen.resource_type == "Bundle") == is_read {
                return Err(Unread::Misshapen);
            }
            if is_read {
                return Ok(page);
            }
            next = next_of(&seen).and_then(|link| base.link(link)).filter(|link| *link != address);
            pages.push(page);
        }
        joined(&pages)
    }

    /// One answer.
    async fn page(&self, address: &Url, token: Option<&AccessToken>, budget: &Budget) -> Result<String, Unread> {
        let _turn = self.turns.acquire().await.map_err(|_| Unread::Unreachable)?;
        match ask(address, token, budget).await {
            Err(Unread::Unreachable | Unread::Failed) => {
                tokio::time::sleep(PAUSE).await;
                ask(address, token, budget).await
            }
            other => other,
        }
    }
}

async fn ask(address: &Url, token: Option<&AccessToken>, budget: &Budget) -> Result<String, Unread> {
    let mut request =
        CLIENT.with(|client| client.get(address.as_str())).insert_header((ACCEPT, "application/fhir+json"));
    if let Some(token) = token {
        request = request.insert_header((AUTHORIZATION, format!("Bearer {}", token.reveal())));
    }
    let mut answer = request.send().await.map_err(|error| match error {
        SendRequestError::Timeout => Unread::TooLate,
        _ => Unread::Unreachable,
    })?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(Unread::Refused),
        StatusCode::FORBIDDEN => return Err(Unread::Forbidden),
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(Unread::NotThere),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => return Err(Unread::Failed),
        // A redirection too: settings name the server, no answer does.
        _ => return Err(Unread::Misshapen),
    }
    let mut body = Vec::new();
    while let Some(part) = answer.next().await {
        let part = part.map_err(|_| Unread::Unreachable)?;
        budget.take(part.len())?;
        body.extend_from_slice(&part);
    }
    String::from_utf8(body).map_err(|_| Unread::Misshapen)
}

impl Budget {
    /// Takes bytes as they arrive: answers that come at the same time share what is left.
    fn take(&self, bytes: usize) -> Result<(), Unread> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| Unread::Misshapen)
    }
}

fn next_of<'a>(page: &'a Page<'_>) -> Option<&'a str> {
    page.link.iter().find(|link| link.relation == "next").map(|link| &*link.url)
}

/// One Bundle of all pages. Where the last has a next one, so has the whole.
fn joined(pages: &[String]) -> Result<String, Unread> {
    let read: Result<Vec<Page<'_>>, _> = pages.iter().map(|page| serde_json::from_str(page)).collect();
    let read = read.map_err(|_| Unread::Misshapen)?;
    let more = read.last().is_some_and(|last| next_of(last).is_some());
    let whole = Whole {
        resource_type: "Bundle",
        r#type: "searchset",
        total: read.iter().find_map(|page| page.total),
        link: more.then_some([Next { relation: "next", url: "" }]),
        entry: read.iter().flat_map(|page| page.entry.iter().copied()).collect(),
    };
    serde_json::to_string(&whole).map_err(|_| Unread::Misshapen)
}
