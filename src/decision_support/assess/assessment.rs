//! What is said of one patient at one moment, made of the model's answer, of the chart that it read and of what live
//! services may show. Says nothing that the model did not; chooses no words.

use super::AssessRequest;
use super::chart::Charted;
use crate::decision_support::answer_hook::HookParts;
use crate::decision_support::service_definition::Mode;
use crate::governance::audit::Silence;
use crate::patient_record::timeline::{Event, Second, Skipped, Source};
use crate::prediction::answer::{Abstention, Answer, Reason, Risk};
use crate::prediction::predictor::CacheStatus;
use std::sync::Arc;
use uuid::Uuid;

/// Everything that is said of one patient at one moment.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// Names this answer in the audit.
    pub id: Uuid,
    /// Logical id.
    pub patient: Box<str>,
    pub as_of: Second,
    /// Name and content hash of the model, `prodrome-s@1a2b3c4d5e6f`.
    pub model: String,
    /// Events known by then.
    pub events_read: usize,
    /// What of the chart was not used, and why.
    pub skipped: Skipped,
    /// What the FHIR server did not give, by prefetch key: not read, which is not absent.
    pub unread: Vec<String>,
    pub outcomes: Vec<AssessedOutcome>,
    /// Why nothing may be shown for this chart at all.
    pub abstained: Option<Abstention>,
    pub cache: CacheStatus,
}

/// One outcome within every horizon.
#[derive(Clone, Debug)]
pub struct AssessedOutcome {
    pub phenotype: Arc<str>,
    /// The same for people.
    pub title: String,
    /// The SNOMED CT code, where the outcome is exactly one.
    pub snomed: Option<String>,
    /// In rising order.
    pub horizons: Vec<AssessedRisk>,
}

/// One outcome within one horizon.
#[derive(Clone, Debug)]
pub struct AssessedRisk {
    pub risk: Risk,
    /// Why it must not be shown as a risk; that of the whole chart first.
    pub silence: Option<Abstention>,
    /// A service of this installation may show it to clinicians.
    pub live: bool,
    /// What moved it most, the strongest first; empty where that was not looked for.
    pub evidence: Vec<Evidence>,
}

/// One fact behind a risk: association, not effect.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Index in the timeline's events.
    pub event: usize,
    /// The resource; its id is empty where the sender gave none.
    pub source: Source,
    /// What it says, the chart's own words: hostile like the chart.
    pub what: Box<str>,
    /// When it happened.
    pub when: Second,
    /// How often such facts were there.
    pub occurrences: u32,
    /// Calibrated probability without them, 0 to 1.
    pub risk_without: f64,
}

impl Assessment {
    /// What of the model's answer was asked for, each risk with its silence and its evidence.
    pub(super) fn of(
        parts: &HookParts,
        charted: &Charted,
        request: &AssessRequest,
        answer: &Answer,
        cache: CacheStatus,
    ) -> Self {
        let oracle = parts.predictor.oracle();
        let mut outcomes: Vec<AssessedOutcome> = Vec::new();
        for (risk, known) in
            answer.risks.iter().zip(oracle.outcomes()).filter(|(risk, _)| request.asks(&risk.phenotype))
        {
            let assessed = AssessedRisk {
                silence: answer.abstained.or(risk.abstained),
                live: is_live(parts, risk),
                evidence: evidence(charted, answer, risk),
                risk: risk.clone(),
            };
            match outcomes.iter_mut().find(|outcome| outcome.phenotype == risk.phenotype) {
                Some(outcome) => outcome.horizons.push(assessed),
                None => outcomes.push(AssessedOutcome {
                    phenotype: risk.phenotype.clone(),
                    title: known.title.clone(),
                    snomed: oracle.phenotypes().and_then(|all| all.snomed(&risk.phenotype)).map(str::to_owned),
                    horizons: vec![assessed],
                }),
            }
        }
        Self {
            id: Uuid::new_v4(),
            patient: charted.timeline.patient.id.clone(),
            as_of: request.as_of,
            model: oracle.identity().to_owned(),
            events_read: charted.encoded.events_read,
            skipped: charted.timeline.skipped.clone(),
            unread: charted.unread.clone(),
            outcomes,
            abstained: answer.abstained,
            cache,
        }
    }

    /// What feedback on one of its outcomes names.
    pub fn card(&self, phenotype: &str) -> Uuid {
        Uuid::new_v5(&self.id, phenotype.as_bytes())
    }

    /// The outcomes that may be shown to a clinician.
    pub(super) fn cards(&self) -> Vec<Uuid> {
        let shown = |outcome: &&AssessedOutcome| {
            outcome.horizons.iter().any(|one| one.live) && outcome.horizons.iter().any(|one| one.silence.is_none())
        };
        self.outcomes.iter().filter(shown).map(|outcome| self.card(&outcome.phenotype)).collect()
    }

    /// Why nothing is said: of the whole chart, and of each risk by itself.
    pub(super) fn silences(&self) -> Vec<Silence> {
        let whole = self.abstained.map(|reason| Silence { phenotype: None, horizon_days: None, reason });
        let risks = self.outcomes.iter().flat_map(|outcome| &outcome.horizons).map(|assessed| &assessed.risk);
        let single = risks.filter_map(|risk| {
            let phenotype = Some(risk.phenotype.to_string());
            Some(Silence { phenotype, horizon_days: Some(risk.horizon_days), reason: risk.abstained? })
        });
        whole.into_iter().chain(single).collect()
    }
}

/// Whether a service of this installation may show it.
fn is_live(parts: &HookParts, risk: &Risk) -> bool {
    let live = parts.catalogue.services().iter().filter(|service| service.mode == Mode::Live);
    live.flat_map(|service| &service.outcomes)
        .any(|shown| shown.phenotype == *risk.phenotype && shown.horizon_days == risk.horizon_days)
}

/// The facts behind a risk, as far as the model looked for them.
fn evidence(charted: &Charted, answer: &Answer, risk: &Risk) -> Vec<Evidence> {
    let mut found = answer.reasons.iter();
    let found = found.find(|one| one.phenotype == risk.phenotype && one.horizon_days == risk.horizon_days);
    let one = |reason: &Reason| {
        let at = charted.encoded.events.get(reason.event as usize)?.event;
        let event: &Event = charted.timeline.events.get(at as usize)?;
        let what = if event.code.display.trim().is_empty() { &event.code.code } else { &event.code.display };
        Some(Evidence {
            event: at as usize,
            source: charted.timeline.source(event).clone(),
            what: (**what).into(),
            when: event.known.saturating_add(event.clinical_offset),
            occurrences: reason.occurrences,
            risk_without: reason.risk_without,
        })
    };
    found.map(|found| found.reasons.iter().filter_map(one).collect()).unwrap_or_default()
}
