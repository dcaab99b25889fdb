//! From a network's raw risk to one that means what it says, and the average of the same age and sex beside it.
//!
//! Owns Platt's straight line on the log odds and the smoothed age-and-sex table, one of each per outcome and
//! horizon, fitted by `learning` on patients that no weight was fitted on and stored in the model package.
//! Refuses to turn an order around: a calibrated risk ranks patients as the raw one did.

use crate::patient_record::timeline::Sex;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Risks nearer than this to 0 or 1 are taken as this near, so that log odds stay finite.
const EDGE: f64 = 1e-7;

/// The log odds of a probability, finite for 0 and 1 too.
pub fn logit(probability: f64) -> f64 {
    let p = probability.clamp(EDGE, 1.0 - EDGE);
    (p / (1.0 - p)).ln()
}

/// The probability of log odds.
pub fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// A straight line on the log odds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub slope: f64,
    pub intercept: f64,
}

impl Line {
    /// Leaves every risk as it is.
    pub const UNCHANGED: Line = Line { slope: 1.0, intercept: 0.0 };

    /// The risk moved along the line.
    pub fn apply(&self, risk: f64) -> f64 {
        logistic(self.slope * logit(risk) + self.intercept)
    }

    /// Logistic regression of outcomes on the log odds of `risks` by Newton's method. With perfectly calibrated
    /// risks it is [`Line::UNCHANGED`]. `None` without both an event and a non-event, or when all risks are equal.
    pub fn of(risks: &[f64], events: &[bool]) -> Option<Self> {
        let x: Vec<f64> = risks.iter().map(|&risk| logit(risk)).collect();
        let n = x.len() as f64;
        let happened = events.iter().filter(|&&event| event).count();
        let middle = x.iter().sum::<f64>() / n;
        let spread = x.iter().map(|x| (x - middle).powi(2)).sum::<f64>();
        if happened == 0 || happened == events.len() || x.len() != events.len() || spread < 1e-12 * n {
            return None;
        }
        // Centred, so that slope and level hardly disturb each other.
        let mut level = logit(happened as f64 / n);
        let mut slope = 0.0_f64;
        for _ in 0..100 {
            let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
            for (&x, &event) in x.iter().zip(events) {
                let x = x - middle;
                let p = logistic(level + slope * x);
                let (miss, w) = (f64::from(u8::from(event)) - p, p * (1.0 - p));
                g0 += miss;
                g1 += miss * x;
                h00 += w;
                h01 += w * x;
                h11 += w * x * x;
            }
            let determinant = (h00 * h11 - h01 * h01).max(1e-12);
            let step_level = ((h11 * g0 - h01 * g1) / determinant).clamp(-1.0, 1.0);
            let step_slope = ((h00 * g1 - h01 * g0) / determinant).clamp(-1.0, 1.0);
            level += step_level;
            slope += step_slope;
            if step_level.abs() + step_slope.abs() < 1e-9 {
                break;
            }
        }
        Some(Self { slope, intercept: level - slope * middle })
    }

    /// Platt scaling for a package: the most likely line of `risks` and `events` given what is believed before
    /// ([`PRIOR_SLOPE`], [`PRIOR_SPREAD`], [`Level`]). `patients` names whose each row is: the index days of one patient count as one
    /// observation together, so that a line of few patients is drawn towards that belief. The slope stays positive: order
    /// is kept.
    pub fn calibrate(risks: &[f64], events: &[bool], patients: &[usize], level: Level) -> Self {
        let x: Vec<f64> = risks.iter().map(|&risk| logit(risk)).collect();
        let own: HashSet<usize> = patients.iter().copied().collect();
        let weight = own.len() as f64 / x.len().max(1) as f64;
        let middle = middle(&x);
        let (prior, level_prior) = (PRIOR_SPREAD.powi(-2), level.spread().powi(-2));
        let (mut slope, mut level) = (PRIOR_SLOPE, 0.0);
        for _ in 0..100 {
            let (mut g0, mut g1) = (-level * level_prior, (PRIOR_SLOPE - slope) * prior);
            let (mut h00, mut h01, mut h11) = (level_prior, 0.0, prior);
            for (&x, &event) in x.iter().zip(events) {
                let x = x - middle;
                let p = logistic(middle + level + slope * x);
                let (miss, w) = (weight * (f64::from(u8::from(event)) - p), weight * p * (1.0 - p));
                g0 += miss;
                g1 += miss * x;
                h00 += w;
                h01 += w * x;
                h11 += w * x * x;
            }
            let determinant = h00 * h11 - h01 * h01;
            let step_level = ((h11 * g0 - h01 * g1) / determinant).clamp(-1.0, 1.0);
            let step_slope = ((h00 * g1 - h01 * g0) / determinant).clamp(-1.0, 1.0);
            (level, slope) = (level + step_level, slope + step_slope);
            if step_level.abs() + step_slope.abs() < 1e-9 {
                break;
            }
        }
        let slope = slope.clamp(LEAST_SLOPE, MOST_SLOPE);
        Self { slope, intercept: middle + level - slope * middle }
    }
}

/// The mean of log odds, each counted by how much an event or its absence would tell there.
fn middle(x: &[f64]) -> f64 {
    let tells = |x: f64| logistic(x) * (1.0 - logistic(x));
    let all: f64 = x.iter().map(|&x| tells(x)).sum();
    if all > 0.0 { x.iter().map(|&x| tells(x) * x).sum::<f64>() / all } else { 0.0 }
}

/// The slope that is expected before any patient is seen: the average of several readers is drawn towards the middle, so
/// its log odds are somewhat too small. Measured on calibration and on validation patients: 1.2 on average over outcomes.
pub const PRIOR_SLOPE: f64 = 1.2;
/// Standard deviation of the slope around it.
pub const PRIOR_SPREAD: f64 = 0.3;

/// How far the level of a raw risk may be from that of the patients it is calibrated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Patients and days of the kind that the readers were trained on: their mean is nearly right already, and they saw
    /// more patients than there are to calibrate on.
    AsTrained,
    /// Another hospital's patients, or days of another kind, such as discharges.
    Unknown,
}

impl Level {
    /// Standard deviation of the log odds around those of the raw risk.
    fn spread(self) -> f64 {
        match self {
            Self::AsTrained => 0.3,
            Self::Unknown => 1.0,
        }
    }
}

const LEAST_SLOPE: f64 = 0.05;
const MOST_SLOPE: f64 = 5.0;

/// How often an outcome happens at each age, for each sex: the average that a risk is shown beside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgeSexTable {
    /// Rate at ages 0, 2, 4, ... 110 years; women, then men.
    female: Vec<f64>,
    male: Vec<f64>,
}

/// Years between the ages of the table, its last age, and the width of the smoothing.
const AGE_STEP: f64 = 2.0;
const LAST_AGE: f64 = 110.0;
const AGE_SMOOTHING_YEARS: f64 = 5.0;
/// Ages with fewer rows around them than this lean on the mean of their sex.
const ROWS_OF_THE_MEAN: f64 = 20.0;

impl AgeSexTable {
    /// Fits the table: a Gaussian average over ages, leaning on the mean of the sex (and that one on the mean of
    /// all) where rows are few. Rows without a stated sex count for both.
    pub fn fit(rows: impl Iterator<Item = (f64, Sex, bool)>) -> Self {
        let rows: Vec<(f64, Sex, f64)> = rows.map(|(age, sex, event)| (age, sex, f64::from(u8::from(event)))).collect();
        let all = (rows.iter().map(|row| row.2).sum::<f64>() + 0.5) / (rows.len() as f64 + 1.0);
        let of = |sex: Sex| -> Vec<f64> {
            let rows: Vec<_> = rows.iter().filter(|row| row.1 == sex || row.1 == Sex::Unknown).collect();
            let events: f64 = rows.iter().map(|row| row.2).sum();
            let mean = (events + ROWS_OF_THE_MEAN * all) / (rows.len() as f64 + ROWS_OF_THE_MEAN);
            let ages = (LAST_AGE / AGE_STEP) as usize + 1;
            (0..ages)
                .map(|step| {
                    let centre = step as f64 * AGE_STEP;
                    let (mut weight, mut sum) = (ROWS_OF_THE_MEAN, ROWS_OF_THE_MEAN * mean);
                    for (age, _, event) in &rows {
                        let near = (-0.5 * ((age - centre) / AGE_SMOOTHING_YEARS).powi(2)).exp();
                        weight += near;
                        sum += near * event;
                    }
                    sum / weight
                })
                .collect()
        };
        Self { female: of(Sex::Female), male: of(Sex::Male) }
    }

    /// The rate at an age, between 0 and 1. Beyond the table's ends its end counts; where sex is not stated,
    /// the middle of both.
    pub fn rate(&self, age_years: f64, sex: Sex) -> f64 {
        let at = |rates: &[f64]| {
            let place = (age_years.clamp(0.0, LAST_AGE) / AGE_STEP).max(0.0);
            let (below, part) = (place.floor() as usize, place.fract());
            let low = rates.get(below).copied().unwrap_or_default();
            let high = rates.get(below + 1).copied().unwrap_or(low);
            low + part * (high - low)
        };
        match sex {
            Sex::Female => at(&self.female),
            Sex::Male => at(&self.male),
            Sex::Unknown => (at(&self.female) + at(&self.male)) / 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    /// Outcomes drawn from true risks.
    fn drawn(n: usize, seed: u64) -> (Vec<f64>, Vec<bool>) {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let risks: Vec<f64> = (0..n).map(|_| logistic(rng.random_range(-4.0..2.0))).collect();
        let events = risks.iter().map(|&risk| rng.random::<f64>() < risk).collect();
        (risks, events)
    }

    #[test]
    fn true_risks_have_slope_one_and_intercept_nought() {
        let (risks, events) = drawn(40_000, 1);
        let line = Line::of(&risks, &events).unwrap();
        assert!((line.slope - 1.0).abs() < 0.05 && line.intercept.abs() < 0.05, "{line:?}");
    }

    #[test]
    fn a_distorted_risk_is_set_right() {
        let (risks, events) = drawn(40_000, 2);
        let bent: Vec<f64> = risks.iter().map(|&risk| Line { slope: 2.0, intercept: 0.7 }.apply(risk)).collect();
        let line = Line::calibrate(&bent, &events, &(0..40_000).collect::<Vec<_>>(), Level::AsTrained);
        for (&risk, &bent) in risks.iter().zip(&bent).take(100) {
            assert!((line.apply(bent) - risk).abs() < 0.02);
        }
    }

    #[test]
    fn few_patients_leave_the_line_near_what_is_expected_and_many_do_not() {
        let steep = |n: usize| {
            let (risks, events) = drawn(n, 3);
            let risks: Vec<f64> = risks.iter().map(|&risk| Line { slope: 4.0, intercept: 0.0 }.apply(risk)).collect();
            let patients: Vec<usize> = (0..n).collect();
            Line::calibrate(&risks, &events, &patients, Level::AsTrained).slope
        };
        assert!((steep(20_000) - 0.25).abs() < 0.02, "{}", steep(20_000));
        assert!((steep(2) - PRIOR_SLOPE).abs() < 0.3, "{}", steep(2));
        assert!((0.2..0.8).contains(&steep(60)), "{}", steep(60));
    }

    #[test]
    fn many_days_of_few_patients_count_as_few() {
        let (risks, events) = drawn(100, 5);
        let bent: Vec<f64> = risks.iter().map(|&risk| Line { slope: 2.0, intercept: 1.0 }.apply(risk)).collect();
        let once = Line::calibrate(&bent, &events, &(0..100).collect::<Vec<_>>(), Level::AsTrained);
        let often = Line::calibrate(
            &bent.repeat(10),
            &events.repeat(10),
            &(0..1_000).map(|row| row % 100).collect::<Vec<_>>(),
            Level::AsTrained,
        );
        assert!((once.slope - often.slope).abs() < 1e-6 && (once.intercept - often.intercept).abs() < 1e-6);
    }

    #[test]
    fn no_event_lowers_the_risk_and_keeps_it_finite() {
        let line = Line::calibrate(&[0.1; 200], &[false; 200], &(0..200).collect::<Vec<_>>(), Level::AsTrained);
        assert!(line.apply(0.1) < 0.08 && line.apply(0.1) > 0.001, "{}", line.apply(0.1));
        assert_eq!(Line::of(&[0.1; 200], &[false; 200]), None);
        let nobody = Line::calibrate(&[], &[], &[], Level::AsTrained);
        assert_eq!((nobody.slope, nobody.intercept), (PRIOR_SLOPE, 0.0));
    }

    #[test]
    fn an_inverse_relation_never_turns_the_order_around() {
        let (risks, events) = drawn(2_000, 4);
        let turned: Vec<bool> = events.iter().map(|event| !event).collect();
        let line = Line::calibrate(&risks, &turned, &(0..2_000).collect::<Vec<_>>(), Level::AsTrained);
        assert!(line.apply(0.9) > line.apply(0.1));
    }

    #[test]
    fn the_table_follows_age_and_sex_and_leans_on_the_mean_where_rows_are_few() {
        let rows = (0..40_000).map(|i| {
            let age = 30.0 + f64::from(i % 50);
            let sex = if i % 2 == 0 { Sex::Female } else { Sex::Male };
            let rate = if sex == Sex::Male { 0.02 * (age - 30.0) / 5.0 } else { 0.05 };
            (age, sex, f64::from((i * 7919) % 1000) / 1000.0 < rate)
        });
        let table = AgeSexTable::fit(rows);
        assert!((table.rate(55.0, Sex::Female) - 0.05).abs() < 0.02);
        assert!((table.rate(55.0, Sex::Male) - 0.10).abs() < 0.02);
        assert!(table.rate(75.0, Sex::Male) > table.rate(45.0, Sex::Male) + 0.05);
        let nobody = AgeSexTable::fit(std::iter::empty());
        assert!(nobody.rate(50.0, Sex::Unknown) > 0.0 && nobody.rate(f64::NAN, Sex::Male).is_finite());
    }

    #[test]
    fn the_table_survives_json() {
        let table = AgeSexTable::fit((0..100).map(|i| (f64::from(i), Sex::Female, i % 3 == 0)));
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<AgeSexTable>(&text).unwrap(), table);
    }
}
