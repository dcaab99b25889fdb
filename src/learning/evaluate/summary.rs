//! Figures over many outcomes: the headline mean, how many are calibrated and worth acting on, the negative controls.

use super::accepted::{FIVE_YEARS, YEAR};
use super::calibration::{Calibration, pooled};
use super::discrimination::{Discrimination, DrawnAurocs};
use super::figures::{Estimate, Scores, Task};
use super::panel::{Panel, Target};
use super::utility::{JudgedBenefit, THRESHOLDS};
use crate::prediction::phenotype::Group;
use serde::Serialize;

/// One outcome with all that was found.
pub struct Judged<'a> {
    pub target: &'a Target,
    pub scores: Scores,
    /// The risk from which the package shows it.
    pub threshold: f64,
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

/// The headline and its neighbours, each over outcomes with at least [`super::figures::LEAST_EVENTS`] events.
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
        median_slope: median(calibration().filter_map(|figures| figures.slope.map(|slope| slope.value))),
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

/// How many of a set of outcomes tell the truth, and one line through all of them.
#[derive(Clone, Debug, Serialize)]
pub struct Calibrated {
    pub name: &'static str,
    /// Outcomes with calibration figures.
    pub outcomes: usize,
    /// Whose slope's interval reaches 0.8 to 1.25.
    pub good_slopes: usize,
    /// Whose expected calibration error is below 0.02 (one year) or 0.03 (longer).
    pub good_errors: usize,
    pub pooled_slope: Option<Estimate>,
    pub pooled_intercept: Option<Estimate>,
}

/// The accepted outcomes, and all without controls.
pub fn calibrated(panel: &Panel, judged: &[Judged<'_>], draws: &[Vec<u16>]) -> Vec<Calibrated> {
    let sets: [OutcomeSet; 2] = [
        ("accepted task-horizons", |task| task.accepted),
        ("all, without controls", |task| task.group != Group::Control),
    ];
    let of_set = |&(name, belongs): &OutcomeSet| {
        let set: Vec<(&Judged<'_>, &Calibration)> = judged
            .iter()
            .filter(|one| belongs(&one.task))
            .filter_map(|one| Some((one, one.task.calibration.as_ref()?)))
            .collect();
        let line = pooled(panel, set.iter().map(|(one, _)| (one.target, one.scores.model.as_slice())), |_| true);
        Calibrated {
            name,
            outcomes: set.len(),
            good_slopes: set.iter().filter(|(_, figures)| figures.slope_is_good()).count(),
            good_errors: set.iter().filter(|(one, figures)| figures.error_is_good(one.task.horizon_days)).count(),
            pooled_slope: line.as_ref().and_then(|line| line.slope(draws)),
            pooled_intercept: line.as_ref().and_then(|line| line.estimate(draws, |line| line.intercept)),
        }
    };
    sets.iter().map(of_set).filter(|set| set.outcomes > 0).collect()
}

/// At one fixed threshold, over the accepted outcomes: where acting on the risks is worth something.
#[derive(Clone, Debug, Serialize)]
pub struct Worthwhile {
    pub threshold: f64,
    pub outcomes: usize,
    /// Net benefit above alerting for everyone and for nobody; and with the whole interval above.
    pub above_not_looking: usize,
    pub surely_above_not_looking: usize,
    /// Net benefit not below the regression's, among the outcomes that have one.
    pub not_below_regression: usize,
    pub with_regression: usize,
}

/// One line per fixed threshold.
pub fn worthwhile(judged: &[Judged<'_>]) -> Vec<Worthwhile> {
    let accepted = || judged.iter().filter(|one| one.task.accepted).filter_map(|one| one.task.utility.as_ref());
    let at = |(place, &threshold): (usize, &f64)| {
        let benefits: Vec<_> = accepted().filter_map(|utility| utility.benefits.get(place)).collect();
        let count = |holds: &dyn Fn(&JudgedBenefit) -> bool| benefits.iter().filter(|one| holds(one)).count();
        Worthwhile {
            threshold,
            outcomes: benefits.len(),
            above_not_looking: count(&|one| one.above_not_looking.value > 0.0),
            surely_above_not_looking: count(&|one| one.above_not_looking.low > 0.0),
            not_below_regression: count(&|one| one.above_regression.is_some_and(|above| above.value >= 0.0)),
            with_regression: count(&|one| one.above_regression.is_some()),
        }
    };
    THRESHOLDS.iter().enumerate().map(at).collect()
}
