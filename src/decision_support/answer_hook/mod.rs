//! The spine: one hook call, from the body as received to the cards.
//!
//! Each step is a function and a span of its name. What takes a while on the processor (reading a chart of many
//! megabytes) runs on a thread that may block. The audit row is written before the answer leaves.

mod read_call;
mod remember;

use super::app_link::AppLinks;
use super::cards::{CardFacts, compose, explain};
use super::prefetch::PrefetchError;
use super::protocol::{Card, HookResponse, RequestError};
use super::read_back::{FhirBase, FhirReader};
use super::repair::shape;
use super::service_definition::{Catalogue, Mode, Service};
use crate::governance::GovernanceError;
use crate::governance::audit::Audit;
use crate::governance::card_handles::About;
use crate::platform::settings::{Backend, Quirks};
use crate::prediction::answer::{Answer, AskPair, Question};
use crate::prediction::predictor::{AskError, CacheStatus, Predictor};
use jiff::Timestamp;
use read_call::{Data, ReadCall, read_call};
use remember::Answered;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument, info_span};

/// What the spine works with.
pub struct HookParts {
    pub catalogue: Arc<Catalogue>,
    pub predictor: Arc<Predictor>,
    pub audit: Audit,
    /// How long a call may wait for the model.
    pub patience: Duration,
    /// Reads from FHIR servers what did not come.
    pub fhir: FhirReader,
    /// The `source.url` of cards.
    pub documentation_url: Option<String>,
    /// Puts links to our SMART app into cards; `None`: no EHR knows it.
    pub app_links: Option<AppLinks>,
}

/// What is known of a call apart from its body.
#[derive(Clone, Debug, Default)]
pub struct CallFacts {
    pub arrived: Timestamp,
    /// Who called; `None`: anonymous.
    pub issuer: Option<String>,
    /// The caller's configured name, for metrics; `None`: anonymous.
    pub client: Option<String>,
    /// The caller's habits.
    pub quirks: Quirks,
    /// The only FHIR servers that may be read for this caller.
    pub fhir_servers: Arc<[String]>,
    /// Where a token of our own is had when the call brings none; `None`: nowhere.
    pub backend: Option<Arc<Backend>>,
    /// The call may choose its own as-of time.
    pub development: bool,
}

/// An answered call.
#[derive(Clone, Debug)]
pub struct HookAnswer {
    pub response: HookResponse,
    pub cache: CacheStatus,
}

/// Why a call is not answered with cards. Holds no part of the request.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// 404
    #[error("there is no service with this id; GET /cds-services lists them")]
    UnknownService,
    /// 400, `hook`
    #[error("this service does not answer this hook; GET /cds-services lists what it answers")]
    HookNotServed,
    /// 400
    #[error(transparent)]
    Request(#[from] RequestError),
    /// 400 or 412
    #[error(transparent)]
    Prefetch(#[from] PrefetchError),
    /// 503, but 500 for [`AskError::Failed`]
    #[error(transparent)]
    Ask(#[from] AskError),
    /// 503
    #[error("the call could not be recorded, so it was not answered")]
    NotRecorded(#[from] GovernanceError),
    /// 500
    #[error("reading the call failed because of a fault in this server")]
    Interrupted,
}

/// What the model says of a chart.
struct Assessed {
    answer: Arc<Answer>,
    cache: CacheStatus,
    /// Hex of the content's hash.
    fingerprint: String,
}

/// Answers one call of a service.
///
/// # Errors
/// Each says in its documentation which status it becomes. A call whose required data did not come is recorded
/// too; other refusals are not, since nothing of a patient was looked at.
pub async fn answer_hook(
    parts: &Arc<HookParts>,
    service_id: &str,
    body: impl AsRef<[u8]> + Send + Sync + 'static,
    facts: CallFacts,
) -> Result<HookAnswer, HookError> {
    let started = Instant::now();
    let service = find_service(parts, service_id)?;
    let mut call = read_call(parts, &service, body, &facts).await?;
    let assessed = assess(parts, &service, &call).await?;
    let mut cards = compose_cards(parts, &service, &call, assessed.as_ref());
    shape(&mut cards, facts.quirks, &mut call.repairs);
    link_to_app(parts, &service, &call, &facts, &mut cards).await?;
    let answered = Answered { parts, service: &service, facts: &facts, call, assessed, cards, started };
    answered.record().await?;
    answered.report();
    answered.say()
}

fn find_service(parts: &HookParts, id: &str) -> Result<Arc<Service>, HookError> {
    parts.catalogue.find(id).cloned().ok_or(HookError::UnknownService)
}

/// Asks the model, where there is a chart and something to ask about it.
async fn assess(parts: &HookParts, service: &Service, call: &ReadCall) -> Result<Option<Assessed>, HookError> {
    let Data::Chart(chart) = &call.data else { return Ok(None) };
    if !service.pairs.is_empty() && chart.begun.is_empty() {
        return Ok(None);
    }
    let (explain, max_explained) = explain(service);
    let shown = chart.begun.iter().filter_map(|begun| service.pairs.get(begun.pair));
    let pairs = shown.map(|shown| AskPair { pair: shown.pair.clone(), at_least: shown.threshold }).collect();
    let question = Question { chart: chart.encoded.clone(), explain, max_explained, pairs };
    let fingerprint = parts.predictor.fingerprint(&question).to_string();
    let asked = parts.predictor.ask(question, Instant::now() + parts.patience);
    let (answer, cache) = asked.instrument(info_span!("ask_model")).await?;
    Ok(Some(Assessed { answer, cache, fingerprint }))
}

/// Links each card to our app, where the EHR that called is one that opens it.
async fn link_to_app(
    parts: &HookParts,
    service: &Service,
    call: &ReadCall,
    facts: &CallFacts,
    cards: &mut [Card],
) -> Result<(), HookError> {
    let Some(links) = &parts.app_links else { return Ok(()) };
    let server = call.fhir_server.as_deref().filter(|called| FhirBase::of(called, &facts.fhir_servers).is_some());
    let Some(server) = server.and_then(|called| links.registered(called)) else { return Ok(()) };
    let about = About { fhir_server: server, patient: &call.context.patient_id };
    Ok(links.add(cards, &service.id, about, facts.arrived).instrument(info_span!("link_to_app")).await?)
}

fn compose_cards(parts: &HookParts, service: &Service, call: &ReadCall, assessed: Option<&Assessed>) -> Vec<Card> {
    let _span = info_span!("compose_cards").entered();
    let (Data::Chart(chart), Some(assessed), Mode::Live) = (&call.data, assessed, service.mode) else {
        return Vec::new();
    };
    let facts = CardFacts {
        seed: call.seed,
        answer: &assessed.answer,
        chart: &chart.encoded,
        timeline: &chart.timeline,
        orders: &chart.orders,
        begun: &chart.begun,
        context: &call.context,
        as_of: call.as_of,
        model: parts.predictor.oracle().identity(),
        asked: &service.prefetch,
        unread: &call.unread,
        documentation_url: parts.documentation_url.as_deref(),
    };
    compose(service, &facts)
}
