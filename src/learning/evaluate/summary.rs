//! Figures over many outcomes: the headline mean, the negative controls, subgroups of patients.

use super::accepted::{FIVE_YEARS, YEAR};
use super::figures::{Aurocs, Discrimination, DrawnAurocs, Estimate, LEAST_EVENTS, Scores, Task};
use super::panel::{Panel, PanelRow, Target};
use crate::patient_record::timeline::Sex;
use crate::prediction::phenotype::Group;
use rayon::prelude::*;
use serde::Serialize;

/// One outcome with all that was found.
pub struct Judged<'a> {
    pub target: &'a Target,
    pub scores: Scores,
    pub task: Task,
    pub drawn: Option<DrawnAurocs>,
}

/// The mean over a set of outcomes.
#[derive(Clone, Debug, Serialize)]
pub struct Mean {
    pub name: &'static str,
    pub outcomes: usize,
    /// Outcomes where the model's AUROC is above the baseline's.
    pub wins_over_age_sex: usize,
    pub wins_over_regression: usize,
    #[serde(rename = "auroc")]
    pub discrimination: Discrimination,
    /// Middle values over the set, from the index day on.
    pub median_slope: Option<f64>,
    pub median_calibration_error: Option<f64>,
}

/// A set of outcomes by what they are.
type OutcomeSet = (&'static str, fn(&Task) -> bool);
/// A set of patients by the row.
type RowSet<'a> = (&'static str, &'a (dyn Fn(&PanelRow) -> bool + Sync));

/// The headline and its neighbours, each over outcomes with at least [`LEAST_EVENTS`] events.
pub fn means(judged: &[Judged<'_>]) -> Vec<Mean> {
    outcome_sets().iter().filter_map(|(name, belongs)| mean(name, judged, *belongs)).collect()
}

/// The sets of outcomes that means are taken over.
pub fn outcome_sets() -> [OutcomeSet; 4] {
    [
        ("accepted task-horizons", |task| task.accepted),
        ("all at 1 year, without controls", |task| task.group != Group::Control && task.horizon_days == YEAR),
        ("all at 5 years, without controls", |task| task.group != Group::Control && task.horizon_days == FIVE_YEARS),
        ("negative controls", |task| task.group == Group::Control),
    ]
}

fn mean(name: &'static str, judged: &[Judged<'_>], belongs: fn(&Task) -> bool) -> Option<Mean> {
    let set: Vec<(&Task, &DrawnAurocs)> = judged
        .iter()
        .filter(|one| belongs(&one.task))
        .filter_map(|one| Some((&one.task, one.drawn.as_ref()?)))
        .collect();
    let drawn: Vec<&DrawnAurocs> = set.iter().map(|one| one.1).collect();
    let calibration = || set.iter().filter_map(|one| one.0.calibration.as_ref());
    Some(Mean {
        name,
        outcomes: set.len(),
        wins_over_age_sex: drawn.iter().filter(|one| one.here.model > one.here.age_sex).count(),
        wins_over_regression: drawn
            .iter()
            .filter(|one| one.here.regression.is_some_and(|regression| one.here.model > regression))
            .count(),
        discrimination: Discrimination::of(&DrawnAurocs::mean(&drawn)?)?,
        median_slope: median(calibration().filter_map(|figures| figures.slope)),
        median_calibration_error: median(calibration().map(|figures| figures.error)),
    })
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

/// How far a negative control may lie above chance, or above age and sex where that is higher.
pub const CONTROL_MARGIN: f64 = 0.05;

/// An outcome that nothing in a record foretells: a high AUROC would be a leak.
#[derive(Clone, Debug, Serialize)]
pub struct Control {
    pub name: String,
    pub events: usize,
    pub model: Estimate,
    pub age_sex: f64,
    /// Chance or age and sex, whichever is higher, plus [`CONTROL_MARGIN`].
    pub at_most: f64,
    pub holds: bool,
}

/// Each negative control with enough events, and their mean.
pub fn controls(judged: &[Judged<'_>]) -> Vec<Control> {
    let check = |name: String, events: usize, drawn: &DrawnAurocs| {
        let at_most = drawn.here.age_sex.max(0.5) + CONTROL_MARGIN;
        let model = drawn.estimate(|aurocs| Some(aurocs.model))?;
        let holds = model.value <= at_most;
        Some(Control { name, events, model, age_sex: drawn.here.age_sex, at_most, holds })
    };
    let set: Vec<(&Task, &DrawnAurocs)> = judged
        .iter()
        .filter(|one| one.task.group == Group::Control)
        .filter_map(|one| Some((&one.task, one.drawn.as_ref()?)))
        .collect();
    let mean = DrawnAurocs::mean(&set.iter().map(|one| one.1).collect::<Vec<_>>());
    let events = set.iter().map(|one| one.0.events).sum();
    let mean = mean.and_then(|mean| check("mean of all".into(), events, &mean));
    let each = set.iter().filter_map(|(task, drawn)| {
        check(format!("{}, {}", task.title, super::report::horizon(task.horizon_days)), task.events, drawn)
    });
    each.chain(mean).collect()
}

/// Some of the patients, over the accepted outcomes that have enough events among them.
#[derive(Clone, Debug, Serialize)]
pub struct Subgroup {
    pub name: &'static str,
    pub patients: usize,
    pub rows: usize,
    pub outcomes: usize,
    pub auroc: Option<Estimate>,
    pub age_sex: Option<Estimate>,
    pub above_age_sex: Option<Estimate>,
    /// Events that happened per event foretold, over all accepted outcomes: 1 when true.
    pub observed_per_expected: Option<f64>,
}

/// By sex and by age.
pub fn subgroups(panel: &Panel, judged: &[Judged<'_>], draws: &[Vec<u16>]) -> Vec<Subgroup> {
    let aged = |row: &PanelRow, from: f64, to: f64| (from..to).contains(&row.age_years());
    let groups: [RowSet<'_>; 6] = [
        ("women", &|row| row.sex == Sex::Female),
        ("men", &|row| row.sex == Sex::Male),
        ("aged 30 to 49", &|row| aged(row, 0.0, 50.0)),
        ("aged 50 to 64", &|row| aged(row, 50.0, 65.0)),
        ("aged 65 to 79", &|row| aged(row, 65.0, 80.0)),
        ("aged 80 or more", &|row| aged(row, 80.0, f64::INFINITY)),
    ];
    groups.iter().map(|(name, belongs)| subgroup(name, panel, judged, draws, *belongs)).collect()
}

fn subgroup(
    name: &'static str,
    panel: &Panel,
    judged: &[Judged<'_>],
    draws: &[Vec<u16>],
    belongs: &(dyn Fn(&PanelRow) -> bool + Sync),
) -> Subgroup {
    let inside: Vec<bool> = panel.rows.iter().map(belongs).collect();
    let rows = || panel.rows.iter().zip(&inside).filter(|(_, inside)| **inside).map(|(row, _)| row.patient);
    let accepted = || judged.iter().filter(|one| one.task.accepted);
    let enough = |target: &Target| {
        let events = target.after_gap.iter().zip(&inside).filter(|(label, inside)| **inside && **label == Some(true));
        events.count() >= LEAST_EVENTS
    };
    let drawn: Vec<DrawnAurocs> = accepted()
        .filter(|one| enough(one.target))
        .collect::<Vec<_>>()
        .par_iter()
        .filter_map(|one| DrawnAurocs::of(panel, one.target, &one.scores, draws, |row| inside[row]))
        .collect();
    let mean = DrawnAurocs::mean(&drawn.iter().collect::<Vec<_>>());
    let (mut observed, mut expected) = (0.0, 0.0);
    for one in accepted() {
        for (row, label) in one.target.from_day_0.iter().enumerate().filter(|(row, _)| inside[*row]) {
            if let Some(event) = label {
                observed += f64::from(u8::from(*event));
                expected += one.scores.model[row];
            }
        }
    }
    let estimate =
        |figure: &dyn Fn(&Aurocs) -> f64| mean.as_ref().and_then(|mean| mean.estimate(|aurocs| Some(figure(aurocs))));
    Subgroup {
        name,
        patients: rows().collect::<std::collections::BTreeSet<u32>>().len(),
        rows: rows().count(),
        outcomes: drawn.len(),
        auroc: estimate(&|a| a.model),
        age_sex: estimate(&|a| a.age_sex),
        above_age_sex: estimate(&|a| a.model - a.age_sex),
        observed_per_expected: (expected > 0.0).then(|| observed / expected),
    }
}
