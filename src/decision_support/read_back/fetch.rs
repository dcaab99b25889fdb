//! One query, all of its pages: quickly, within limits, as one document.

use super::address::FhirBase;
use super::backend::BackendTokens;
use super::turns::Turns;
use super::{SentPage, Unread};
use crate::platform::settings::FhirLimits;
use crate::trust::{AccessToken, OwnKeys};
use awc::error::SendRequestError;
use awc::http::StatusCode;
use awc::http::header::{ACCEPT, AUTHORIZATION};
use awc::{Client, Connector};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout_at;
use url::Url;

/// Once more after a failure that a moment may cure; reading changes nothing, so asking twice is safe.
const PAUSE: Duration = Duration::from_millis(100);

/// Reads from FHIR servers. Shared by all calls of the process, so that its limits hold for all.
pub struct FhirReader {
    pub limits: FhirLimits,
    pub(super) tokens: BackendTokens,
    turns: Turns,
}

/// What one call may still take: bytes, and time until a deadline.
pub struct Budget {
    bytes: AtomicUsize,
    deadline: Instant,
}

thread_local! {
    /// The client library lives on one thread; each web worker keeps its own connections. How many there are is settled
    /// for each server by [`Turns`]: a limit over all of them would let one server take every place.
    static CLIENT: Client =
        Client::builder().connector(Connector::new().limit(0)).disable_redirects().disable_timeout().finish();
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
        Self { limits, tokens: BackendTokens::default(), turns: Turns::new(limits.requests) }
    }

    /// With our own keys, which tokens of our own are asked for with.
    pub fn with_keys(mut self, keys: Option<Arc<OwnKeys>>) -> Self {
        self.tokens.keys = keys;
        self
    }

    /// A fresh allowance for one call.
    pub fn budget(&self, deadline: Instant) -> Budget {
        Budget { bytes: AtomicUsize::new(self.limits.bytes), deadline }
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
        let address = base.query(query).ok_or(Unread::Misshapen)?;
        let first = self.page(base, &address, token, budget).await?;
        let is_bundle = Page::of(&first)?.is_bundle();
        // A read brings a resource and a search a Bundle; an answer of the other kind says nothing.
        match query.contains('/') && !query.contains('?') {
            true if !is_bundle => Ok(first),
            false if is_bundle => {
                let next = next_after(base, &first, &address)?;
                self.follow(base, vec![first], next, token, budget).await
            }
            _ => Err(Unread::Misshapen),
        }
    }

    /// The Bundle of a page that came with the call and of all that follow it.
    ///
    /// # Errors
    /// Where not even the next page came, or what came with the call is no page.
    pub async fn read_on(
        &self,
        base: &FhirBase,
        sent: &SentPage,
        token: Option<&AccessToken>,
        budget: &Budget,
    ) -> Result<String, Unread> {
        let second = self.page(base, &sent.next, token, budget).await?;
        if !Page::of(&sent.page)?.is_bundle() || !Page::of(&second)?.is_bundle() {
            return Err(Unread::Misshapen);
        }
        let next = next_after(base, &second, &sent.next)?;
        self.follow(base, vec![sent.page.clone(), second], next, token, budget).await
    }

    /// These pages and those that follow. Where one cannot be had, or not in time, the pages before it hold a link that was
    /// not followed to its end: the key stays in part.
    async fn follow(
        &self,
        base: &FhirBase,
        mut pages: Vec<String>,
        mut next: Option<Url>,
        token: Option<&AccessToken>,
        budget: &Budget,
    ) -> Result<String, Unread> {
        while let Some(address) = next.take().filter(|_| pages.len() < self.limits.pages) {
            let Ok(page) = self.page(base, &address, token, budget).await else { break };
            if !Page::of(&page).is_ok_and(|page| page.is_bundle()) {
                break;
            }
            next = next_after(base, &page, &address)?;
            pages.push(page);
        }
        joined(&pages)
    }

    /// One answer by the deadline.
    async fn page(
        &self,
        base: &FhirBase,
        address: &Url,
        token: Option<&AccessToken>,
        budget: &Budget,
    ) -> Result<String, Unread> {
        let page = self.page_at_last(base, address, token, budget);
        timeout_at(budget.deadline.into(), page).await.unwrap_or(Err(Unread::TooLate))
    }

    /// Of two tries each waits for its turn, and nobody waits for the pause between them.
    async fn page_at_last(
        &self,
        base: &FhirBase,
        address: &Url,
        token: Option<&AccessToken>,
        budget: &Budget,
    ) -> Result<String, Unread> {
        match self.ask_in_turn(base, address, token, budget).await {
            Err(Unread::Unreachable | Unread::Failed) => {
                tokio::time::sleep(PAUSE).await;
                self.ask_in_turn(base, address, token, budget).await
            }
            other => other,
        }
    }

    async fn ask_in_turn(
        &self,
        base: &FhirBase,
        address: &Url,
        token: Option<&AccessToken>,
        budget: &Budget,
    ) -> Result<String, Unread> {
        let _turn = self.turns.take(base).await?;
        ask(address, token, budget).await
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
        let taken = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| Unread::Misshapen)
    }
}

impl<'a> Page<'a> {
    fn of(text: &'a str) -> Result<Self, Unread> {
        serde_json::from_str(text).map_err(|_| Unread::Misshapen)
    }

    fn is_bundle(&self) -> bool {
        self.resource_type == "Bundle"
    }

    fn next(&self) -> Option<&str> {
        self.link.iter().find(|link| link.relation == "next").map(|link| &*link.url)
    }
}

/// The page after this one, which stood at `address`; `None` where there is none that may be asked for.
fn next_after(base: &FhirBase, page: &str, address: &Url) -> Result<Option<Url>, Unread> {
    Ok(Page::of(page)?.next().and_then(|link| base.link(link)).filter(|link| link != address))
}

/// One Bundle of all pages. Where the last has a next one, so has the whole.
fn joined(pages: &[String]) -> Result<String, Unread> {
    let read = pages.iter().map(|page| Page::of(page)).collect::<Result<Vec<_>, _>>()?;
    let more = read.last().is_some_and(|last| last.next().is_some());
    let whole = Whole {
        resource_type: "Bundle",
        r#type: "searchset",
        total: read.iter().find_map(|page| page.total),
        link: more.then_some([Next { relation: "next", url: "" }]),
        entry: read.iter().flat_map(|page| page.entry.iter().copied()).collect(),
    };
    serde_json::to_string(&whole).map_err(|_| Unread::Misshapen)
}
