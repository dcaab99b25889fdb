//! What is asked, and of whom: body, prefetch and chart, read on a thread that may block.

use super::{CallFacts, HookError, HookParts};
use crate::decision_support::cards::CallSeed;
use crate::decision_support::prefetch::{Arrived, PrefetchError, State};
use crate::decision_support::protocol::{Context, HookRequest, RequestError};
use crate::decision_support::service_definition::Service;
use crate::patient_record::chart::ChartReader;
use crate::patient_record::timeline::{Second, SkipReason, Timeline};
use crate::prediction::vocabulary::EncodedChart;
use jiff::Timestamp;
use std::sync::Arc;
use tracing::info_span;

/// Member of the request's `extension` that chooses the as-of time in development mode.
const AS_OF: &str = "org.prodrome.as-of";

/// A call, read and checked.
pub(super) struct ReadCall {
    pub hook: String,
    pub hook_instance: String,
    pub context: Context,
    pub as_of: Second,
    pub seed: CallSeed,
    /// Declared keys that did not come, or not whole.
    pub unread: Vec<String>,
    pub data: Data,
}

/// What came of the patient.
pub(super) enum Data {
    Chart(Box<Chart>),
    /// The EHR answered that there is no such patient.
    NoPatient,
    /// Required keys that did not come.
    Missing(Vec<String>),
}

pub(super) struct Chart {
    pub timeline: Timeline,
    pub encoded: Arc<EncodedChart>,
}

/// Reads body, prefetch and chart on a thread that may block.
pub(super) async fn read_call(
    parts: &Arc<HookParts>,
    service: &Arc<Service>,
    body: impl AsRef<[u8]> + Send + 'static,
    facts: &CallFacts,
) -> Result<ReadCall, HookError> {
    let (parts, service, facts) = (parts.clone(), service.clone(), facts.clone());
    let span = info_span!("read_call");
    let reading = tokio::task::spawn_blocking(move || span.in_scope(|| read(&parts, &service, body.as_ref(), &facts)));
    reading.await.map_err(|_| HookError::Interrupted)?
}

fn read(parts: &HookParts, service: &Service, body: &[u8], facts: &CallFacts) -> Result<ReadCall, HookError> {
    let request = info_span!("read_request").in_scope(|| HookRequest::read(body))?;
    let hook = service.hook(&request.hook).ok_or(HookError::HookNotServed)?.to_owned();
    let as_of = settle_as_of(&request, facts)?;
    let arrived = info_span!("look_at_prefetch").in_scope(|| Arrived::look(&request.prefetch, &service.prefetch))?;
    let data = read_chart(parts, service, &request.context, &arrived, as_of)?;
    Ok(ReadCall {
        hook,
        seed: CallSeed::new(facts.issuer.as_deref(), &service.id, &request.hook_instance, body),
        hook_instance: request.hook_instance,
        as_of,
        unread: arrived.unread().map(str::to_owned).collect(),
        context: request.context,
        data,
    })
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
    context: &Context,
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
    let Some(mut timeline) = reader.finish_one(&context.patient_id) else {
        return Ok(match patient_key.filter(|key| key.required) {
            Some(key) => Data::Missing(vec![key.key.clone()]),
            None => Data::NoPatient,
        });
    };
    for (resource_type, count) in &arrived.not_sent {
        timeline.skipped.count_many(resource_type, SkipReason::NotSent, *count);
    }
    let encoded = Arc::new(parts.predictor.oracle().encode(&timeline, as_of));
    Ok(Data::Chart(Box::new(Chart { timeline, encoded })))
}
