//! The strict HTTP client of a run: one timeout for all, bodies up to a limit, no redirect followed. Keeps what was
//! answered, so that every document of a run can be looked at in the end. Refuses to judge.

use awc::Client;
use awc::http::header::HeaderMap;
use awc::http::{Method, Version};
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Longer than any service should take, so that a slow one is seen as slow and not as broken.
const PATIENCE: Duration = Duration::from_secs(20);
/// The largest answer that is read.
const LARGEST_ANSWER: usize = 8 << 20;

/// One request and what came of it.
pub(crate) struct Exchange {
    /// What the request was for, in words for the report.
    pub name: String,
    /// 0 where no answer came.
    pub status: u16,
    headers: HeaderMap,
    pub body: Vec<u8>,
    json: Option<Value>,
    pub took: Duration,
    fault: Option<String>,
}

impl Exchange {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All values of a header, joined by commas.
    pub fn list(&self, name: &str) -> String {
        let values = self.headers.get_all(name).filter_map(|value| value.to_str().ok());
        values.collect::<Vec<_>>().join(", ").to_ascii_lowercase()
    }

    /// Names of headers that another answer has not, or has with another value.
    pub fn headers_that_differ(&self, other: &Self) -> Vec<String> {
        let names = self.headers.keys().chain(other.headers.keys());
        let mut differ: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
        differ.sort();
        differ.dedup();
        differ.retain(|name| self.list(name) != other.list(name));
        differ
    }

    /// The body, where it is JSON.
    pub fn json(&self) -> Option<&Value> {
        self.json.as_ref()
    }

    /// The cards of a good answer.
    pub fn cards(&self) -> &[Value] {
        let cards = self.json().filter(|_| self.status == 200).and_then(|body| body["cards"].as_array());
        cards.map_or(&[], Vec::as_slice)
    }

    /// Whether the body is an OperationOutcome with at least one issue that has severity and code.
    pub fn is_outcome(&self) -> bool {
        let Some(body) = self.json() else { return false };
        let whole = |issue: &Value| issue["severity"].is_string() && issue["code"].is_string();
        let issues = body["issue"].as_array();
        body["resourceType"] == "OperationOutcome"
            && issues.is_some_and(|issues| !issues.is_empty() && issues.iter().all(whole))
    }

    /// Whether an issue's expression names a member; a member of the body may be named with its parent or alone.
    pub fn names(&self, member: &str) -> bool {
        let Some(issues) = self.json().and_then(|body| body["issue"].as_array()) else { return false };
        let named = issues.iter().flat_map(|issue| issue["expression"].as_array().into_iter().flatten());
        named.filter_map(Value::as_str).any(|named| named == member || named.ends_with(&format!(".{member}")))
    }

    /// For the evidence: the status, or why there is none.
    pub fn seen(&self) -> String {
        match &self.fault {
            Some(fault) => format!("no answer ({fault})"),
            None => format!("status {}", self.status),
        }
    }
}

/// A request that is about to be sent.
pub(crate) struct Request<'a> {
    pub name: String,
    pub method: Method,
    pub url: String,
    pub headers: Vec<(&'a str, String)>,
    pub body: Vec<u8>,
}

/// Sends and remembers.
pub(crate) struct Sender {
    client: Client,
    log: RefCell<Vec<Rc<Exchange>>>,
}

impl Sender {
    pub fn new() -> Self {
        let client = Client::builder().timeout(PATIENCE).disable_redirects();
        Self { client: client.max_http_version(Version::HTTP_11).finish(), log: RefCell::default() }
    }

    /// Sends one request, reads its answer and remembers both. Never fails: a missing answer is an exchange of status 0.
    pub async fn send(&self, request: Request<'_>) -> Rc<Exchange> {
        let exchange = Rc::new(self.fetch(request).await);
        self.log.borrow_mut().push(exchange.clone());
        exchange
    }

    /// The same for what is no part of the protocol: a page, a picture. It is not remembered.
    pub async fn fetch(&self, request: Request<'_>) -> Exchange {
        let mut sending = self.client.request(request.method, &request.url);
        for (name, value) in request.headers {
            sending = sending.insert_header((name, value));
        }
        let start = Instant::now();
        let answer = sending.send_body(request.body).await;
        let mut exchange = Exchange {
            name: request.name,
            status: 0,
            headers: HeaderMap::new(),
            body: Vec::new(),
            json: None,
            took: start.elapsed(),
            fault: None,
        };
        match answer {
            Err(error) => exchange.fault = Some(error.to_string()),
            Ok(mut answer) => {
                let status = answer.status().as_u16();
                exchange.headers = answer.headers().clone();
                match answer.body().limit(LARGEST_ANSWER).await {
                    Ok(body) => (exchange.status, exchange.body) = (status, body.to_vec()),
                    Err(error) => exchange.fault = Some(error.to_string()),
                }
                exchange.took = start.elapsed();
                exchange.json = serde_json::from_slice(&exchange.body).ok();
            }
        }
        exchange
    }

    /// Everything answered so far, in order.
    pub fn log(&self) -> Vec<Rc<Exchange>> {
        self.log.borrow().clone()
    }
}
