//! The client side of CDS Hooks: discovers services, fills their prefetch, fires `patient-view`, sends feedback. Calls and
//! feedback are signed, discovery is not.
//!
//! Talks to the server over HTTP like any EHR and knows nothing else of it.

use super::card::{Card, HookResponse};
use super::chart::{Chart, Resource};
use super::practitioners::ON_DUTY;
use super::search::{self, Context, Found, Unfilled};
use super::searchset::{Link, Searchset};
use super::{CDS_SERVICE, SandboxEhr};
use crate::platform::clock;
use awc::Client;
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a service may read during a call, and how long.
const LEAVE: &str = "patient/*.rs";
const LEAVE_ENDS: Duration = Duration::from_secs(60);
/// Longer than any service should take, so that a slow one is seen as slow and not as broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const LARGEST_ANSWER: usize = 8 << 20;

/// Why a call gave nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the decision support server at {0} does not answer: {1}")]
    Unreachable(String, String),
    #[error("{0} answered {1}: {2}")]
    Refused(String, u16, String),
    #[error("the answer of {0} is not what CDS Hooks prescribes: {1}")]
    Misshapen(String, String),
    #[error("the server offers no service for patient-view")]
    NoService,
    #[error("the request could not be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

/// One entry of the discovery document.
#[derive(Clone, Debug, Deserialize)]
pub struct Service {
    pub id: String,
    pub hook: String,
    pub title: Option<String>,
    /// Key to template; the service decides the order, which means nothing without dependencies between keys.
    #[serde(default)]
    pub prefetch: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Discovery {
    services: Vec<Service>,
}

/// One prefetch key and what became of its template.
pub struct Filled<'a> {
    pub key: String,
    pub query: String,
    pub found: Result<Found<'a>, Unfilled>,
    /// The FHIR server that would have answered, without a final slash.
    server: String,
}

/// A `patient-view` request, ready to be sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HookRequest<'a> {
    hook: &'static str,
    hook_instance: uuid::Uuid,
    fhir_server: String,
    fhir_authorization: FhirAuthorization<'a>,
    context: HookContext<'a>,
    #[serde(serialize_with = "prefetch_object")]
    pub prefetch: Vec<Filled<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<AsOf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HookContext<'a> {
    user_id: &'static str,
    patient_id: &'a str,
}

/// Leave to read the chart from this EHR's FHIR server while the call lasts.
#[derive(Serialize)]
struct FhirAuthorization<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: &'static str,
    subject: &'static str,
    patient: &'a str,
}

/// The development extension that opens a chart in the past.
#[derive(Serialize)]
struct AsOf {
    #[serde(rename = "org.prodrome.as-of")]
    as_of: String,
}

/// A finished call: what the service said, how long it took, and whether it came from its cache.
pub struct Exchange {
    pub status: u16,
    pub took: Duration,
    /// `X-Prodrome-Cache`
    pub cache: Option<String>,
    pub cards: Vec<Card>,
    /// The whole answer, for the inspector.
    pub text: Value,
}

/// What the server said to feedback.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub url: String,
    pub status: u16,
    pub took: Duration,
}

/// The services that want to know of `patient-view`.
pub async fn discover(client: &Client, base: &str) -> Result<Vec<Service>, CallError> {
    let url = format!("{base}/cds-services");
    let answer = exchange(&url, client.get(&url).timeout(PATIENCE).send()).await?;
    let discovery: Discovery = answer.accepted(&url)?;
    let services: Vec<_> = discovery.services.into_iter().filter(|service| service.hook == "patient-view").collect();
    if services.is_empty() { Err(CallError::NoService) } else { Ok(services) }
}

/// How a chart is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// The end of this day in the past, or now.
    pub as_of: Option<Date>,
    /// No prefetch is sent: the service reads the chart back from the FHIR server.
    pub reads_back: bool,
}

/// Writes the request for one service.
pub fn request<'a>(ehr: &SandboxEhr, service: &Service, chart: &'a Chart, manner: Manner) -> HookRequest<'a> {
    let today = clock::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let context = Context { patient_id: &chart.id, user_id: ON_DUTY.reference, today };
    let fill = |(key, template): (&String, &String)| {
        let query = search::fill(template, &context);
        let found = query.clone().and_then(|query| search::run(&query, chart));
        let query = query.unwrap_or_else(|_| template.clone());
        Filled { key: key.clone(), query, found, server: ehr.fhir_base() }
    };
    HookRequest {
        hook: "patient-view",
        hook_instance: uuid::Uuid::new_v4(),
        fhir_server: ehr.fhir_base(),
        fhir_authorization: FhirAuthorization {
            access_token: ehr.give_token(LEAVE, Some(&chart.id), LEAVE_ENDS),
            token_type: "Bearer",
            expires_in: LEAVE_ENDS.as_secs(),
            scope: LEAVE,
            subject: CDS_SERVICE,
            patient: &chart.id,
        },
        context: HookContext { user_id: ON_DUTY.reference, patient_id: &chart.id },
        prefetch: service.prefetch.iter().filter(|_| !manner.reads_back).map(fill).collect(),
        extension: manner.as_of.map(|day| AsOf { as_of: format!("{day}T23:59:59Z") }),
    }
}

/// Where a service is called.
pub fn service_url(base: &str, service: &str) -> String {
    format!("{base}/cds-services/{service}")
}

/// Sends one request and reads its answer.
pub async fn fire(ehr: &SandboxEhr, client: &Client, url: String, body: String) -> Result<Exchange, CallError> {
    let answer = exchange(&url, signed(ehr, client, &url).send_body(body)).await?;
    let response: HookResponse = answer.accepted(&url)?;
    let text = answer.accepted(&url)?;
    Ok(Exchange { status: answer.status, took: answer.took, cache: answer.cache, cards: response.cards, text })
}

/// Tells a service what became of a card.
pub async fn send_feedback(
    ehr: &SandboxEhr,
    client: &Client,
    service: &str,
    body: &Value,
) -> Result<Receipt, CallError> {
    let url = format!("{}/feedback", service_url(&ehr.cds_base, service));
    let answer = exchange(&url, signed(ehr, client, &url).send_body(body.to_string())).await?;
    if !(200..300).contains(&answer.status) {
        return Err(CallError::Refused(url, answer.status, diagnosis(&answer.body)));
    }
    Ok(Receipt { url, status: answer.status, took: answer.took })
}

/// A `POST` of JSON that says who calls.
fn signed(ehr: &SandboxEhr, client: &Client, url: &str) -> awc::ClientRequest {
    let request = client.post(url).timeout(PATIENCE).content_type("application/json");
    match ehr.token_of_call(url) {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// An HTTP answer, read to its end.
struct Answer {
    status: u16,
    took: Duration,
    cache: Option<String>,
    body: Vec<u8>,
}

async fn exchange(url: &str, sending: awc::SendClientRequest) -> Result<Answer, CallError> {
    let start = Instant::now();
    let mut answer = sending.await.map_err(|error| CallError::Unreachable(url.to_owned(), error.to_string()))?;
    let body = answer.body().limit(LARGEST_ANSWER).await;
    let body = body.map_err(|error| CallError::Misshapen(url.to_owned(), error.to_string()))?.to_vec();
    let cache = answer.headers().get("x-prodrome-cache").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Answer { status: answer.status().as_u16(), took: start.elapsed(), cache, body })
}

impl Answer {
    fn accepted<T: DeserializeOwned>(&self, url: &str) -> Result<T, CallError> {
        if self.status != 200 {
            return Err(CallError::Refused(url.to_owned(), self.status, diagnosis(&self.body)));
        }
        serde_json::from_slice(&self.body).map_err(|error| CallError::Misshapen(url.to_owned(), error.to_string()))
    }
}

/// What an OperationOutcome says, or the start of any other body.
fn diagnosis(body: &[u8]) -> String {
    let outcome: Value = serde_json::from_slice(body).unwrap_or_default();
    let issue = &outcome["issue"][0];
    let said = issue["details"]["text"].as_str().or_else(|| issue["diagnostics"].as_str());
    said.map(str::to_owned).unwrap_or_else(|| String::from_utf8_lossy(body).chars().take(300).collect())
}

impl<'a> Filled<'a> {
    fn searchset(&self, found: &[&'a Resource]) -> Searchset<'a> {
        let Self { server, query, .. } = self;
        let resource_type = query.split('?').next().unwrap_or_default();
        let link = Link { relation: "self", url: format!("{server}/{query}") };
        Searchset::new(server, resource_type, found, (0, found.len()), vec![link])
    }
}

fn prefetch_object<S: Serializer>(prefetch: &[Filled], serializer: S) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(None)?;
    for filled in prefetch {
        match &filled.found {
            Ok(Found::One(one)) => object.serialize_entry(&filled.key, &one.map(|resource| &resource.body))?,
            Ok(Found::Many(many)) => object.serialize_entry(&filled.key, &filled.searchset(many))?,
            // A key that cannot be filled is left out.
            Err(_) => {}
        }
    }
    object.end()
}
