//! A loaded model: the package's parts joined into answers.
//!
//! Owns the way from an encoded chart to risks: every reader's hazards, averaged as risks. [`load`] puts a model together,
//! refusing a package whose parts do not match; [`risks`] calibrates what the readers say and answers; [`silence`] says
//! of which charts nothing may be shown; [`reasons`] are found by leaving facts out.

mod load;
mod reasons;
mod risks;
mod silence;

pub use super::package::PackageError;
pub use load::{known_keys, reader};

use super::answer::{Abstention, Answer, Oracle, Question, Risk};
use super::distance::Distance;
use super::engine::AskError;
use super::false_alerts::FalseAlerts;
use super::network::{Hazards, History, Reader, Reading, risk};
use super::occasion::Occasions;
use super::package::{Fitted, Limits};
use super::pairs::KnownPair;
use super::phenotype::{Group, Phenotypes};
use super::vocabulary::{EncodedChart, Vocabulary, encode_timeline};
use crate::patient_record::timeline::{Second, Timeline};
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
    /// Thresholds that keep false alerts rare, by the share promised; empty where the package has none.
    pub false_alerts: Vec<FalseAlerts>,
    /// Why it is never shown, if so.
    pub silent: Option<Abstention>,
}

/// How one outcome within one horizon is computed.
struct Computed {
    /// Index among the phenotypes.
    outcome: usize,
    /// Bins that end within the horizon.
    bins: usize,
    fitted: Fitted,
}

/// A package in memory, ready to answer.
pub struct Model {
    pub vocabulary: Vocabulary,
    pub phenotypes: Phenotypes,
    readers: Vec<WeightedReader>,
    text_buckets: usize,
    context: usize,
    limits: Limits,
    distance: Option<Distance>,
    outcomes: Vec<Outcome>,
    computed: Vec<Computed>,
    pairs: Vec<KnownPair>,
    identity: String,
}

impl Model {
    /// The readers whose risks are averaged, each with how much it counts.
    pub fn readers(&self) -> &[WeightedReader] {
        &self.readers
    }

    /// Text buckets that histories are prepared with, and the days of a window.
    pub fn reads(&self) -> (usize, usize) {
        (self.text_buckets, self.context)
    }

    /// Risk of each reading's outcomes averaged over readers, not calibrated: `[reading][outcome and horizon]`, in the
    /// order of [`Oracle::outcomes`]. For who calibrates anew; nobody is shown these.
    pub fn raw(&self, readings: &[Reading]) -> candle_core::Result<Vec<Vec<f64>>> {
        let by_reader = self.hazards(readings)?;
        Ok((0..readings.len()).map(|row| self.averages(&by_reader, row)).collect())
    }

    /// What every reader says: `[reader][reading]`.
    fn hazards(&self, readings: &[Reading]) -> candle_core::Result<Vec<Vec<Hazards>>> {
        self.readers.iter().map(|one| one.reader.hazards(readings)).collect()
    }

    /// One risk of a reading, averaged over readers.
    fn average(&self, by_reader: &[Vec<Hazards>], row: usize, outcome: usize, bins: usize) -> f64 {
        let whole: f64 = self.readers.iter().map(|one| one.weight).sum();
        let each = self.readers.iter().zip(by_reader);
        each.map(|(one, all)| one.weight * risk(&all[row], outcome, bins)).sum::<f64>() / whole
    }

    /// The risks of a reading, in the order of [`Oracle::outcomes`].
    fn averages(&self, by_reader: &[Vec<Hazards>], row: usize) -> Vec<f64> {
        let of = |computed: &Computed| self.average(by_reader, row, computed.outcome, computed.bins);
        self.computed.iter().map(of).collect()
    }
}

/// A reader and how much its risks count.
pub struct WeightedReader {
    pub reader: Box<dyn Reader>,
    pub weight: f64,
}

impl Oracle for Model {
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart {
        encode_timeline(timeline, &self.vocabulary, &self.phenotypes, as_of)
    }

    fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn pairs(&self) -> &[KnownPair] {
        &self.pairs
    }

    fn occasions(&self) -> Option<&Occasions> {
        Some(&self.phenotypes.occasions)
    }

    fn phenotypes(&self) -> Option<&Phenotypes> {
        Some(&self.phenotypes)
    }

    fn state(&self, chart: &EncodedChart) -> Result<Vec<f32>, AskError> {
        let history = History::new(chart, &self.vocabulary, self.text_buckets);
        let reading = [Reading { history: &history, day: chart.as_of_day, without: &[] }];
        let states: candle_core::Result<Vec<_>> = self.readers.iter().map(|one| one.reader.states(&reading)).collect();
        Ok(states.map_err(|_| AskError::Failed)?.into_iter().flatten().flatten().collect())
    }

    fn pair_risks(&self, charts: &[EncodedChart]) -> Vec<Vec<Risk>> {
        let risks = self.pair_risks_of(charts);
        risks.unwrap_or_else(|error| panic!("the network cannot read a window that was built for it: {error}"))
    }

    fn answer(&self, batch: &[Question]) -> Vec<Answer> {
        let prepare = |question: &Question| History::new(&question.chart, &self.vocabulary, self.text_buckets);
        let histories: Vec<History> = batch.iter().map(prepare).collect();
        let readings: Vec<Reading> = histories
            .iter()
            .zip(batch)
            .map(|(history, question)| Reading { history, day: question.chart.as_of_day, without: &[] })
            .collect();
        let answers = self.hazards(&readings).and_then(|by_reader| {
            let each = batch.iter().zip(&histories).enumerate();
            each.map(|(row, (question, history))| self.answer_one(question, history, (&by_reader, row))).collect()
        });
        // Shapes were proved at loading and windows are built here: a failure is a fault of this program.
        answers.unwrap_or_else(|error| panic!("the network cannot read a window that was built for it: {error}"))
    }

    fn tokens(&self, question: &Question) -> usize {
        question.chart.events.len().min(self.context) + 2
    }

    fn identity(&self) -> &str {
        &self.identity
    }
}
