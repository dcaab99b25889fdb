//! What is remembered and reported of an assessment.

use super::chart::Charted;
use super::{Asker, AssessError};
use crate::decision_support::answer_hook::HookParts;
use crate::governance::audit::{AuditRow, CallOutcome, Silence};
use crate::patient_record::timeline::Second;
use crate::platform::telemetry::signals::OperationAnswered;
use jiff::Timestamp;
use std::time::Instant;
use uuid::Uuid;

/// A call at its end.
pub(super) struct Done<'a> {
    pub id: Uuid,
    pub operation: &'static str,
    pub hook: &'static str,
    pub charted: &'a Charted,
    pub as_of: Second,
    pub fingerprint: String,
    pub started: Instant,
}

impl Done<'_> {
    /// Writes the audit row. Until then nothing may leave.
    pub async fn record(
        &self,
        parts: &HookParts,
        asker: &Asker,
        outcome: CallOutcome,
        (cards, abstained): (Vec<Uuid>, Vec<Silence>),
    ) -> Result<(), AssessError> {
        let row = AuditRow {
            at: asker.arrived,
            hook_instance: self.id.to_string(),
            service: self.operation.to_owned(),
            hook: self.hook.to_owned(),
            client: asker.client.clone(),
            model: parts.predictor.oracle().identity().to_owned(),
            // No definition chooses or words anything here.
            definition_hash: String::new(),
            input_hash: self.fingerprint.clone(),
            as_of: Timestamp::from_second(self.as_of).unwrap_or(asker.arrived),
            events_read: self.charted.encoded.events_read,
            skipped: self.charted.timeline.skipped.clone(),
            cards,
            abstained,
            outcome,
            duration: self.started.elapsed(),
        };
        Ok(parts.audit.record(row).await?)
    }

    pub fn report(&self, outcome: CallOutcome, cache_hit: bool) {
        OperationAnswered {
            operation: self.operation,
            outcome: outcome.as_str(),
            cache_hit,
            events_read: self.charted.encoded.events_read,
            skipped: self.charted.timeline.skipped.total(),
            duration: self.started.elapsed(),
        }
        .emit();
    }
}
