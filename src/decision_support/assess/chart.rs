//! The chart to assess: sent along, or read from a FHIR server with the caller's own token.

use super::AssessError;
use crate::decision_support::answer_hook::HookParts;
use crate::decision_support::prefetch::{Arrived, standard};
use crate::decision_support::protocol::Context;
use crate::decision_support::read_back::{FhirBase, Leave, ReadKey, Unread, Wanted, queries, read_back};
use crate::patient_record::chart::ChartReader;
use crate::patient_record::timeline::{Second, SkipReason, Timeline};
use crate::platform::telemetry::signals::FhirRead;
use crate::prediction::vocabulary::EncodedChart;
use crate::trust::AccessToken;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Instant;
use tracing::{Instrument, info_span};

/// Where a chart comes from.
#[derive(Clone, Debug)]
pub enum ChartSource {
    /// A Bundle that was sent; `patient`: whose, where it holds several.
    Sent { bundle: String, patient: Option<String> },
    /// A FHIR server that may be read, with a token that is good there until then.
    Server { base: FhirBase, token: AccessToken, until: Instant, patient: String },
}

/// A chart, read and in the model's words.
pub(super) struct Charted {
    pub timeline: Arc<Timeline>,
    pub encoded: Arc<EncodedChart>,
    /// What did not come, or not whole, by key.
    pub unread: Vec<String>,
}

/// How many resources a page is asked to hold; servers give as many as they like to.
const PAGE: &str = "_count=500";

pub(super) async fn read(parts: &Arc<HookParts>, source: ChartSource, as_of: Second) -> Result<Charted, AssessError> {
    let (documents, patient, mut unread) = match source {
        ChartSource::Sent { bundle, patient } => (vec![(String::new(), bundle)], patient, Vec::new()),
        ChartSource::Server { base, token, until, patient } => {
            let leave = Leave::Given { token, until };
            let (documents, unread) = fetch(parts, base, leave, &patient, as_of).await?;
            (documents, Some(patient), unread)
        }
    };
    let (parts, span) = (parts.clone(), info_span!("read_chart"));
    let reading = tokio::task::spawn_blocking(move || {
        span.in_scope(|| {
            let timeline = Arc::new(timeline(&documents, patient.as_deref(), &mut unread)?);
            let encoded = Arc::new(parts.predictor.oracle().encode(&timeline, as_of));
            Ok(Charted { timeline, encoded, unread })
        })
    });
    reading.await.map_err(|_| AssessError::Interrupted)?
}

/// Everything that the timeline reads, as a service without templates of its own asks for it.
async fn fetch(
    parts: &HookParts,
    base: FhirBase,
    leave: Leave,
    patient: &str,
    as_of: Second,
) -> Result<(Vec<(String, String)>, Vec<String>), AssessError> {
    let context = Context { user_id: None, patient_id: patient.to_owned(), encounter_id: None };
    let today = Timestamp::from_second(as_of).map_err(|_| AssessError::Interrupted)?.to_zoned(TimeZone::UTC).date();
    let keys = standard();
    let mut queries = queries(&keys.iter().collect::<Vec<_>>(), &context, today);
    for search in queries.iter_mut().map(|one| &mut one.query).filter(|query| query.contains('?')) {
        search.push('&');
        search.push_str(PAGE);
    }
    let wanted = Wanted { base, leave, queries };
    let deadline = Instant::now() + parts.fhir.limits.chart_patience;
    let read = read_back(&parts.fhir, wanted, deadline).instrument(info_span!("read_back")).await;
    let (mut documents, mut unread) = (Vec::new(), Vec::new());
    for ReadKey { key, document } in read {
        FhirRead { outcome: document.as_ref().map_or_else(|unread| unread.as_str(), |_| "read") }.emit();
        match document {
            Ok(document) => documents.push((key, document)),
            Err(why) if key == "patient" => return Err(no_patient(why)),
            Err(_) => unread.push(key),
        }
    }
    Ok((documents, unread))
}

fn no_patient(why: Unread) -> AssessError {
    match why {
        Unread::NotThere => AssessError::PatientNotThere,
        Unread::Forbidden => AssessError::PatientForbidden,
        Unread::Refused => AssessError::TokenRefused,
        _ => AssessError::FhirServerAway,
    }
}

/// One patient's timeline; what is of others is left out and counted, what did not come whole too, and its key is added
/// to what is unread.
fn timeline(
    documents: &[(String, String)],
    patient: Option<&str>,
    unread: &mut Vec<String>,
) -> Result<Timeline, AssessError> {
    let (keys, mut reader, mut not_sent) = (standard(), ChartReader::new(), Vec::new());
    for (key, document) in documents {
        let value = serde_json::from_str(document).map_err(|_| AssessError::NotFhir)?;
        let one = [(key.clone(), value)];
        let arrived = Arrived::look(&one, &keys).map_err(|_| AssessError::NotFhir)?;
        for document in &arrived.documents {
            reader.take_json(document.get().as_bytes()).map_err(|_| AssessError::NotFhir)?;
        }
        unread.extend(arrived.in_part().map(str::to_owned));
        not_sent.extend(arrived.not_sent.iter().map(|(resource_type, count)| (resource_type.to_string(), *count)));
    }
    let mut timeline = match patient {
        Some(patient) => reader.finish_one(patient).ok_or(AssessError::NoPatient)?,
        None => only(reader)?,
    };
    for (resource_type, count) in not_sent {
        timeline.skipped.count_many(&resource_type, SkipReason::NotSent, count);
    }
    Ok(timeline)
}

fn only(reader: ChartReader) -> Result<Timeline, AssessError> {
    let (timelines, unattributed) = reader.finish();
    let mut timelines = timelines.into_iter();
    match (timelines.next(), timelines.next()) {
        (Some(mut one), None) => {
            one.skipped.merge(unattributed);
            Ok(one)
        }
        (None, _) => Err(AssessError::NoPatient),
        (Some(_), Some(_)) => Err(AssessError::SeveralPatients),
    }
}
