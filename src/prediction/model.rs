//! A loaded model: the package's parts joined into answers.
//!
//! Owns the way from an encoded chart to calibrated risks and reasons. Refuses to load a package whose
//! parts do not match.

use super::answer::{Abstention, Answer, Oracle, Question};
use super::phenotype::{Group, Phenotypes};
use super::vocabulary::{EncodedChart, Vocabulary, encode_timeline};
use crate::patient_record::timeline::{Second, Timeline};
use std::path::Path;
use std::sync::Arc;

/// What the package knows of one outcome within one horizon, apart from any patient.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub phenotype: Arc<str>,
    pub title: String,
    pub group: Group,
    pub horizon_days: u32,
    /// The calibrated risk above which 5 % of the calibration split's index dates lie.
    pub alert_threshold: f64,
    /// Why it is never shown, if so.
    pub silent: Option<Abstention>,
}

/// Why a package cannot be used. Every message names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error("model package `{0}`: {1}")]
    Unusable(String, String),
}

/// A package in memory, ready to answer.
pub struct Model {
    pub vocabulary: Vocabulary,
    pub phenotypes: Phenotypes,
    /// In the order of every [`Answer::risks`]: by phenotype, then horizon.
    pub outcomes: Vec<Outcome>,
    identity: String,
}

impl Model {
    /// Loads and checks a package folder (`models/prodrome-s`).
    pub fn load(_folder: &Path) -> Result<Self, PackageError> {
        unimplemented!("package")
    }
}

impl Oracle for Model {
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart {
        encode_timeline(timeline, &self.vocabulary, &self.phenotypes, as_of)
    }

    fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn answer(&self, _batch: &[Question]) -> Vec<Answer> {
        unimplemented!("network")
    }

    fn tokens(&self, question: &Question) -> usize {
        question.chart.events.len().min(128)
    }

    fn identity(&self) -> &str {
        &self.identity
    }
}
