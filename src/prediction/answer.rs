//! What is asked of a model and what it answers, as plain data between the engine and everyone else.

use super::engine::AskError;
use super::model::Outcome;
use super::occasion::Occasions;
use super::pairs::KnownPair;
use super::phenotype::Phenotypes;
use super::vocabulary::EncodedChart;
use crate::patient_record::timeline::{Second, Timeline};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One chart, as of one moment, and for which outcomes the reasons are wanted.
#[derive(Clone, Debug)]
pub struct Question {
    pub chart: Arc<EncodedChart>,
    /// Reasons are found only for outcomes whose calibrated risk reaches its bound, since they cost more
    /// than the risk itself; the riskiest (relative to the bound) first, at most `max_explained`.
    pub explain: Arc<[Explain]>,
    pub max_explained: usize,
    /// Pairs whose occasion the as-of day is, as the asker knows.
    pub pairs: Arc<[AskPair]>,
}

/// Ask for a pair, and for the reasons behind it when its risk is at least `at_least`.
#[derive(Clone, Debug, PartialEq)]
pub struct AskPair {
    /// `readmission-30`
    pub pair: Arc<str>,
    /// Calibrated probability, 0 to 1.
    pub at_least: f64,
}

/// Ask for the reasons behind one outcome when its risk is at least `at_least`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explain {
    pub phenotype: String,
    pub horizon_days: u32,
    /// Calibrated probability, 0 to 1.
    pub at_least: f64,
}

/// Every risk that the package knows, for one chart at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub risks: Vec<Risk>,
    pub reasons: Vec<Reasons>,
    /// The pairs asked about that the model knows, in order of the question.
    pub pairs: Vec<PairRisk>,
    /// Why nothing may be shown for this chart at all; the risks are computed all the same.
    pub abstained: Option<Abstention>,
}

/// What is said of one pair; its reason for silence holds that of the whole chart too.
#[derive(Clone, Debug, PartialEq)]
pub struct PairRisk {
    pub pair: Arc<str>,
    pub risk: Risk,
    /// Largest change first, by absolute value; empty below the bound that was asked for.
    pub reasons: Vec<Reason>,
}

/// A calibrated probability for one outcome within one horizon.
#[derive(Clone, Debug, PartialEq)]
pub struct Risk {
    pub phenotype: Arc<str>,
    /// From the as-of moment to this many days later.
    pub horizon_days: u32,
    /// Calibrated probability, 0 to 1.
    pub risk: f64,
    /// 95 % interval of `risk`: how far it would move had other patients calibrated it (see `prediction::interval`).
    /// `None` where the package does not know.
    pub interval: Option<(f64, f64)>,
    /// The average of the same age and sex, 0 to 1.
    pub baseline_risk: f64,
    /// Why this outcome is not shown, over and above [`Answer::abstained`].
    pub abstained: Option<Abstention>,
}

/// The events that moved one risk most.
#[derive(Clone, Debug, PartialEq)]
pub struct Reasons {
    pub phenotype: Arc<str>,
    pub horizon_days: u32,
    /// Largest change first, by absolute value.
    pub reasons: Vec<Reason>,
}

/// One fact and what the risk would be if it were not in the record (all events with the same key taken out).
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Index of the latest such event in `EncodedChart::events` of the question. The asker finds the timeline's
    /// event through `ChartEvent::event` of its own chart, so that an answer kept for an equal chart still
    /// leads to the right resource.
    pub event: u32,
    /// How many events with this key the model's window holds.
    pub occurrences: u32,
    /// Calibrated probability without them.
    pub risk_without: f64,
}

/// Why the server stays silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Abstention {
    /// Too few active days or too short a history to say anything.
    ThinChart,
    /// No birth date, or an age the model was not trained on.
    AgeOutOfRange,
    /// Sex is not stated as female or male: the baseline and the model know only these two.
    SexUnknown,
    /// Too many codes that the model has never seen.
    UnfamiliarCodes,
    /// The readers say of this chart what they say of hardly any calibration chart.
    UnlikeCalibration,
    Deceased,
    /// The disease is already in the record.
    AlreadyPresent,
    /// An exclusion of the phenotype is in the record, or a measurement it needs is not.
    NotEligible,
    /// The outcome showed no skill above age and sex on validation patients.
    NoSkill,
    /// Never shown: nothing that a clinician can act on (death, pregnancy, medication starts, controls).
    NotActionable,
}

impl Abstention {
    /// The stable word used in answers, audit and `predict`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ThinChart => "thin-chart",
            Self::AgeOutOfRange => "age-out-of-range",
            Self::SexUnknown => "sex-unknown",
            Self::UnfamiliarCodes => "unfamiliar-codes",
            Self::UnlikeCalibration => "unlike-calibration",
            Self::Deceased => "deceased",
            Self::AlreadyPresent => "already-present",
            Self::NotEligible => "not-eligible",
            Self::NoSkill => "no-skill",
            Self::NotActionable => "not-actionable",
        }
    }
}

/// Something that answers questions in batches: a model. The engine owns it on threads of its own.
pub trait Oracle: Send + Sync + 'static {
    /// Writes a timeline in this model's words, cut at `as_of` (inclusive).
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart;

    /// What is known of each outcome apart from any patient, in the order of every [`Answer::risks`].
    fn outcomes(&self) -> &[Outcome];

    /// The pairs of an occasion and an outcome that the model knows.
    fn pairs(&self) -> &[KnownPair] {
        &[]
    }

    /// The days that pairs begin with; `None` where the model knows of none.
    fn occasions(&self) -> Option<&Occasions> {
        None
    }

    /// The risks of every chart at its as-of day, which the asker knows to be an occasion, in the order of
    /// [`Oracle::pairs`]; each with its reason for silence, that of the whole chart first.
    fn pair_risks(&self, charts: &[EncodedChart]) -> Vec<Vec<Risk>> {
        vec![Vec::new(); charts.len()]
    }

    /// How outcomes are defined; `None` where the model does not say.
    fn phenotypes(&self) -> Option<&Phenotypes> {
        None
    }

    /// What the readers make of a chart before any outcome is asked, side by side; empty where no reader has such a state.
    ///
    /// # Errors
    /// When the model fails on it.
    fn state(&self, _chart: &EncodedChart) -> Result<Vec<f32>, AskError> {
        Ok(Vec::new())
    }

    /// One answer per question, in order; a batch answers like its members alone.
    fn answer(&self, batch: &[Question]) -> Vec<Answer>;

    /// The tokens that a question puts into a batch, for the token budget.
    fn tokens(&self, question: &Question) -> usize;

    /// Name and content hash of the model, `prodrome-s@1a2b3c4d5e6f`.
    fn identity(&self) -> &str;
}
