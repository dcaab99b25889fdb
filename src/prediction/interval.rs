//! How far a calibrated risk would move had other patients calibrated it.
//!
//! Owns the covariance of a calibration line's slope and intercept and the interval of a risk that follows from it.
//! The covariance counts whole patients (a sandwich estimate), so that one patient's many index days are not taken for
//! many patients, and is never less than the plain one, which few events need. Says nothing of the doubt in the weights, nor of how one patient differs from others of the same risk.

use super::calibration::{Line, logistic, logit};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Standard deviations of a 95 % interval.
const TWO_SIDED: f64 = 1.959_964;
/// What is believed of slope and intercept before any patient, here wider than where the line is fitted: slope give or
/// take 0.5, intercept give or take 1.
/// It keeps the interval of an outcome without events wide, where the data alone would say "surely never".
const PRIOR_PRECISION: [f64; 2] = [4.0, 1.0];

/// The covariance of a line's slope and intercept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    pub slope: f64,
    pub intercept: f64,
    /// Covariance of both.
    pub both: f64,
}

impl Spread {
    /// Of a line fitted to these raw risks and events; `patients` names whose each row is.
    pub fn of(line: &Line, raw: &[f64], events: &[bool], patients: &[usize]) -> Self {
        let (mut h00, mut h01, mut h11) = (PRIOR_PRECISION[0], 0.0, PRIOR_PRECISION[1]);
        let mut by_patient: HashMap<usize, (f64, f64)> = HashMap::new();
        for ((&raw, &event), &patient) in raw.iter().zip(events).zip(patients) {
            let x = logit(raw);
            let p = logistic(line.slope * x + line.intercept);
            let (miss, weight) = (f64::from(u8::from(event)) - p, p * (1.0 - p));
            h00 += weight * x * x;
            h01 += weight * x;
            h11 += weight;
            let score = by_patient.entry(patient).or_default();
            *score = (score.0 + miss * x, score.1 + miss);
        }
        let (mut m00, mut m01, mut m11) = (PRIOR_PRECISION[0], 0.0, PRIOR_PRECISION[1]);
        // Summed in order: the order of a hash map must not decide how sums round.
        let own = by_patient.len();
        let mut scores: Vec<(usize, (f64, f64))> = by_patient.into_iter().collect();
        scores.sort_unstable_by_key(|score| score.0);
        for (_, (a, b)) in scores {
            m00 += a * a;
            m01 += a * b;
            m11 += b * b;
        }
        // Both sides of the sandwich by hand: the inverse of a symmetric two by two.
        let determinant = (h00 * h11 - h01 * h01).max(1e-12);
        let (i00, i01, i11) = (h11 / determinant, -h01 / determinant, h00 / determinant);
        let (a, b, c, d) = (i00 * m00 + i01 * m01, i00 * m01 + i01 * m11, i01 * m00 + i11 * m01, i01 * m01 + i11 * m11);
        let by_patients = Self { slope: a * i00 + b * i01, intercept: c * i01 + d * i11, both: a * i01 + b * i11 };
        // With hardly an event, what was seen varies less between patients than what could have been seen; the days of
        // one patient count as one.
        let share = own as f64 / raw.len().max(1) as f64;
        let of_patients = |h: f64, prior: f64| prior + share * (h - prior);
        let (h00, h11) = (of_patients(h00, PRIOR_PRECISION[0]), of_patients(h11, PRIOR_PRECISION[1]));
        let h01 = share * h01;
        let determinant = (h00 * h11 - h01 * h01).max(1e-12);
        let by_model = Self { slope: h11 / determinant, intercept: h00 / determinant, both: -h01 / determinant };
        let middle = raw.iter().map(|&raw| logit(raw)).sum::<f64>() / raw.len().max(1) as f64;
        if by_patients.at(middle) > by_model.at(middle) { by_patients } else { by_model }
    }

    /// The variance of the line at raw log odds.
    fn at(&self, x: f64) -> f64 {
        (self.slope * x * x + 2.0 * self.both * x + self.intercept).max(0.0)
    }

    /// The 95 % interval of the calibrated risk of `raw`.
    pub fn interval(&self, line: &Line, raw: f64) -> (f64, f64) {
        let x = logit(raw);
        let middle = line.slope * x + line.intercept;
        let reach = TWO_SIDED * self.at(x).sqrt();
        (logistic(middle - reach), logistic(middle + reach))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::calibration::Level;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Patients with `rows` index days each, every day of a patient with the same risk and the same fate.
    fn drawn(patients: usize, rows: usize, seed: u64) -> (Vec<f64>, Vec<bool>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut raw, mut events, mut whose) = (Vec::new(), Vec::new(), Vec::new());
        for patient in 0..patients {
            let risk = logistic(rng.random_range(-4.0..1.0));
            let event = rng.random::<f64>() < risk;
            raw.extend(std::iter::repeat_n(risk, rows));
            events.extend(std::iter::repeat_n(event, rows));
            whose.extend(std::iter::repeat_n(patient, rows));
        }
        (raw, events, whose)
    }

    #[test]
    fn the_interval_holds_the_true_risk_in_most_draws_and_repeated_days_do_not_narrow_it() {
        let mut held = 0;
        let mut width = [0.0; 2];
        for seed in 0..120 {
            for (place, rows) in [1, 8].into_iter().enumerate() {
                let (raw, events, whose) = drawn(400, rows, seed);
                let line = Line::of(&raw, &events).unwrap();
                let (low, high) = Spread::of(&line, &raw, &events, &whose).interval(&line, 0.1);
                width[place] += high - low;
                held += usize::from(place == 0 && low <= 0.1 && 0.1 <= high);
            }
        }
        assert!((106..=120).contains(&held), "{held} of 120");
        assert!(width[1] > 0.9 * width[0] && width[1] < 1.2 * width[0], "{width:?}");
    }

    #[test]
    fn without_events_the_interval_stays_wide() {
        let raw = [0.02; 3_000];
        let whose: Vec<usize> = (0..3_000).map(|row| row / 10).collect();
        let line = Line::calibrate(&raw, &[false; 3_000], &whose, Level::Unknown);
        let (low, high) = Spread::of(&line, &raw, &[false; 3_000], &whose).interval(&line, 0.02);
        let risk = line.apply(0.02);
        assert!(low < risk && risk < high && high > 2.0 * risk, "{low} {risk} {high}");
    }
}
