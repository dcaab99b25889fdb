//! What the model makes of a chart before any outcome is asked: numbers for other programs, of no meaning to people.

use super::chart::{self, ChartSource};
use super::remember::Done;
use super::{Asker, AssessError};
use crate::decision_support::answer_hook::HookParts;
use crate::governance::audit::CallOutcome;
use crate::patient_record::timeline::Second;
use crate::prediction::answer::Question;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// What the model makes of a chart, before any outcome is asked.
#[derive(Clone, Debug)]
pub struct State {
    pub patient: Box<str>,
    pub as_of: Second,
    pub model: String,
    pub events_read: usize,
    pub values: Vec<f32>,
}

/// Reads the model's state of one chart.
///
/// # Errors
/// As [`super::assess`]; [`AssessError::NoState`] where the model has none.
pub async fn embed(
    parts: &Arc<HookParts>,
    source: ChartSource,
    as_of: Second,
    asker: &Asker,
) -> Result<State, AssessError> {
    let started = Instant::now();
    let charted = chart::read(parts, source, as_of).await?;
    let question =
        Question { chart: charted.encoded.clone(), explain: Arc::from([]), max_explained: 0, pairs: Arc::from([]) };
    let fingerprint = parts.predictor.fingerprint(&question).to_string();
    let values = parts.predictor.state(charted.encoded.clone(), Instant::now() + parts.patience).await?;
    if values.is_empty() {
        return Err(AssessError::NoState);
    }
    let (id, operation, hook) = (Uuid::new_v4(), "embed", "fhir-operation");
    let done = Done { id, operation, hook, charted: &charted, as_of, fingerprint, started };
    done.record(parts, asker, CallOutcome::State, (Vec::new(), Vec::new())).await?;
    done.report(CallOutcome::State, false);
    Ok(State {
        patient: charted.timeline.patient.id.clone(),
        as_of,
        model: parts.predictor.oracle().identity().to_owned(),
        events_read: charted.encoded.events_read,
        values,
    })
}
