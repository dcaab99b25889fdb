//! A threshold that keeps false alerts rare: split conformal prediction, one promise an outcome and horizon.
//!
//! What is promised: of new patients *exchangeable* with the calibration patients, take one at random who is at risk,
//! and one at random of her index days on which the outcome does not follow; the chance that her risk reaches the
//! threshold is at most alpha. The chance is over calibration and new patients together. Nothing is promised for a
//! certain patient, for a hospital that differs from the one calibrated on, or about how many alerts are right. Within
//! [`Stratum`]s the same is promised of patients of that sex and age.

use crate::patient_record::timeline::Sex;
use serde::{Deserialize, Serialize};

/// The shares that thresholds are kept for.
pub const ALPHAS: [f64; 3] = [0.01, 0.05, 0.10];
/// Age from which a patient counts as old.
const OLD_YEARS: f64 = 65.0;

/// Sex and age band (Mondrian categories).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stratum {
    WomenBelow65,
    WomenFrom65,
    MenBelow65,
    MenFrom65,
}

impl Stratum {
    /// Every stratum, in order.
    pub const ALL: [Stratum; 4] =
        [Stratum::WomenBelow65, Stratum::WomenFrom65, Stratum::MenBelow65, Stratum::MenFrom65];

    /// Where a patient belongs; `None` where sex is not stated.
    pub fn of(age_years: f64, sex: Sex) -> Option<Self> {
        match (sex, age_years >= OLD_YEARS) {
            (Sex::Female, false) => Some(Self::WomenBelow65),
            (Sex::Female, true) => Some(Self::WomenFrom65),
            (Sex::Male, false) => Some(Self::MenBelow65),
            (Sex::Male, true) => Some(Self::MenFrom65),
            (Sex::Unknown, _) => None,
        }
    }
}

/// Thresholds of one outcome and horizon for one alpha.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FalseAlerts {
    pub alpha: f64,
    /// Alert at this risk or above; `None`: too few patients to promise anything, so never alert.
    pub threshold: Option<f64>,
    /// The same by [`Stratum::ALL`].
    pub by_stratum: Vec<Option<f64>>,
}

/// A risk of one index day without the event.
#[derive(Clone, Copy, Debug)]
pub struct NonEvent {
    pub patient: usize,
    pub stratum: Option<Stratum>,
    /// Calibrated, as served.
    pub risk: f64,
}

impl FalseAlerts {
    /// Fits the thresholds for one alpha.
    pub fn fit(rows: &[NonEvent], alpha: f64) -> Self {
        let of = |stratum: Stratum| {
            let rows: Vec<NonEvent> = rows.iter().filter(|row| row.stratum == Some(stratum)).copied().collect();
            threshold(&rows, alpha)
        };
        Self { alpha, threshold: threshold(rows, alpha), by_stratum: Stratum::ALL.map(of).to_vec() }
    }

    /// The threshold for a patient: that of her stratum.
    pub fn for_patient(&self, age_years: f64, sex: Sex) -> Option<f64> {
        let place = Stratum::ALL.iter().position(|&stratum| Some(stratum) == Stratum::of(age_years, sex))?;
        self.by_stratum.get(place).copied().flatten()
    }
}

/// Each patient weighs one, shared among her rows, and one more patient, the new one, is counted as alerting: the
/// smallest risk that so many reach as alpha of all allows.
fn threshold(rows: &[NonEvent], alpha: f64) -> Option<f64> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| b.risk.total_cmp(&a.risk));
    let mut own: std::collections::HashMap<usize, f64> = Default::default();
    rows.iter().for_each(|row| *own.entry(row.patient).or_default() += 1.0);
    let allowed = alpha * (own.len() as f64 + 1.0);
    let mut reached = 1.0;
    if reached > allowed {
        return None;
    }
    let mut lowest = None;
    for row in sorted {
        reached += 1.0 / own[&row.patient];
        if reached > allowed + 1e-9 {
            // This risk must stay silent; so must all equal to it. Kept in whole billionths, which text keeps.
            lowest = Some(((row.risk * 1e9).floor() + 1.0) / 1e9);
            break;
        }
    }
    Some(lowest.unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Patients with one to six rows whose risks are alike within a patient.
    fn patients(number: usize, rng: &mut ChaCha8Rng) -> Vec<NonEvent> {
        let one = |patient: usize, rng: &mut ChaCha8Rng| {
            let (own, rows, sex) = (rng.random_range(0.0..0.5), rng.random_range(1..7), rng.random_range(0..2));
            let stratum = Some(Stratum::ALL[sex * 2 + usize::from(own > 0.3)]);
            (0..rows).map(|_| NonEvent { patient, stratum, risk: own + rng.random_range(0.0..0.3) }).collect::<Vec<_>>()
        };
        (0..number).flat_map(|patient| one(patient, rng)).collect()
    }

    /// The share of false alerts among new patients, each weighing one.
    fn found(new: &[NonEvent], threshold: impl Fn(&NonEvent) -> Option<f64>) -> f64 {
        let mut own: std::collections::HashMap<usize, (f64, f64)> = Default::default();
        for row in new {
            let sums = own.entry(row.patient).or_default();
            sums.0 += f64::from(u8::from(threshold(row).is_some_and(|threshold| row.risk >= threshold)));
            sums.1 += 1.0;
        }
        own.values().map(|(alerts, rows)| alerts / rows).sum::<f64>() / own.len() as f64
    }

    #[test]
    fn over_many_draws_the_share_of_false_alerts_stays_below_alpha_and_near_it() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (mut all, mut strata) = (0.0, 0.0);
        for _ in 0..200 {
            let fitted = FalseAlerts::fit(&patients(120, &mut rng), 0.10);
            let new = patients(400, &mut rng);
            all += found(&new, |_| fitted.threshold) / 200.0;
            let own = |row: &NonEvent| {
                let place = Stratum::ALL.iter().position(|&stratum| Some(stratum) == row.stratum).unwrap();
                fitted.by_stratum[place]
            };
            strata += found(&new, own) / 200.0;
        }
        assert!((0.08..=0.101).contains(&all), "{all}");
        assert!((0.05..=0.101).contains(&strata), "{strata}");
    }

    #[test]
    fn too_few_patients_promise_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        assert_eq!(FalseAlerts::fit(&patients(98, &mut rng), 0.01).threshold, None);
        assert!(FalseAlerts::fit(&patients(99, &mut rng), 0.01).threshold.is_some());
        assert_eq!(FalseAlerts::fit(&[], 0.5).threshold, None);
    }

    #[test]
    fn equal_risks_are_silent_together() {
        let rows: Vec<NonEvent> = (0..50).map(|patient| NonEvent { patient, stratum: None, risk: 0.2 }).collect();
        let fitted = FalseAlerts::fit(&rows, 0.10);
        assert!(fitted.threshold.unwrap() > 0.2 && fitted.by_stratum.iter().all(Option::is_none));
    }
}
