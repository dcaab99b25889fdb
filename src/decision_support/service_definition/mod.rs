//! CDS Services as folders: `ID/service.toml` becomes a checked [`Service`], all of them a [`Catalogue`].
//!
//! Refuses keys it does not know, outcomes that the model does not have, and outcomes that nobody can act on.

mod catalogue;
mod fault;
mod format_v1;
mod pairs_v1;

pub use catalogue::{Catalogue, DefinitionError, Known};

use super::prefetch::PrefetchKey;
use super::protocol::{Coding, Indicator};
use crate::prediction::model::Outcome;
use std::sync::Arc;

/// One CDS Service, ready to answer.
#[derive(Clone, Debug)]
pub struct Service {
    /// The folder's name and the last segment of the address.
    pub id: String,
    /// `patient-view` last, where there are several.
    pub hooks: Vec<String>,
    pub title: String,
    pub description: String,
    pub usage_requirements: Option<String>,
    pub mode: Mode,
    /// Who the cards say they come from.
    pub source_label: String,
    pub prefetch: Vec<PrefetchKey>,
    /// What it may show, in order of the definition.
    pub outcomes: Vec<ShownOutcome>,
    /// What it may show on days that ask a question of their own; a service has these or outcomes, never both.
    pub pairs: Vec<ShownPair>,
    pub override_reasons: Vec<Coding>,
    /// SHA-256 of the definition's text, hex: which wording a past card came from.
    pub hash: String,
}

/// Whether clinicians see anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    Live,
    /// Computed and remembered, no cards.
    Silent,
}

/// One outcome that may become a card.
#[derive(Clone, Debug)]
pub struct ShownOutcome {
    pub phenotype: String,
    pub horizon_days: u32,
    /// Calibrated risk from which a card is shown.
    pub threshold: f64,
    pub indicator: Indicator,
    /// Stable over time: EHRs suppress overridden cards by it.
    pub topic: Coding,
    /// Within a sentence: "chronic kidney disease".
    pub wording: String,
    /// Of outcomes that share a family (one contains the other) only the one furthest above its threshold is shown.
    pub family: Option<String>,
    /// At least one.
    pub suggestions: Vec<Offer>,
}

impl ShownOutcome {
    /// Whether it shows this outcome of the model.
    fn is_of(&self, outcome: &Outcome) -> bool {
        *self.phenotype == *outcome.phenotype && self.horizon_days == outcome.horizon_days
    }
}

/// One pair of an occasion and an outcome that may become a card.
#[derive(Clone, Debug)]
pub struct ShownPair {
    /// The pair's name: `nsaid-creatinine-90`.
    pub pair: Arc<str>,
    /// The name of its occasion: `new-nsaid`.
    pub occasion: String,
    /// Calibrated risk from which a card is shown.
    pub threshold: f64,
    pub indicator: Indicator,
    /// Stable over time: EHRs suppress overridden cards by it.
    pub topic: Coding,
    /// After "Patients like this": "who start an NSAID".
    pub group: String,
    /// Then: "have creatinine of 2.0 mg/dL or more".
    pub wording: String,
    /// Of pairs that share a family only the one furthest above its threshold is shown.
    pub family: Option<String>,
    /// A note offered for the draft that starts the drug.
    pub note: Option<String>,
    /// At least one.
    pub suggestions: Vec<Offer>,
}

/// A suggestion: an order for a test or a follow-up.
#[derive(Clone, Debug)]
pub struct Offer {
    pub label: String,
    /// What is ordered (ServiceRequest.code).
    pub code: Coding,
    /// Other codes of its system for the same measurement: a result under one of them shows that it was done.
    pub also: Vec<String>,
}

impl Offer {
    /// Whether a result under this code of its system is one of what is ordered.
    pub fn is_measured_by(&self, code: &str) -> bool {
        self.code.code == code || self.also.iter().any(|also| also == code)
    }
}

impl Service {
    /// The hook of this service that a call's `hook` stands for: itself, or the successor of a deprecated one.
    pub fn hook(&self, called: &str) -> Option<&str> {
        let successors: &[&str] = match called {
            "order-review" => &["order-review", "order-sign"],
            "medication-prescribe" => &["medication-prescribe", "order-select", "order-sign"],
            other => return self.hooks.iter().find(|hook| *hook == other).map(String::as_str),
        };
        successors.iter().find_map(|name| self.hooks.iter().find(|hook| hook == name)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
