//! What is remembered and reported of a call, and what its caller is told.

use super::read_call::{Data, ReadCall};
use super::{Assessed, CallFacts, HookAnswer, HookError, HookParts};
use crate::decision_support::prefetch::PrefetchError;
use crate::decision_support::protocol::{Card, HookResponse};
use crate::decision_support::repair::Repair;
use crate::decision_support::service_definition::{Mode, Service};
use crate::governance::audit::{AuditRow, CallOutcome, Silence};
use crate::patient_record::timeline::{SkipReason, Skipped};
use crate::platform::settings::Quirks;
use crate::platform::telemetry::signals::HookAnswered;
use crate::prediction::predictor::CacheStatus;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Instant;
use tracing::{Instrument, info_span};
use uuid::Uuid;

/// A call at its end.
pub(super) struct Answered<'a> {
    pub parts: &'a HookParts,
    pub service: &'a Service,
    pub facts: &'a CallFacts,
    pub call: ReadCall,
    pub assessed: Option<Assessed>,
    pub cards: Vec<Card>,
    pub started: Instant,
}

impl Answered<'_> {
    /// Writes the audit row. Until then nothing may leave.
    pub async fn record(&self) -> Result<(), HookError> {
        let written = self.parts.audit.record(self.row()).instrument(info_span!("record")).await;
        Ok(written?)
    }

    fn row(&self) -> AuditRow {
        let skipped = self.skipped().cloned().unwrap_or_default();
        AuditRow {
            at: self.facts.arrived,
            hook_instance: self.call.hook_instance.clone(),
            service: self.service.id.clone(),
            hook: self.call.hook.clone(),
            client: self.facts.issuer.clone(),
            model: self.parts.predictor.oracle().identity().to_owned(),
            definition_hash: self.service.hash.clone(),
            input_hash: self.assessed.as_ref().map(|assessed| assessed.fingerprint.clone()).unwrap_or_default(),
            as_of: Timestamp::from_second(self.call.as_of).unwrap_or(self.facts.arrived),
            events_read: self.events_read(),
            skipped,
            cards: self.cards.iter().filter_map(|card| Uuid::parse_str(&card.uuid).ok()).collect(),
            abstained: self.silences(),
            outcome: self.outcome(),
            duration: self.started.elapsed(),
        }
    }

    /// Why the chart as a whole, or an outcome that this service shows, stayed unsaid. Being below a threshold is
    /// no reason.
    fn silences(&self) -> Vec<Silence> {
        let Some(assessed) = &self.assessed else { return Vec::new() };
        let whole = assessed.answer.abstained.map(|reason| Silence { phenotype: None, horizon_days: None, reason });
        let shown = |phenotype: &str, horizon_days: u32| {
            let outcomes = &self.service.outcomes;
            outcomes.iter().any(|shown| shown.phenotype == phenotype && shown.horizon_days == horizon_days)
        };
        let risks = assessed.answer.risks.iter().filter(|risk| shown(&risk.phenotype, risk.horizon_days));
        let single = risks.filter_map(|risk| {
            let phenotype = Some(risk.phenotype.to_string());
            Some(Silence { phenotype, horizon_days: Some(risk.horizon_days), reason: risk.abstained? })
        });
        let pairs = assessed.answer.pairs.iter().map(|pair| &pair.risk);
        let pairs = pairs.filter(|risk| risk.abstained != assessed.answer.abstained).filter_map(|risk| {
            let phenotype = Some(risk.phenotype.to_string());
            Some(Silence { phenotype, horizon_days: Some(risk.horizon_days), reason: risk.abstained? })
        });
        whole.into_iter().chain(single).chain(pairs).collect()
    }

    fn outcome(&self) -> CallOutcome {
        match &self.call.data {
            Data::Missing(_) | Data::Withheld(_) => CallOutcome::DataMissing,
            _ if self.service.mode == Mode::Silent => CallOutcome::Silent,
            _ if self.cards.is_empty() => CallOutcome::NoCards,
            _ => CallOutcome::Cards,
        }
    }

    /// Log line and metrics.
    pub fn report(&self) {
        let mut reasons: BTreeMap<SkipReason, u64> = BTreeMap::new();
        for ((_, reason), &count) in self.skipped().iter().flat_map(|skipped| &skipped.0) {
            *reasons.entry(*reason).or_default() += u64::from(count);
        }
        let skipped: Vec<(&'static str, u64)> =
            reasons.into_iter().map(|(reason, count)| (reason.as_str(), count)).collect();
        HookAnswered {
            service: &self.service.id,
            hook: &self.call.hook,
            outcome: self.outcome().as_str(),
            cache_hit: self.cache() == CacheStatus::Hit,
            cards: self.cards.len(),
            events_read: self.events_read(),
            skipped: &skipped,
            duration: self.started.elapsed(),
        }
        .emit();
        let mut repairs = self.call.repairs.clone();
        match &self.call.data {
            Data::Missing(_) if self.facts.quirks == Quirks::Epic => repairs.count(Repair::DataMissing),
            Data::Withheld(repair) => repairs.count(*repair),
            _ => {}
        }
        repairs.report(self.facts.client.as_deref());
    }

    /// The answer, or which keys are missing; to a client that takes no 412, an answer without cards.
    pub fn say(self) -> Result<HookAnswer, HookError> {
        let cache = self.cache();
        match self.call.data {
            Data::Missing(missing) if self.facts.quirks != Quirks::Epic => {
                Err(PrefetchError::Missing { missing }.into())
            }
            Data::Chart(_) | Data::NoPatient | Data::Missing(_) | Data::Withheld(_) => {
                Ok(HookAnswer { response: HookResponse { cards: self.cards }, cache })
            }
        }
    }

    fn cache(&self) -> CacheStatus {
        self.assessed.as_ref().map_or(CacheStatus::Miss, |assessed| assessed.cache)
    }

    fn skipped(&self) -> Option<&Skipped> {
        match &self.call.data {
            Data::Chart(chart) => Some(&chart.timeline.skipped),
            Data::NoPatient | Data::Missing(_) | Data::Withheld(_) => None,
        }
    }

    fn events_read(&self) -> usize {
        match &self.call.data {
            Data::Chart(chart) => chart.encoded.events_read,
            Data::NoPatient | Data::Missing(_) | Data::Withheld(_) => 0,
        }
    }
}
