//! One HTTP exchange with a CDS service: signed, sent, read to its end, and written into the journal.

use super::token::token_of_call;
use super::{CallError, browser};
use crate::platform::clock;
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::twin::{Direction, Recorded, Response, Snapshot, Switches};
use awc::Client;
use awc::http::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Longer than any service should take, so that a slow one is seen as slow and not as broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const LARGEST_ANSWER: usize = 8 << 20;

/// What an exchange is about, for the journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    pub hook: Option<&'a str>,
    pub service: Option<&'a str>,
    pub patient: Option<&'a str>,
}

/// A request on its way.
pub struct Outgoing<'a> {
    pub kind: Direction,
    pub url: String,
    /// JSON; a `GET` without.
    pub body: Option<String>,
    pub about: About<'a>,
    pub switches: &'a Switches,
    /// The call's token has ended.
    pub expired: bool,
    pub signs: bool,
}

/// An HTTP answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub took: Duration,
    /// `X-Prodrome-Cache`
    pub cache: Option<String>,
    pub body: Vec<u8>,
}

/// What the server said to feedback.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub url: String,
    pub status: u16,
    pub took: Duration,
}

/// Sends one request: its number in the journal, and the answer.
pub async fn send(ehr: &SandboxEhr, client: &Client, outgoing: Outgoing<'_>) -> (u64, Result<Answer, CallError>) {
    let Outgoing { kind, mut url, body, about, switches, expired, signs } = outgoing;
    let text = |text: Option<&str>| text.map(str::to_owned);
    let token = (signs && switches.signs).then(|| token_of_call(ehr, &url, switches, expired)).flatten();
    if switches.trailing_slash {
        url.push('/');
    }
    let mut recorded = Recorded {
        number: 0,
        at: clock::now().to_string(),
        kind,
        hook: text(about.hook),
        service: text(about.service),
        patient: text(about.patient),
        method: if body.is_some() { "POST" } else { "GET" },
        url: url.clone(),
        headers: Vec::new(),
        token: token.as_ref().map(|(_, said)| said.clone()),
        body: body.clone().unwrap_or_default(),
        response: None,
        problems: Vec::new(),
        took_ms: 0.0,
    };
    if switches.production && !url.starts_with("https://") {
        let refused = CallError::NotHttps(url);
        recorded.problems.push(refused.to_string());
        return (ehr.journal.keep(recorded), Err(refused));
    }
    let mut request = if body.is_some() { client.post(&url) } else { client.get(&url) };
    request = request.timeout(PATIENCE);
    if let Some((token, _)) = &token {
        request = request.bearer_auth(token);
    }
    let mut packed = body.clone().unwrap_or_default().into_bytes();
    if body.is_some() {
        recorded.headers.push(("content-type".to_owned(), switches.content_type.clone()));
        if switches.gzip
            && let Some(smaller) = gzipped(&packed)
        {
            packed = smaller;
            recorded.headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
        }
    }
    if let Some(accept) = &switches.accept {
        recorded.headers.push(("accept".to_owned(), accept.clone()));
    }
    if switches.from_browser {
        recorded.headers.push(("origin".to_owned(), ehr.page_base.clone()));
        let names = asked_for(&recorded.headers, token.is_some());
        if let Err(barred) = browser::preflight(client, (recorded.method, &url), &ehr.page_base, &names).await {
            recorded.problems.push(barred.to_string());
            return (ehr.journal.keep(recorded), Err(barred));
        }
    }
    for (name, value) in &recorded.headers {
        request = request.insert_header((name.as_str(), value.as_str()));
    }
    let start = Instant::now();
    let sending = if body.is_some() { request.send_body(packed) } else { request.send() };
    let answer = read(&url, sending, start, switches.from_browser.then_some(&*ehr.page_base)).await;
    recorded.took_ms = start.elapsed().as_secs_f64() * 1000.0;
    match &answer {
        Ok((answer, headers)) => {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            recorded.response = Some(Response { status: answer.status, headers: headers.clone(), body });
        }
        Err(error) => recorded.problems.push(error.to_string()),
    }
    (ehr.journal.keep(recorded), answer.map(|(answer, _)| answer))
}

/// Headers that a browser asks for beforehand, in its order.
fn asked_for(headers: &[(String, String)], signed: bool) -> Vec<&str> {
    let plain = ["accept", "origin"];
    let sent = headers.iter().map(|(name, _)| &**name).filter(|name| !plain.contains(name));
    let mut names: Vec<&str> = sent.chain(signed.then_some("authorization")).collect();
    names.sort_unstable();
    names
}

/// `origin`: of the page in a browser that wants to read the answer.
async fn read(
    url: &str,
    sending: awc::SendClientRequest,
    start: Instant,
    origin: Option<&str>,
) -> Result<(Answer, Vec<(String, String)>), CallError> {
    let mut answer = sending.await.map_err(|error| CallError::Unreachable(url.to_owned(), error.to_string()))?;
    if let Some(origin) = origin {
        browser::readable(answer.headers(), url, origin)?;
    }
    let body = answer.body().limit(LARGEST_ANSWER).await;
    let body = body.map_err(|error| CallError::Misshapen(url.to_owned(), error.to_string()))?.to_vec();
    let headers = named(answer.headers());
    let cache = headers.iter().find(|(name, _)| name == "x-prodrome-cache").map(|(_, value)| value.clone());
    Ok((Answer { status: answer.status().as_u16(), took: start.elapsed(), cache, body }, headers))
}

fn named(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &awc::http::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn gzipped(body: &[u8]) -> Option<Vec<u8>> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(body).ok()?;
    packed.finish().ok()
}

/// Tells a service what became of cards.
pub async fn send_feedback(
    ehr: &SandboxEhr,
    client: &Client,
    service_url: &str,
    (service, desk): (&str, &Snapshot),
    body: &Value,
) -> Result<Receipt, CallError> {
    let url = format!("{service_url}/feedback");
    let outgoing = || Outgoing {
        kind: Direction::Feedback,
        url: url.clone(),
        body: Some(body.to_string()),
        about: About { service: Some(service), ..About::default() },
        switches: &desk.switches,
        expired: desk.faults.expired_call_token,
        signs: true,
    };
    let (_, mut answer) = send(ehr, client, outgoing()).await;
    if desk.switches.repeats {
        (_, answer) = send(ehr, client, outgoing()).await;
    }
    let answer = answer?;
    if !(200..300).contains(&answer.status) {
        return Err(answer.refusal(&url));
    }
    Ok(Receipt { url, status: answer.status, took: answer.took })
}

impl Answer {
    pub fn accepted<T: DeserializeOwned>(&self, url: &str) -> Result<T, CallError> {
        if self.status != 200 {
            return Err(self.refusal(url));
        }
        serde_json::from_slice(&self.body).map_err(|error| CallError::Misshapen(url.to_owned(), error.to_string()))
    }

    fn refusal(&self, url: &str) -> CallError {
        match self.status {
            301 | 302 | 303 | 307 | 308 => CallError::Redirected(url.to_owned(), self.status),
            status => CallError::Refused(url.to_owned(), status, diagnosis(&self.body)),
        }
    }
}

/// What an OperationOutcome says, or the start of any other body.
fn diagnosis(body: &[u8]) -> String {
    let outcome: Value = serde_json::from_slice(body).unwrap_or_default();
    let issue = &outcome["issue"][0];
    let said = issue["details"]["text"].as_str().or_else(|| issue["diagnostics"].as_str());
    said.map(str::to_owned).unwrap_or_else(|| String::from_utf8_lossy(body).chars().take(300).collect())
}
