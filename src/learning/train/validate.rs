//! Judging a network on validation lives: AUROC per outcome and horizon, with the gap of the headline evaluation.

use super::lives::Life;
use super::windows::seed_of;
use crate::learning::evaluate::cohort::{Draw, Window, label};
use crate::learning::evaluate::metrics::auroc;
use crate::prediction::network::{Hazards, NetworkConfig, Reader, Reading};
use crate::prediction::phenotype::{Group, Phenotypes};

/// Outcomes with fewer events are left out of means.
pub const LEAST_EVENTS: usize = 20;
const READINGS_PER_PASS: usize = 32;

/// A life and one of its index days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub life: usize,
    pub day: i32,
}

/// Index days of every life, fixed by the seed.
pub fn moments(lives: &[Life], draw: Draw, seed: u64) -> Vec<Moment> {
    let days = |(life, one): (usize, &Life)| {
        let days = one.index_days(draw, seed_of([seed, 0, life as u64]));
        days.into_iter().map(move |day| Moment { life, day })
    };
    lives.iter().enumerate().flat_map(days).collect()
}

/// Hazards at every moment.
pub fn hazards(
    reader: &dyn Reader,
    lives: &[Life],
    moments: &[Moment],
    progress: &dyn Fn(usize),
) -> candle_core::Result<Vec<Hazards>> {
    let mut all = Vec::with_capacity(moments.len());
    for pass in moments.chunks(READINGS_PER_PASS) {
        let readings: Vec<Reading> =
            pass.iter().map(|m| Reading { history: &lives[m.life].history, day: m.day, without: &[] }).collect();
        all.extend(reader.hazards(&readings)?);
        progress(all.len());
    }
    Ok(all)
}

/// How one outcome within one horizon was told apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    pub outcome: usize,
    pub horizon_days: u32,
    pub events: usize,
    pub rows: usize,
    pub auroc: f64,
}

/// The probability of an event between the gap and the horizon, given none before.
pub fn gap_risk(hazards: &Hazards, outcome: usize, gap_bins: usize, bins: usize) -> f64 {
    1.0 - (-hazards[gap_bins..bins].iter().map(|bin| bin[outcome] as f64).sum::<f64>()).exp()
}

/// AUROC of every outcome and horizon that has both events and non-events among fully followed rows.
/// `risk` gives that of a moment: (moment, outcome, bins of the gap, bins of the horizon).
pub fn scores(
    phenotypes: &Phenotypes,
    lives: &[Life],
    moments: &[Moment],
    risk: &(dyn Fn(usize, usize, usize, usize) -> f64 + Sync),
) -> Vec<Score> {
    let gap = phenotypes.gap_days;
    let gap_bins = NetworkConfig::bins_within(gap).unwrap_or(0);
    let mut scores = Vec::new();
    for outcome in 0..phenotypes.outcomes.len() {
        for &horizon in &phenotypes.horizons_days {
            let Some(bins) = NetworkConfig::bins_within(horizon) else { continue };
            let window = Window { gap_days: gap as i32, horizon_days: horizon as i32 };
            let (mut events, mut risks) = (Vec::new(), Vec::new());
            for (row, moment) in moments.iter().enumerate() {
                let life = &lives[moment.life];
                if moment.day + horizon as i32 > life.follow_up_end {
                    continue;
                }
                let days = &life.outcomes[outcome];
                if let Some(event) = label(phenotypes, outcome, days, life.sex, moment.day, window) {
                    events.push(event);
                    risks.push(risk(row, outcome, gap_bins, bins));
                }
            }
            if let Some(auroc) = auroc(&events, &risks) {
                let happened = events.iter().filter(|&&event| event).count();
                scores.push(Score { outcome, horizon_days: horizon, events: happened, rows: events.len(), auroc });
            }
        }
    }
    scores
}

/// Mean AUROC over outcomes that are not controls and have enough events; and how many they are.
pub fn mean_auroc(phenotypes: &Phenotypes, scores: &[Score]) -> (f64, usize) {
    let counted: Vec<f64> = scores
        .iter()
        .filter(|score| score.events >= LEAST_EVENTS && phenotypes.outcomes[score.outcome].1.group != Group::Control)
        .map(|score| score.auroc)
        .collect();
    (counted.iter().sum::<f64>() / counted.len().max(1) as f64, counted.len())
}
