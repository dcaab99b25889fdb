//! The two plain baselines, age and sex and a regression on counts, fitted on training rows and applied to test rows.
//!
//! Both are fitted for labels after the gap, as the AUROC asks. For calibration and net benefit, which count from the
//! index day, the age-and-sex table is fitted again and the regression's level is set on the training rows.

use super::counts::{PLAIN_COLUMNS, SparseRows};
use super::panel::{Panel, Target};
use super::regression::{Effort, Regression};
use crate::prediction::calibration::{AgeSexTable, logistic, logit};
use indicatif::ProgressBar;
use rayon::prelude::*;

/// Training events below which no regression is fitted for an outcome.
const LEAST_TRAINING_EVENTS: usize = 20;
/// Ridge and passes of the regression. The ridge was chosen on validation patients among 10, 30, 100, 300 and 1000;
/// passes beyond 40 changed nothing there.
const RIDGE: f64 = 1000.0;
const PASSES: usize = 60;

/// Risks of test rows, by target.
pub struct Plain {
    /// For labels after the gap.
    pub age_sex: Vec<f64>,
    pub regression: Option<Vec<f64>>,
    /// For labels from the index day.
    pub served_age_sex: Vec<f64>,
    pub served_regression: Option<Vec<f64>>,
}

impl Plain {
    /// At another site nothing is fitted: the averages that the package knows, and no regression.
    pub fn of_package(averages: Vec<f64>) -> Self {
        Self { age_sex: averages.clone(), regression: None, served_age_sex: averages, served_regression: None }
    }
}

/// Training rows and their counts.
#[derive(Clone, Copy)]
pub struct Fitting<'a> {
    pub panel: &'a Panel,
    pub counts: &'a SparseRows,
}

/// Fits both on training rows for every target of the panels and applies them to test rows.
pub fn plain(panel: &Panel, counts: &SparseRows, train: Fitting<'_>, progress: &ProgressBar) -> Vec<Plain> {
    let enough =
        |labels: &[Option<bool>]| labels.iter().filter(|&&label| label == Some(true)).count() >= LEAST_TRAINING_EVENTS;
    let targets = &train.panel.targets;
    let fitted: Vec<usize> = (0..panel.targets.len()).filter(|&i| enough(&targets[i].after_gap)).collect();
    let labels: Vec<&[Option<bool>]> = fitted.iter().map(|&i| targets[i].after_gap.as_slice()).collect();
    let effort = Effort { ridge: RIDGE, free_columns: PLAIN_COLUMNS, passes: PASSES };
    let regression = Regression::fit(train.counts, &labels, effort, progress);
    let apply = |counts: &SparseRows| -> Vec<Vec<f64>> {
        (0..counts.len()).into_par_iter().map(|row| regression.risks(counts.row(row))).collect()
    };
    let (here, there) = (apply(counts), apply(train.counts));
    let column = |rows: &[Vec<f64>], column: usize| rows.iter().map(|row| row[column]).collect::<Vec<f64>>();
    panel
        .targets
        .iter()
        .enumerate()
        .map(|(index, _)| {
            let place = fitted.iter().position(|&fitted| fitted == index);
            let regression = place.map(|place| column(&here, place));
            let shift = place.map(|place| level(&column(&there, place), &targets[index].from_day_0));
            let served = regression.iter().flatten().zip(std::iter::repeat(shift.unwrap_or(0.0)));
            let served: Vec<f64> = served.map(|(&risk, shift)| logistic(logit(risk) + shift)).collect();
            Plain {
                age_sex: by_age_and_sex(panel, train.panel, |target| &target.after_gap, index),
                served_age_sex: by_age_and_sex(panel, train.panel, |target| &target.from_day_0, index),
                served_regression: regression.is_some().then_some(served),
                regression,
            }
        })
        .collect()
}

fn by_age_and_sex(
    panel: &Panel,
    train: &Panel,
    labels: impl Fn(&Target) -> &Vec<Option<bool>>,
    index: usize,
) -> Vec<f64> {
    let rows = train.rows.iter().zip(labels(&train.targets[index]));
    let table = AgeSexTable::fit(rows.filter_map(|(row, label)| Some((row.age_years(), row.sex, (*label)?))));
    panel.rows.iter().map(|row| table.rate(row.age_years(), row.sex)).collect()
}

/// What must be added to log odds for the mean risk to be the share that happened, by Newton's method.
fn level(risks: &[f64], labels: &[Option<bool>]) -> f64 {
    let rows: Vec<(f64, f64)> = risks
        .iter()
        .zip(labels)
        .filter_map(|(&risk, label)| Some((logit(risk), f64::from(u8::from((*label)?)))))
        .collect();
    let mut shift = 0.0;
    for _ in 0..50 {
        let (mut miss, mut curvature) = (0.0, 1e-9);
        for &(x, event) in &rows {
            let p = logistic(x + shift);
            miss += event - p;
            curvature += p * (1.0 - p);
        }
        let step: f64 = (miss / curvature).clamp(-1.0, 1.0);
        shift += step;
        if step.abs() < 1e-9 {
            break;
        }
    }
    shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_brings_the_mean_risk_to_what_happened() {
        // Everyone at one half, one in four happened: log odds fall by ln 3. A row without a label says nothing.
        let labels = [Some(true), Some(false), Some(false), Some(false), None];
        assert!((level(&[0.5; 5], &labels) + 3.0_f64.ln()).abs() < 1e-6);
        assert_eq!(level(&[], &[]), 0.0);
    }
}
