//! Everything that is said of one outcome within one horizon, with doubt.
//!
//! AUROC, average precision and C are taken on what happened after the gap; calibration, net benefit and alerts on
//! what happened from the index day on, which is what a served risk means. Every interval is the middle 95 % of draws
//! of whole patients, the same draws for all.

use super::accepted::is_accepted;
use super::calibration::Calibration;
use super::concordance::Concordance;
use super::discrimination::{Discrimination, DrawnAurocs};
use super::lead_time::LeadTime;
use super::panel::{Panel, Target};
use super::precision::AveragePrecision;
use super::utility::Utility;
use crate::prediction::model::Outcome;
use crate::prediction::phenotype::Group;
use serde::Serialize;

/// Outcomes with fewer events have counts in the tables and no figures.
pub const LEAST_EVENTS: usize = 20;

/// A value with the middle 95 % of its draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Estimate {
    /// Whether the interval lies on one side of 0.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// A score for every row of the panel from each that is judged.
pub struct Scores {
    pub model: Vec<f64>,
    /// Made for labels after the gap: for discrimination.
    pub age_sex: Vec<f64>,
    /// `None` where training rows had too few events to fit.
    pub regression: Option<Vec<f64>>,
    /// The same for labels from the index day: for calibration and net benefit.
    pub served_age_sex: Vec<f64>,
    pub served_regression: Option<Vec<f64>>,
}

/// First occurrences and repeats of an outcome that can come again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Occurrences {
    pub first: Apart,
    pub repeat: Apart,
}

/// Rows of one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Apart {
    pub rows: usize,
    pub events: usize,
    /// `None` with few events.
    pub auroc: Option<Discrimination>,
}

/// Everything that is said of one outcome within one horizon.
#[derive(Clone, Debug, Serialize)]
pub struct Task {
    pub outcome: String,
    pub title: String,
    pub group: Group,
    pub horizon_days: u32,
    /// Counts in the headline.
    pub accepted: bool,
    /// Why the package never shows it, if so.
    pub silent: Option<&'static str>,
    /// After the gap: patients and rows at risk, events in rows, patients with an event, events per row.
    pub patients: usize,
    pub rows: usize,
    pub events: usize,
    pub patients_with_event: usize,
    pub prevalence: f64,
    pub discrimination: Option<Discrimination>,
    pub average_precision: Option<AveragePrecision>,
    /// Time-dependent C of the risk at the horizon.
    pub concordance: Option<Estimate>,
    pub calibration: Option<Calibration>,
    pub utility: Option<Utility>,
    pub lead_time: Option<LeadTime>,
    /// Only for outcomes that can come again.
    pub occurrences: Option<Occurrences>,
}

impl Task {
    /// Judges one outcome; also what [`DrawnAurocs::mean`] needs. `recurrent`: it can come again.
    pub fn judge(
        panel: &Panel,
        target: &Target,
        (outcome, recurrent): (&Outcome, bool),
        scores: &Scores,
        draws: &[Vec<u16>],
    ) -> (Self, Option<DrawnAurocs>) {
        let at_risk = || {
            let labels = panel.rows.iter().zip(&target.after_gap);
            labels.filter_map(|(row, label)| Some((row.patient, (*label)?)))
        };
        let patients = |rows: &mut dyn Iterator<Item = u32>| rows.collect::<std::collections::BTreeSet<u32>>().len();
        let (rows, events) = (at_risk().count(), at_risk().filter(|row| row.1).count());
        let drawn = (events >= LEAST_EVENTS).then(|| DrawnAurocs::of(panel, target, scores, draws, |_| true)).flatten();
        let enough = drawn.is_some();
        let task = Self {
            outcome: outcome.phenotype.to_string(),
            title: outcome.title.clone(),
            group: outcome.group,
            horizon_days: target.horizon_days,
            accepted: is_accepted(&outcome.phenotype, target.horizon_days),
            silent: outcome.silent.map(|why| why.as_str()),
            patients: patients(&mut at_risk().map(|row| row.0)),
            rows,
            events,
            patients_with_event: patients(&mut at_risk().filter(|row| row.1).map(|row| row.0)),
            prevalence: events as f64 / rows.max(1) as f64,
            discrimination: drawn.as_ref().and_then(Discrimination::of),
            average_precision: enough.then(|| AveragePrecision::of(panel, target, scores, draws)).flatten(),
            concordance: enough.then(|| Concordance::new(panel, target, &scores.model).estimate(draws)).flatten(),
            calibration: Calibration::of(panel, target, scores, draws),
            utility: Utility::of(panel, target, scores, outcome.alert_threshold, draws),
            lead_time: LeadTime::of(panel, target, &scores.model),
            occurrences: (recurrent && enough).then(|| Occurrences::of(panel, target, scores, draws)),
        };
        (task, drawn)
    }
}

impl Occurrences {
    fn of(panel: &Panel, target: &Target, scores: &Scores, draws: &[Vec<u16>]) -> Self {
        let apart = |before: bool| {
            let counts = |row: usize| target.courses[row].before == before;
            let labels = || target.after_gap.iter().enumerate().filter(|(row, label)| counts(*row) && label.is_some());
            let events = labels().filter(|(_, label)| **label == Some(true)).count();
            let drawn = (events >= LEAST_EVENTS).then(|| DrawnAurocs::of(panel, target, scores, draws, counts));
            Apart { rows: labels().count(), events, auroc: drawn.flatten().as_ref().and_then(Discrimination::of) }
        };
        Self { first: apart(false), repeat: apart(true) }
    }
}
