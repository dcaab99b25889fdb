//! Cards as the specification wants them.

use super::choose::choose;
use super::detail::detail;
use super::outlook;
use super::wording::{horizon, percent};
use crate::decision_support::occasions::Begun;
use crate::decision_support::prefetch::PrefetchKey;
use crate::decision_support::protocol::{Action, Card, Coding, Context, SelectionBehavior, Source, Suggestion};
use crate::decision_support::service_definition::{Offer, Service, ShownOutcome};
use crate::patient_record::timeline::{Event, Second, Timeline, UnsignedOrder};
use crate::prediction::answer::{Answer, Risk};
use crate::prediction::vocabulary::EncodedChart;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Namespace of all uuids that this server derives.
const NAMESPACE: Uuid = Uuid::from_u128(0x7b1f_0c56_4a0e_4d0c_9d3e_5c8a_41b7_2f60);
/// Name of the machine-readable figures in a card's `extension`.
const ASSESSMENT: &str = "org.prodrome.assessment";

/// What a call's uuids are derived from: the same call gives the same ones, every other call different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSeed(Uuid);

impl CallSeed {
    /// From issuer, service, hookInstance and the body as received.
    pub fn new(issuer: Option<&str>, service: &str, hook_instance: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [issuer.unwrap_or_default().as_bytes(), service.as_bytes(), hook_instance.as_bytes(), body] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(Uuid::new_v5(&NAMESPACE, &hash.finalize()))
    }

    pub(super) fn uuid(self, what: &str) -> String {
        Uuid::new_v5(&self.0, what.as_bytes()).to_string()
    }
}

/// Everything that a card speaks of.
pub struct CardFacts<'a> {
    pub seed: CallSeed,
    pub answer: &'a Answer,
    pub chart: &'a EncodedChart,
    pub timeline: &'a Timeline,
    /// Orders that are being written.
    pub orders: &'a [UnsignedOrder],
    /// Pairs of the service that were asked about.
    pub begun: &'a [Begun],
    pub context: &'a Context,
    pub as_of: Second,
    /// The model's identity.
    pub model: &'a str,
    /// What the service asks for.
    pub asked: &'a [PrefetchKey],
    /// Declared prefetch keys that did not come, or not whole.
    pub unread: &'a [String],
    /// Where this installation's documentation stands.
    pub documentation_url: Option<&'a str>,
}

impl<'a> CardFacts<'a> {
    /// The timeline's event behind a position in the encoded chart.
    pub(super) fn event(&self, position: u32) -> Option<&'a Event> {
        let position = self.chart.events.get(position as usize)?.event;
        self.timeline.events.get(position as usize)
    }
}

/// The cards of one answer, riskiest first; none is a valid answer.
pub fn compose(service: &Service, facts: &CardFacts<'_>) -> Vec<Card> {
    let outcomes = choose(service, facts.answer).into_iter().map(|(shown, risk)| card(service, facts, shown, risk));
    outcomes.chain(outlook::compose(service, facts)).collect()
}

fn card(service: &Service, facts: &CardFacts<'_>, shown: &ShownOutcome, risk: &Risk) -> Card {
    let offers = shown.suggestions.iter().enumerate();
    Card {
        uuid: facts.seed.uuid(&format!("card/{}", shown.phenotype)),
        summary: summary(shown, risk),
        detail: Some(detail(facts, shown, risk)),
        indicator: shown.indicator,
        source: source(service, facts, &shown.topic),
        suggestions: offers.map(|(number, offer)| suggestion(facts, &shown.phenotype, number, offer)).collect(),
        selection_behavior: Some(SelectionBehavior::Any),
        override_reasons: service.override_reasons.clone(),
        links: Vec::new(),
        extension: assessment(facts, risk),
    }
}

pub(super) fn source(service: &Service, facts: &CardFacts<'_>, topic: &Coding) -> Source {
    Source {
        label: service.source_label.clone(),
        url: facts.documentation_url.map(str::to_owned),
        topic: Some(topic.clone()),
    }
}

/// At most 137 characters, since wordings are at most 60.
fn summary(shown: &ShownOutcome, risk: &Risk) -> String {
    format!(
        "Estimated risk of {} within {}: {} (average for age and sex: {})",
        shown.wording,
        horizon(risk.horizon_days),
        percent(risk.risk),
        percent(risk.baseline_risk)
    )
}

/// An order for a test or a follow-up as a draft. `name`: what the card is about, within the answer.
pub(super) fn suggestion(facts: &CardFacts<'_>, name: &str, number: usize, offer: &Offer) -> Suggestion {
    let mut resource = json!({
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "code": { "coding": [offer.code] },
        "subject": { "reference": format!("Patient/{}", facts.context.patient_id) },
    });
    if let (Some(encounter), Value::Object(members)) = (&facts.context.encounter_id, &mut resource) {
        members.insert("encounter".into(), json!({ "reference": format!("Encounter/{encounter}") }));
    }
    Suggestion {
        label: offer.label.clone(),
        uuid: facts.seed.uuid(&format!("suggestion/{name}/{number}")),
        actions: vec![Action { kind: "create".into(), description: offer.label.clone(), resource }],
    }
}

/// The machine-readable figures.
pub(super) fn assessment(facts: &CardFacts<'_>, risk: &Risk) -> Map<String, Value> {
    let as_of = jiff::Timestamp::from_second(facts.as_of).map(|moment| moment.to_string()).unwrap_or_default();
    let assessment = json!({
        "phenotype": &*risk.phenotype,
        "horizon_days": risk.horizon_days,
        "risk": risk.risk,
        "baseline_risk": risk.baseline_risk,
        "as_of": as_of,
        "model": facts.model,
    });
    Map::from_iter([(ASSESSMENT.to_owned(), assessment)])
}
