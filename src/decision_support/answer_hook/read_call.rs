//! What is asked, and of whom: body, prefetch and chart, read on a thread that may block.

use super::{CallFacts, HookError, HookParts};
use crate::decision_support::cards::CallSeed;
use crate::decision_support::occasions::{Begun, Happening, begun};
use crate::decision_support::prefetch::{Arrived, FirstPage, PrefetchError, State};
use crate::decision_support::protocol::{Context, HookContext, HookRequest, OpenedCall, RequestError, is_fhir_id};
use crate::decision_support::read_back::{FhirBase, Leave, SentPage, Wanted, queries, read_back};
use crate::decision_support::repair::{Repair, Repairs, tolerance};
use crate::decision_support::service_definition::Service;
use crate::patient_record::chart::ChartReader;
use crate::patient_record::timeline::{Second, SkipReason, Timeline, UnsignedOrder};
use crate::platform::settings::Quirks;
use crate::platform::telemetry::signals::FhirRead;
use crate::prediction::vocabulary::EncodedChart;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument, info_span};

/// Member of the request's `extension` that chooses the as-of time in development mode.
const AS_OF: &str = "org.prodrome.as-of";
/// Member of the request's `extension` in which Epic names the FHIR release of the context.
const RELEASE: &str = "com.epic.cdshooks.request.fhir-version";

/// Seconds that a token is taken to live at most; no call lasts longer.
const LONGEST_LEAVE: u64 = 3600;

/// A call, read and checked.
pub(super) struct ReadCall {
    pub hook: String,
    pub hook_instance: String,
    /// As the call names it.
    pub fhir_server: Option<String>,
    pub context: Context,
    pub as_of: Second,
    pub seed: CallSeed,
    /// Declared keys that did not come, or not whole.
    pub unread: Vec<String>,
    pub data: Data,
    /// What was bent so far to read it.
    pub repairs: Repairs,
}

/// What came of the patient.
pub(super) enum Data {
    Chart(Box<Chart>),
    /// The EHR answered that there is no such patient.
    NoPatient,
    /// Required keys that did not come.
    Missing(Vec<String>),
    /// A habit of the client's leaves nothing to read: answered without cards.
    Withheld(Repair),
}

pub(super) struct Chart {
    /// With the orders signed, where pairs are asked about that they begin.
    pub timeline: Timeline,
    /// Orders that are being written and were chosen.
    pub orders: Vec<UnsignedOrder>,
    /// Pairs of the service whose occasion has come.
    pub begun: Vec<Begun>,
    pub encoded: Arc<EncodedChart>,
}

/// A call after a look at what came with it.
enum Looked {
    Read(Box<ReadCall>),
    /// Something did not come that the EHR's FHIR server may be asked for.
    Wanting(Wanted),
}

/// Reads body, prefetch and chart on a thread that may block. What did not come is read back first, where the client's
/// FHIR server may be asked.
pub(super) async fn read_call(
    parts: &Arc<HookParts>,
    service: &Arc<Service>,
    body: impl AsRef<[u8]> + Send + Sync + 'static,
    facts: &CallFacts,
) -> Result<ReadCall, HookError> {
    let body = Arc::new(body);
    let wanted = match look(parts, service, &body, facts, None).await? {
        Looked::Read(call) => return Ok(*call),
        Looked::Wanting(wanted) => wanted,
    };
    let deadline = Instant::now() + parts.fhir.limits.patience;
    let read = read_back(&parts.fhir, wanted, deadline).instrument(info_span!("read_back")).await;
    for one in &read {
        let outcome = one.document.as_ref().map_or_else(|unread| unread.as_str(), |_| "read");
        FhirRead { outcome }.emit();
    }
    let documents = read.into_iter().filter_map(|one| Some((one.key, one.document.ok()?))).collect();
    match look(parts, service, &body, facts, Some(documents)).await? {
        Looked::Read(call) => Ok(*call),
        Looked::Wanting(_) => Err(HookError::Interrupted),
    }
}

/// What was read back, by declared key; `None` before.
type ReadBack = Option<Vec<(String, String)>>;

async fn look(
    parts: &Arc<HookParts>,
    service: &Arc<Service>,
    body: &Arc<impl AsRef<[u8]> + Send + Sync + 'static>,
    facts: &CallFacts,
    back: ReadBack,
) -> Result<Looked, HookError> {
    let (parts, service, body, facts) = (parts.clone(), service.clone(), body.clone(), facts.clone());
    let span = info_span!("read_call");
    let reading = tokio::task::spawn_blocking(move || {
        let body: &[u8] = (*body).as_ref();
        span.in_scope(|| read(&parts, &service, body, &facts, back.as_deref()))
    });
    reading.await.map_err(|_| HookError::Interrupted)?
}

fn read(
    parts: &HookParts,
    service: &Service,
    body: &[u8],
    facts: &CallFacts,
    back: Option<&[(String, String)]>,
) -> Result<Looked, HookError> {
    let (hook, mut request) = info_span!("read_request").in_scope(|| read_request(service, body, facts.quirks))?;
    let as_of = settle_as_of(&request, facts)?;
    put_in_place(&mut request.prefetch, back.unwrap_or_default(), service);
    let arrived = info_span!("look_at_prefetch").in_scope(|| Arrived::look(&request.prefetch, &service.prefetch))?;
    let withheld = withheld(&request, facts.quirks);
    if back.is_none()
        && withheld.is_none()
        && let Some(wanted) = wanted(service, &request, &arrived, facts, as_of)
    {
        return Ok(Looked::Wanting(wanted));
    }
    let data = match withheld {
        Some(repair) => Data::Withheld(repair),
        None => read_chart(parts, service, (&request, &hook), &arrived, as_of)?,
    };
    let mut repairs = Repairs::default();
    if hook != request.hook {
        repairs.count(Repair::DeprecatedHook);
    }
    if !is_fhir_id(&request.context.patient_id) {
        repairs.count(Repair::LongId);
    }
    Ok(Looked::Read(Box::new(ReadCall {
        hook,
        seed: CallSeed::new(facts.issuer.as_deref(), &service.id, &request.hook_instance, body),
        hook_instance: request.hook_instance,
        as_of,
        unread: unread(service, &arrived),
        fhir_server: request.fhir_server,
        context: request.context,
        data,
        repairs,
    })))
}

/// What was read back stands in place of what was sent under its key. What is no FHIR is left out: the caller is not to be
/// blamed for what a FHIR server says.
fn put_in_place<'a>(prefetch: &mut Vec<(String, &'a RawValue)>, back: &'a [(String, String)], service: &Service) {
    let read = back.iter().filter_map(|(key, document)| {
        let one = (key.clone(), serde_json::from_str(document).ok()?);
        Arrived::look(std::slice::from_ref(&one), &service.prefetch).is_ok().then_some(one)
    });
    let read: Vec<(String, &RawValue)> = read.collect();
    prefetch.retain(|(key, _)| !read.iter().any(|(known, _)| known == key));
    prefetch.extend(read);
}

/// What the client's FHIR server may be asked for: declared keys that did not come, or not whole.
fn wanted(
    service: &Service,
    request: &HookRequest<'_>,
    arrived: &Arrived<'_>,
    facts: &CallFacts,
    as_of: Second,
) -> Option<Wanted> {
    let base = FhirBase::of(request.fhir_server.as_deref()?, &facts.fhir_servers)?;
    let leave = match (&request.fhir_authorization, &facts.backend) {
        // Never past its end: a token that is over by the time it arrives is not sent.
        (Some(given), _) if given.expires_in > 0 => Leave::Given {
            token: given.access_token.clone(),
            until: Instant::now() + Duration::from_secs(given.expires_in.min(LONGEST_LEAVE)),
        },
        (_, Some(backend)) => Leave::Backend(backend.clone()),
        (Some(_), None) => return None,
        (None, None) => Leave::Open,
    };
    let today = Timestamp::from_second(as_of).ok()?.to_zoned(TimeZone::UTC).date();
    let missing: Vec<&str> = arrived.unread().collect();
    let keys = service.prefetch.iter().filter(|key| missing.contains(&key.key.as_str()));
    let mut queries = queries(&keys.collect::<Vec<_>>(), &request.context, today);
    for one in &mut queries {
        one.after = arrived.first_page(&one.key).and_then(|page| sent_page(page, &base));
    }
    (!queries.is_empty()).then_some(Wanted { base, leave, queries })
}

/// A page that came, where the way to the next one stays within the server.
fn sent_page(page: &FirstPage<'_>, base: &FhirBase) -> Option<SentPage> {
    Some(SentPage { next: base.link(&page.next)?, page: page.bundle.get().to_owned() })
}

/// Declared keys that did not come, or not whole; of those that only some clients can fill, not the ones left out.
fn unread(service: &Service, arrived: &Arrived<'_>) -> Vec<String> {
    let beyond_some = |key: &str| service.prefetch.iter().any(|known| known.key == key && !known.is_simple());
    let told = |key: &&str| arrived.state(key) != State::Absent || !beyond_some(key);
    arrived.unread().filter(told).map(str::to_owned).collect()
}

/// The hook as the service is registered for it, and the rest of the body.
fn read_request<'a>(service: &Service, body: &'a [u8], quirks: Quirks) -> Result<(String, HookRequest<'a>), HookError> {
    let opened = OpenedCall::open(body)?;
    let hook = service.hook(&opened.hook).ok_or(HookError::HookNotServed)?.to_owned();
    Ok((hook, opened.read(tolerance(quirks))?))
}

/// What a client of this profile leaves out, or says in another release, so that there is nothing to answer about.
fn withheld(request: &HookRequest<'_>, quirks: Quirks) -> Option<Repair> {
    if quirks != Quirks::Epic {
        return None;
    }
    let release = request.extension.optional_text(RELEASE, "extension").ok().flatten();
    match &request.about.hook {
        HookContext::OrderSelect { draft_orders: None, .. } | HookContext::OrderSign { draft_orders: None } => {
            Some(Repair::OrdersWithheld)
        }
        _ => release.filter(|release| !release.eq_ignore_ascii_case("R4")).map(|_| Repair::OtherRelease),
    }
}

/// The time of the call, never a timestamp of the prefetch; in development mode a call may choose another.
fn settle_as_of(request: &HookRequest<'_>, facts: &CallFacts) -> Result<Second, RequestError> {
    const MEMBER: &str = "extension.org.prodrome.as-of";
    match request.extension.optional_text(AS_OF, MEMBER) {
        Ok(Some(text)) if facts.development => {
            let moment: Timestamp = text
                .parse()
                .map_err(|_| RequestError::wrong(MEMBER, "a date and time with its offset, `2019-03-04T00:00:00Z`"))?;
            Ok(moment.as_second())
        }
        Err(error) if facts.development => Err(error),
        _ => Ok(facts.arrived.as_second()),
    }
}

fn read_chart(
    parts: &HookParts,
    service: &Service,
    (request, hook): (&HookRequest<'_>, &str),
    arrived: &Arrived<'_>,
    as_of: Second,
) -> Result<Data, HookError> {
    let patient_key = service.prefetch.iter().find(|key| key.resource_type() == Some("Patient"));
    if patient_key.is_some_and(|key| arrived.state(&key.key) == State::Null) {
        return Ok(Data::NoPatient);
    }
    if let Err(PrefetchError::Missing { missing }) = arrived.require(&service.prefetch) {
        return Ok(Data::Missing(missing));
    }
    let _span = info_span!("read_chart").entered();
    let mut reader = ChartReader::new();
    for document in &arrived.documents {
        reader.take_json(document.get().as_bytes()).map_err(|_| PrefetchError::NotFhir { key: None })?;
    }
    if !service.pairs.is_empty() {
        take_orders(&mut reader, &request.about.hook, as_of)?;
    }
    let Some((mut timeline, orders)) = reader.finish_one_with_orders(&request.context.patient_id) else {
        return Ok(match patient_key.filter(|key| key.required) {
            Some(key) => Data::Missing(vec![key.key.clone()]),
            None => Data::NoPatient,
        });
    };
    for (resource_type, count) in &arrived.not_sent {
        timeline.skipped.count_many(resource_type, SkipReason::NotSent, *count);
    }
    let now = Happening { hook, context: &request.context, timeline: &timeline, orders: &orders, as_of };
    let occasions = parts.predictor.oracle().occasions();
    let begun = occasions.map(|occasions| begun(service, occasions, &now)).unwrap_or_default();
    let encoded = parts.predictor.oracle().encode(&timeline, as_of);
    if begun.iter().all(|one| one.order.is_none()) {
        return Ok(Data::Chart(Box::new(Chart { timeline, orders, begun, encoded: Arc::new(encoded) })));
    }
    // The model reads the orders as signed; what is already there, and how much was read, is of the record alone.
    let timeline = timeline.once_signed(&orders);
    let foreseen = parts.predictor.oracle().encode(&timeline, as_of);
    let encoded = EncodedChart { standing: encoded.standing, events_read: encoded.events_read, ..foreseen };
    Ok(Data::Chart(Box::new(Chart { timeline, orders, begun, encoded: Arc::new(encoded) })))
}

/// Takes the orders of the session that were chosen: of order-select those selected, of order-sign all.
fn take_orders(reader: &mut ChartReader, hook: &HookContext<'_>, as_of: Second) -> Result<(), RequestError> {
    let (draft_orders, selections) = match hook {
        HookContext::OrderSelect { selections, draft_orders } => (draft_orders, Some(selections)),
        HookContext::OrderSign { draft_orders } => (draft_orders, None),
        _ => return Ok(()),
    };
    let Some(orders) = draft_orders else { return Ok(()) };
    let names = |selection: &str, resource_type: &str, id: &str| {
        let before = selection.strip_suffix(id).and_then(|rest| rest.strip_suffix('/'));
        !id.is_empty() && before.and_then(|rest| rest.rsplit('/').next()) == Some(resource_type)
    };
    let chosen = |resource_type: &str, id: &str| {
        selections.is_none_or(|all| all.iter().any(|selection| names(selection, resource_type, id)))
    };
    let taken = reader.take_orders(orders.get(), as_of, chosen);
    taken.map_err(|_| RequestError::wrong("context.draftOrders", "a Bundle"))
}
