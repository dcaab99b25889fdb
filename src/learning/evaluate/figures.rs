//! The figures of one outcome within one horizon: the model beside age and sex and beside a regression on counts.
//!
//! AUROC is taken on what happened after the gap, calibration on what happened from the index day on, which is what
//! a served risk means. Every interval is the middle 95 % of draws of whole patients, the same draws for all.

use super::accepted::is_accepted;
use super::metrics::{Bin, Ranking, brier, calibration_error, calibration_line, interval, reliability};
use super::panel::{Panel, Target};
use crate::prediction::model::Outcome;
use crate::prediction::phenotype::Group;
use serde::Serialize;

/// Outcomes with fewer events have counts in the tables and no figures.
pub const LEAST_EVENTS: usize = 20;
/// Bins of a drawn reliability curve.
const CURVE_BINS: usize = 10;

/// A value with the middle 95 % of its draws.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// A score for every row of the panel from each that is judged.
pub struct Scores {
    pub model: Vec<f64>,
    pub age_sex: Vec<f64>,
    /// `None` where training rows had too few events to fit.
    pub regression: Option<Vec<f64>>,
}

/// An AUROC for each that is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aurocs {
    pub model: f64,
    pub age_sex: f64,
    pub regression: Option<f64>,
}

/// AUROCs of one outcome on the rows and on every draw of patients.
pub struct DrawnAurocs {
    pub here: Aurocs,
    /// `None`: the draw had no event or nothing but events.
    pub draws: Vec<Option<Aurocs>>,
}

impl DrawnAurocs {
    /// `counts(row)` chooses rows; `draws[draw][patient]` as `metrics::patient_draws` gave them.
    pub fn of(
        panel: &Panel,
        target: &Target,
        scores: &Scores,
        draws: &[Vec<u16>],
        counts: impl Fn(usize) -> bool,
    ) -> Option<Self> {
        let labelled: Vec<(usize, bool)> =
            target.after_gap.iter().enumerate().filter_map(|(row, label)| Some((row, (*label)?))).collect();
        let labelled: Vec<(usize, bool)> = labelled.into_iter().filter(|(row, _)| counts(*row)).collect();
        let events: Vec<bool> = labelled.iter().map(|row| row.1).collect();
        let patients: Vec<usize> = labelled.iter().map(|row| panel.rows[row.0].patient as usize).collect();
        let ranking = |scores: &[f64]| {
            let scores: Vec<f64> = labelled.iter().map(|row| scores[row.0]).collect();
            Ranking::new(&events, &scores)
        };
        let (model, age_sex) = (ranking(&scores.model), ranking(&scores.age_sex));
        let regression = scores.regression.as_deref().map(ranking);
        let aurocs = |weight: &dyn Fn(usize) -> f64| {
            Some(Aurocs {
                model: model.auroc(weight)?,
                age_sex: age_sex.auroc(weight)?,
                regression: regression.as_ref().and_then(|ranking| ranking.auroc(weight)),
            })
        };
        let here = aurocs(&|_| 1.0)?;
        let draws = draws.iter().map(|draw| aurocs(&|row| f64::from(draw[patients[row]]))).collect();
        Some(Self { here, draws })
    }

    /// Any figure made of the AUROCs, with its interval. `None` where the figure has no value here.
    pub fn estimate(&self, figure: impl Fn(&Aurocs) -> Option<f64>) -> Option<Estimate> {
        let value = figure(&self.here)?;
        let (low, high) = interval(self.draws.iter().map(|draw| draw.as_ref().and_then(&figure)))?;
        Some(Estimate { value, low, high })
    }

    /// The mean over several outcomes, on the rows and draw by draw. `None` without any.
    pub fn mean(several: &[&DrawnAurocs]) -> Option<Self> {
        let draws = several.iter().map(|one| one.draws.len()).min()?;
        let here = mean_of(several.iter().map(|one| Some(one.here)))?;
        let draws = (0..draws).map(|draw| mean_of(several.iter().map(|one| one.draws[draw]))).collect();
        Some(Self { here, draws })
    }
}

/// The mean of all; `None` when one is missing, since the mean of others would be of another set of outcomes.
fn mean_of(all: impl Iterator<Item = Option<Aurocs>>) -> Option<Aurocs> {
    let all: Option<Vec<Aurocs>> = all.collect();
    let all = all.filter(|all| !all.is_empty())?;
    let n = all.len() as f64;
    let regression: Option<Vec<f64>> = all.iter().map(|one| one.regression).collect();
    Some(Aurocs {
        model: all.iter().map(|one| one.model).sum::<f64>() / n,
        age_sex: all.iter().map(|one| one.age_sex).sum::<f64>() / n,
        regression: regression.map(|values| values.iter().sum::<f64>() / n),
    })
}

/// The AUROCs of the model and of both baselines, and by how much the model is above each.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Discrimination {
    pub model: Estimate,
    pub age_sex: Estimate,
    pub regression: Option<Estimate>,
    pub above_age_sex: Estimate,
    pub above_regression: Option<Estimate>,
}

impl Discrimination {
    /// With intervals from the draws.
    pub fn of(drawn: &DrawnAurocs) -> Option<Self> {
        Some(Self {
            model: drawn.estimate(|a| Some(a.model))?,
            age_sex: drawn.estimate(|a| Some(a.age_sex))?,
            regression: drawn.estimate(|a| a.regression),
            above_age_sex: drawn.estimate(|a| Some(a.model - a.age_sex))?,
            above_regression: drawn.estimate(|a| Some(a.model - a.regression?)),
        })
    }
}

/// How true the risks are, from the index day on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    pub rows: usize,
    pub events: usize,
    pub mean_risk: f64,
    pub observed: f64,
    /// Of the logistic line: 1 and 0 when true. `None` where it cannot be fitted.
    pub slope: Option<f64>,
    pub intercept: Option<f64>,
    /// Expected calibration error, 15 bins of equal mass.
    pub error: f64,
    pub brier: f64,
    /// The same for the age-and-sex average.
    pub age_sex_brier: f64,
    pub alerts: Alerts,
    pub curve: Vec<Bin>,
}

/// What the package's threshold does on these rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alerts {
    pub threshold: f64,
    /// Share of rows at or above it.
    pub share: f64,
    /// Share of those with the event; `None` without an alert.
    pub precision: Option<f64>,
    /// Share of events that were alerted.
    pub sensitivity: f64,
}

impl Calibration {
    /// `None` with fewer than [`LEAST_EVENTS`] events.
    fn of(target: &Target, scores: &Scores, threshold: f64) -> Option<Self> {
        let rows: Vec<(usize, bool)> =
            target.from_day_0.iter().enumerate().filter_map(|(row, label)| Some((row, (*label)?))).collect();
        let events: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let happened = events.iter().filter(|&&event| event).count();
        if happened < LEAST_EVENTS {
            return None;
        }
        let risks: Vec<f64> = rows.iter().map(|row| scores.model[row.0]).collect();
        let averages: Vec<f64> = rows.iter().map(|row| scores.age_sex[row.0]).collect();
        let line = calibration_line(&events, &risks);
        let n = rows.len() as f64;
        let alerted = risks.iter().filter(|&&risk| risk >= threshold).count();
        let right = risks.iter().zip(&events).filter(|&(&risk, &event)| event && risk >= threshold).count();
        Some(Self {
            rows: rows.len(),
            events: happened,
            mean_risk: risks.iter().sum::<f64>() / n,
            observed: happened as f64 / n,
            slope: line.map(|line| line.slope),
            intercept: line.map(|line| line.intercept),
            error: calibration_error(&events, &risks),
            brier: brier(&events, &risks),
            age_sex_brier: brier(&events, &averages),
            alerts: Alerts {
                threshold,
                share: alerted as f64 / n,
                precision: (alerted > 0).then(|| right as f64 / alerted as f64),
                sensitivity: right as f64 / happened as f64,
            },
            curve: reliability(&events, &risks, CURVE_BINS),
        })
    }
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
    pub calibration: Option<Calibration>,
}

impl Task {
    /// Judges one outcome; also what [`DrawnAurocs::mean`] needs.
    pub fn judge(
        panel: &Panel,
        target: &Target,
        outcome: &Outcome,
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
            calibration: Calibration::of(target, scores, outcome.alert_threshold),
        };
        (task, drawn)
    }
}
