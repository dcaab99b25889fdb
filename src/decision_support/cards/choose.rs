//! Which outcomes become cards.

use crate::decision_support::service_definition::{Service, ShownOutcome};
use crate::prediction::answer::{Answer, Explain, Risk};
use std::sync::Arc;

/// Cards of one answer.
pub const MOST_CARDS: usize = 3;

/// The outcomes to show: at or above their thresholds and not abstained, furthest above first, one of each
/// family, at most [`MOST_CARDS`].
pub fn choose<'a>(service: &'a Service, answer: &'a Answer) -> Vec<(&'a ShownOutcome, &'a Risk)> {
    if answer.abstained.is_some() {
        return Vec::new();
    }
    let above = |shown: &'a ShownOutcome| {
        let same = |risk: &&Risk| *risk.phenotype == *shown.phenotype && risk.horizon_days == shown.horizon_days;
        let risk = answer.risks.iter().find(same)?;
        (risk.abstained.is_none() && risk.risk >= shown.threshold).then_some((shown, risk))
    };
    let mut candidates: Vec<_> = service.outcomes.iter().filter_map(above).collect();
    candidates.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
    let mut chosen: Vec<(&ShownOutcome, &Risk)> = Vec::new();
    for candidate in candidates {
        let family = &candidate.0.family;
        if chosen.len() < MOST_CARDS && (family.is_none() || chosen.iter().all(|(shown, _)| shown.family != *family)) {
            chosen.push(candidate);
        }
    }
    chosen
}

/// How far a risk lies above its threshold, as a ratio.
fn excess((shown, risk): &(&ShownOutcome, &Risk)) -> f64 {
    risk.risk / shown.threshold.max(1e-9)
}

/// What to ask the model's reasons for, and how many. More than [`MOST_CARDS`] may be needed, since outcomes of
/// one family are explained before it is known which of them is shown.
pub fn explain(service: &Service) -> (Arc<[Explain]>, usize) {
    let rules = service.outcomes.iter().map(|shown| Explain {
        phenotype: shown.phenotype.clone(),
        horizon_days: shown.horizon_days,
        at_least: shown.threshold,
    });
    let mut families: Vec<&String> = service.outcomes.iter().filter_map(|shown| shown.family.as_ref()).collect();
    let members = families.len();
    families.sort();
    families.dedup();
    (rules.collect(), MOST_CARDS + members - families.len())
}
