//! CDS Services as folders: `ID/service.toml` becomes a checked [`Service`], all of them a [`Catalogue`].
//!
//! Refuses keys it does not know, outcomes that the model does not have, and outcomes that nobody can act on.

mod catalogue;
mod fault;
mod format_v1;

pub use catalogue::{Catalogue, DefinitionError};

use super::prefetch::PrefetchKey;
use super::protocol::{Coding, Indicator};

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

/// A suggestion: an order for a test or a follow-up.
#[derive(Clone, Debug)]
pub struct Offer {
    pub label: String,
    /// What is ordered (ServiceRequest.code).
    pub code: Coding,
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
