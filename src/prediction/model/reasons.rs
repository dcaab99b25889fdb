//! Reasons: the facts without which a risk would be another, found by leaving each out and asking again. Association, not
//! effect.

use super::Model;
use crate::prediction::answer::{Explain, Question, Reason, Reasons, Risk};
use crate::prediction::network::{Hazards, History, Reading};
use std::collections::HashMap;

/// Facts whose leaving-out is computed exactly, chosen by first-order influence.
const EXACT_REASONS: usize = 12;
/// Reasons given at most.
const MOST_REASONS: usize = 6;

impl Model {
    /// Reasons for the outcomes that were asked about and reach their bound, the farthest above it first.
    pub(super) fn reasons(
        &self,
        question: &Question,
        history: &History,
        risks: &[Risk],
    ) -> candle_core::Result<Vec<Reasons>> {
        let find = |explain: &Explain| {
            let same = |risk: &Risk| *risk.phenotype == *explain.phenotype && risk.horizon_days == explain.horizon_days;
            let index = risks.iter().position(same)?;
            let risk = &risks[index];
            let reached = risk.abstained.is_none() && risk.risk >= explain.at_least;
            reached.then(|| (index, risk.risk / explain.at_least.max(1e-9)))
        };
        let mut wanted: Vec<(usize, f64)> = question.explain.iter().filter_map(find).collect();
        wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
        wanted.truncate(question.max_explained);
        let reading = Reading { history, day: question.chart.as_of_day, without: &[] };
        wanted.into_iter().map(|(index, _)| self.reasons_for(index, risks[index].risk, reading)).collect()
    }

    fn reasons_for(&self, index: usize, with: f64, reading: Reading) -> candle_core::Result<Reasons> {
        let computed = &self.computed[index];
        let calibrated = |by_reader: &[Vec<Hazards>], row: usize| {
            self.calibrated(&self.averages(by_reader, row)).get(index).map_or(with, |one| one.risk)
        };
        let reasons = self.reasons_of((computed.outcome, computed.bins), with, reading, calibrated)?;
        let outcome = &self.outcomes[index];
        Ok(Reasons { phenotype: outcome.phenotype.clone(), horizon_days: outcome.horizon_days, reasons })
    }

    /// The facts whose leaving-out moves the risk of an outcome within so many bins most. `with`: the risk with all of
    /// them; `calibrated`: the same risk of a row of hazards.
    pub(super) fn reasons_of(
        &self,
        (outcome, bins): (usize, usize),
        with: f64,
        reading: Reading,
        calibrated: impl Fn(&[Vec<Hazards>], usize) -> f64,
    ) -> candle_core::Result<Vec<Reason>> {
        let mut effects: HashMap<u32, f64> = HashMap::new();
        for one in &self.readers {
            for (key, effect) in one.reader.influence(reading, outcome, bins)? {
                *effects.entry(key).or_default() += one.weight * f64::from(effect);
            }
        }
        effects.retain(|key, _| !self.never_evidence(*key));
        let mut effects: Vec<(u32, f64)> = effects.into_iter().collect();
        effects.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        effects.truncate(EXACT_REASONS);
        let keys: Vec<u32> = effects.into_iter().map(|(key, _)| key).collect();
        let readings: Vec<Reading> =
            keys.iter().map(|key| Reading { without: std::slice::from_ref(key), ..reading }).collect();
        let without = self.hazards(&readings)?;
        let occurring = reading.history.occurrences(reading.day, &keys);
        let mut reasons: Vec<Reason> = occurring
            .into_iter()
            .enumerate()
            .map(|(row, (latest, occurrences))| Reason {
                event: latest as u32,
                occurrences,
                risk_without: calibrated(&without, row),
            })
            .collect();
        reasons.sort_by(|a, b| (b.risk_without - with).abs().total_cmp(&(a.risk_without - with).abs()));
        reasons.truncate(MOST_REASONS);
        Ok(reasons)
    }

    /// Whether a key is one that says nothing to a clinician, such as a review that falls due at every visit.
    fn never_evidence(&self, key: u32) -> bool {
        let entry = self.vocabulary.keys.get(key as usize);
        entry.is_some_and(|entry| self.phenotypes.is_never_evidence(&entry.key))
    }
}
