//! Does a key predict what nothing should predict?
//!
//! Negative controls (injuries, infections) come by chance at a given age and sex. Each key, known at all or since a
//! month, is tried alone against each of them on index days: events with it beside those expected from age and
//! sex, by a score test whose variance counts whole patients, corrected for every trial.

use super::{Check, Finding, Survey, of_keys};
use crate::learning::evaluate::cohort::{Window, label};
use crate::learning::lint::survey::{IndexDay, Lived};
use crate::prediction::phenotype::{Group, Phenotypes};
use std::collections::HashMap;

const YEAR: i32 = 365;
/// Events with the key, from which it is tried, and patients who have them.
const FEWEST_EVENTS: u32 = 20;
/// Twice as many events as age and sex expect, or half as many: a leak; a little more is how care is sought.
const TIMES_EXPECTED: f64 = 2.0;
/// Chance of any false finding over all trials.
const ALPHA: f64 = 0.001;
const AGE_BAND: i32 = 10 * 365;
const AGE_BANDS: usize = 13;

/// A row: where the life stands and whether the control came.
struct Row<'a> {
    life: &'a Lived,
    index: &'a IndexDay,
    /// Age band and sex.
    stratum: usize,
    event: bool,
}

/// Keys that predict a control.
pub fn negative_controls(survey: &Survey, phenotypes: &Phenotypes) -> Vec<Finding> {
    let controls: Vec<usize> = (0..phenotypes.outcomes.len())
        .filter(|&outcome| phenotypes.outcomes[outcome].1.group == Group::Control)
        .collect();
    let mut trials = Vec::new();
    for &outcome in &controls {
        for recent in [false, true] {
            trials.extend(screened(survey, phenotypes, outcome, recent));
        }
    }
    let bound = bound(trials.len());
    let (mut stops, mut warnings) = (Vec::new(), Vec::new());
    trials.sort_by(|a, b| b.score.abs().total_cmp(&a.score.abs()));
    for trial in trials.iter().filter(|trial| trial.score.abs() > bound) {
        let since = if trial.recent { "since a month" } else { "at all" };
        let line = format!(
            "`{}` after {} known {since}: {} events, {:.1} expected ({:.1} standard deviations, chance allows {bound:.1})",
            phenotypes.outcomes[trial.outcome].0,
            survey.name(trial.key),
            trial.events,
            trial.expected,
            trial.score
        );
        let times = f64::from(trial.events) / trial.expected.max(1e-9);
        if times >= TIMES_EXPECTED || times <= 1.0 / TIMES_EXPECTED { stops.push(line) } else { warnings.push(line) }
    }
    of_keys(Check::NegativeControl, "keys predict a negative control beyond chance", stops, warnings)
}

/// One key against one control.
struct Trial {
    outcome: usize,
    key: u32,
    /// Only what stood in the month before.
    recent: bool,
    events: u32,
    expected: f64,
    score: f64,
}

fn screened(survey: &Survey, phenotypes: &Phenotypes, outcome: usize, recent: bool) -> Vec<Trial> {
    let window = Window { gap_days: 0, horizon_days: YEAR };
    let rows: Vec<Row> = survey
        .training()
        .flat_map(|life| life.index_days.iter().map(move |index| (life, index)))
        .filter_map(|(life, index)| {
            let event = label(phenotypes, outcome, &life.outcomes[outcome], life.sex, index.day, window)?;
            let band = (index.day / AGE_BAND).clamp(0, AGE_BANDS as i32 - 1) as usize;
            Some(Row { life, index, stratum: band * 3 + life.sex as usize, event })
        })
        .collect();
    let mut strata = vec![(0_u32, 0_u32); AGE_BANDS * 3];
    for row in &rows {
        let stratum = &mut strata[row.stratum];
        *stratum = (stratum.0 + 1, stratum.1 + u32::from(row.event));
    }
    let rate = |row: &Row| f64::from(strata[row.stratum].1) / f64::from(strata[row.stratum].0.max(1));
    // By key: events, expected, the sum over patients of their residuals and of its squares.
    let mut sums: HashMap<u32, (u32, f64, f64, f64)> = HashMap::new();
    let mut rows = rows.iter().peekable();
    while let Some(first) = rows.peek() {
        let life = first.life;
        let mut own: HashMap<u32, (u32, f64)> = HashMap::new();
        while let Some(row) = rows.next_if(|row| std::ptr::eq(row.life, life)) {
            let rate = rate(row);
            let mut count = |key: u32| {
                let (events, expected) = own.entry(key).or_default();
                (*events, *expected) = (*events + u32::from(row.event), *expected + rate);
            };
            match recent {
                true => row.index.month.iter().for_each(|&key| count(key)),
                false => life.facts.iter().filter(|seen| seen.first <= row.index.day).for_each(|seen| count(seen.key)),
            }
        }
        for (key, (events, expected)) in own {
            let residual = f64::from(events) - expected;
            let sum = sums.entry(key).or_default();
            *sum = (sum.0 + events, sum.1 + expected, sum.2 + residual, sum.3 + residual * residual);
        }
    }
    let enough = |events: u32, expected: f64| f64::from(events).max(expected) >= f64::from(FEWEST_EVENTS);
    let trial = |(key, (events, expected, sum, squares)): (u32, (u32, f64, f64, f64))| Trial {
        outcome,
        key,
        recent,
        events,
        expected,
        score: sum / f64::max(squares, 1e-9).sqrt(),
    };
    sums.into_iter().filter(|(_, sum)| enough(sum.0, sum.1)).map(trial).collect()
}

/// Standard deviations that chance stays below in all of so many trials, by the tail of the normal distribution.
fn bound(trials: usize) -> f64 {
    let alpha = ALPHA / trials.max(1) as f64 / 2.0;
    // A few steps of x = sqrt(-2 ln(alpha x sqrt(2 pi))), from Mills' ratio.
    (0..20).fold(4.0_f64, |x, _| (-2.0 * (alpha * x * (2.0 * std::f64::consts::PI).sqrt()).ln()).max(1.0).sqrt())
}
