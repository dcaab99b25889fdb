//! The readers of finished runs, exactly as a package will keep them, and how much each counts.
//!
//! Owns the way from a run's best weights to package bytes and back, and the choice, on validation patients, between
//! the kinds of readers. Runs of one kind count equally.

use super::judged::Judged;
use super::train::left_out::LeftOut;
use super::train::run::{BEST, RunFile};
use super::train::validate::{gap_risk, mean_auroc, scores};
use crate::prediction::model::reader;
use crate::prediction::network::facts::Words;
use crate::prediction::network::{Facts, Parameters, Reader, ReaderConfig};
use crate::prediction::package::{PackagedReader, half_precision, widened};
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Vocabulary;
use anyhow::Context;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// Shares of the average are tried in steps of one over this.
const STEPS: usize = 8;

/// How much readers of facts, of days and trees count together; they sum to 1.
pub type Shares = [f64; 3];

/// One reader of the package to be.
pub struct Member {
    pub packaged: PackagedReader,
    pub bytes: Vec<u8>,
    /// With the weights as they are kept: what is calibrated is what will be served.
    pub reader: Box<dyn Reader>,
}

impl Member {
    /// Reads a run's best weights.
    pub fn of(run: &Path, file: &RunFile, number: usize, vocabulary: &Vocabulary) -> anyhow::Result<Self> {
        let best = candle_core::safetensors::load(run.join(BEST), &candle_core::Device::Cpu)
            .with_context(|| format!("`{}` has no best weights yet", run.display()))?;
        let weights: Parameters = best.into_iter().collect();
        let (kind, weights) = match &file.reader {
            ReaderConfig::Days(_) => ("days", weights),
            ReaderConfig::Trees(_) => ("trees", weights),
            ReaderConfig::Facts(config) => {
                let learned = Facts::learning(config.clone(), weights, Arc::new(Words::of(vocabulary)))?;
                ("facts", learned.to_package()?)
            }
        };
        let bytes = half_precision(&weights)?;
        let reader = reader(file.reader.clone(), widened(&bytes)?, vocabulary)?;
        let packaged =
            PackagedReader { file: format!("{kind}-{number}.safetensors"), weight: 1.0, reader: file.reader.clone() };
        Ok(Self { packaged, bytes, reader })
    }

    /// Place among [`Shares`].
    fn kind(&self) -> usize {
        match self.packaged.reader {
            ReaderConfig::Facts(_) => 0,
            ReaderConfig::Days(_) => 1,
            ReaderConfig::Trees(_) => 2,
        }
    }
}

/// What was found for one choice.
pub struct Tried {
    pub shares: Shares,
    /// Mean AUROC over validation outcomes, after the gap.
    pub auroc: f64,
    pub outcomes: usize,
}

impl Tried {
    /// The choice and what it gave, for people.
    pub fn text(&self) -> String {
        let ([facts, days, trees], auroc, outcomes) = (self.shares, self.auroc, self.outcomes);
        format!(
            "facts {facts:.2}, days {days:.2}, trees {trees:.2} of the average: mean AUROC {auroc:.4} over {outcomes} outcomes"
        )
    }
}

/// Tries how much each kind of reader should count, sets the members' weights to the best by validation, and says
/// what was tried; what was not taught has no say. `judged` has hazards by member.
pub(super) fn weigh(
    members: &mut [Member],
    phenotypes: &Phenotypes,
    left_out: &LeftOut,
    judged: &Judged,
) -> Vec<Tried> {
    let Judged { lives, moments, hazards, .. } = judged;
    let tried: Vec<Tried> = choices(members)
        .into_par_iter()
        .map(|shares| {
            let weights = weights(members, shares);
            let averaged = |row: usize, outcome: usize, gap: usize, bins: usize| {
                let each = weights.iter().zip(hazards).filter(|(weight, _)| **weight > 0.0);
                each.map(|(weight, of)| weight * gap_risk(&of[row], outcome, gap, bins)).sum::<f64>()
            };
            let mut scores = scores(phenotypes, lives, moments, &averaged);
            scores.retain(|score| !left_out.is(score.outcome));
            let (auroc, outcomes) = mean_auroc(phenotypes, &scores);
            Tried { shares, auroc, outcomes }
        })
        .collect();
    if let Some(best) = tried.iter().max_by(|a, b| a.auroc.total_cmp(&b.auroc)) {
        let chosen = weights(members, best.shares);
        members.iter_mut().zip(chosen).for_each(|(member, weight)| member.packaged.weight = weight);
    }
    tried
}

/// Every way to share the average among the kinds that there are, each with a part: shares differ less than validation can
/// tell, and each kind brings something of its own (facts exact contributions, days what outcomes share, trees
/// interactions). Whoever wants to do without one leaves its run out.
fn choices(members: &[Member]) -> Vec<Shares> {
    let there = [0, 1, 2].map(|kind| members.iter().any(|member| member.kind() == kind));
    shares(there)
}

fn shares(there: [bool; 3]) -> Vec<Shares> {
    let mut all = Vec::new();
    for facts in 0..=STEPS {
        for days in 0..=STEPS - facts {
            let steps = [facts, days, STEPS - facts - days];
            if steps.iter().zip(there).all(|(&part, there)| (part > 0) == there) {
                all.push(steps.map(|step| step as f64 / STEPS as f64));
            }
        }
    }
    all
}

/// Each member's part of the average; members of one kind count equally.
fn weights(members: &[Member], shares: Shares) -> Vec<f64> {
    let alike = |kind: usize| members.iter().filter(|member| member.kind() == kind).count() as f64;
    members.iter().map(|member| shares[member.kind()] / alike(member.kind())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_is_there_has_a_part_and_no_other() {
        assert_eq!(shares([false, true, false]), [[0.0, 1.0, 0.0]]);
        let all = shares([true, true, true]);
        assert_eq!(all.len(), 21);
        assert!(all.iter().all(|shares| shares.iter().all(|&share| share > 0.0) && shares.iter().sum::<f64>() == 1.0));
        assert!(shares([true, false, true]).iter().all(|shares| shares[1] == 0.0 && shares[0] * shares[2] > 0.0));
    }
}
