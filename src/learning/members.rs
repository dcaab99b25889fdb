//! The readers of finished runs, exactly as a package will keep them, and how much each counts.
//!
//! Owns the way from a run's best weights to package bytes and back, and the choice, on validation patients, between
//! the two kinds of readers. Runs of one kind count equally.

use super::train::lives::Life;
use super::train::run::{BEST, RunFile};
use super::train::validate::{Moment, gap_risk, mean_auroc, scores};
use crate::prediction::model::reader;
use crate::prediction::network::facts::Words;
use crate::prediction::network::{Facts, Hazards, Parameters, Reader, ReaderConfig};
use crate::prediction::package::{PackagedReader, half_precision, widened};
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Vocabulary;
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;

/// Shares of the average that readers of facts are tried with.
const SHARES: [f64; 5] = [0.0, 1.0 / 3.0, 0.5, 2.0 / 3.0, 1.0];

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

    fn reads_facts(&self) -> bool {
        matches!(self.packaged.reader, ReaderConfig::Facts(_))
    }
}

/// What was found for one share.
pub struct Tried {
    pub facts_share: f64,
    /// Mean AUROC over validation outcomes, after the gap.
    pub auroc: f64,
    pub outcomes: usize,
}

/// Tries how much readers of facts should count beside readers of days, sets the members' weights to the best by
/// validation, and says what was tried. `hazards` by member.
pub fn weigh(
    members: &mut [Member],
    phenotypes: &Phenotypes,
    lives: &[Life],
    moments: &[Moment],
    hazards: &[Vec<Hazards>],
) -> Vec<Tried> {
    let facts = members.iter().filter(|member| member.reads_facts()).count();
    let days = members.len() - facts;
    let tried: Vec<Tried> = SHARES
        .into_iter()
        .filter(|&share| (facts > 0 || share == 0.0) && (days > 0 || share == 1.0))
        .map(|facts_share| {
            let weights = weights(members, facts, facts_share);
            let averaged = |row: usize, outcome: usize, gap: usize, bins: usize| {
                let each = weights.iter().zip(hazards).filter(|(weight, _)| **weight > 0.0);
                each.map(|(weight, of)| weight * gap_risk(&of[row], outcome, gap, bins)).sum::<f64>()
            };
            let (auroc, outcomes) = mean_auroc(phenotypes, &scores(phenotypes, lives, moments, &averaged));
            Tried { facts_share, auroc, outcomes }
        })
        .collect();
    let best = tried.iter().max_by(|a, b| a.auroc.total_cmp(&b.auroc)).map_or(0.5, |best| best.facts_share);
    let chosen = weights(members, facts, best);
    members.iter_mut().zip(chosen).for_each(|(member, weight)| member.packaged.weight = weight);
    tried
}

/// Each member's part of the average; they sum to 1.
fn weights(members: &[Member], facts: usize, facts_share: f64) -> Vec<f64> {
    let days = (members.len() - facts).max(1) as f64;
    let of = |member: &Member| match member.reads_facts() {
        true => facts_share / facts as f64,
        false => (1.0 - facts_share) / days,
    };
    members.iter().map(of).collect()
}
