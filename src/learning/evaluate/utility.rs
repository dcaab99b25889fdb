//! What acting on the risks would be worth: net benefit, and what alerts cost and catch.
//!
//! Net benefit (Vickers and Elkin, Medical Decision Making 26, 2006): at a threshold, right alerts minus wrong ones
//! weighed by the odds of the threshold, per patient. It must beat alerting for everyone and for nobody. The
//! thresholds of the tables were fixed before any model was looked at.

use super::figures::{Estimate, LEAST_EVENTS, Scores};
use super::metrics::interval;
use super::panel::{Panel, Target};
use serde::Serialize;

/// Thresholds of the tables.
pub const THRESHOLDS: [f64; 5] = [0.01, 0.02, 0.05, 0.10, 0.20];
/// Thresholds of a drawn decision curve.
const CURVE: [f64; 16] =
    [0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.12, 0.15, 0.20, 0.25, 0.30, 0.40];
/// Where alerts are counted too, whatever the package's threshold.
const SPECIFICITY: f64 = 0.90;

/// Net benefit at one threshold, in right alerts per patient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NetBenefit {
    pub threshold: f64,
    pub model: f64,
    pub treat_all: f64,
    pub age_sex: f64,
    pub regression: Option<f64>,
}

impl NetBenefit {
    /// The best of alerting for everyone and for nobody.
    pub fn of_not_looking(&self) -> f64 {
        self.treat_all.max(0.0)
    }
}

/// The same with intervals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct JudgedBenefit {
    #[serde(rename = "at")]
    pub benefit: NetBenefit,
    /// Model minus the better of everyone and nobody.
    pub above_not_looking: Estimate,
    pub above_regression: Option<Estimate>,
}

/// Alerts at one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alerts {
    pub threshold: f64,
    /// Share of rows at or above it; times 100: alerts per 100 patients asked about.
    pub share: f64,
    /// Share of those with the event; `None` without an alert.
    pub precision: Option<f64>,
    /// Share of events that were alerted.
    pub sensitivity: f64,
}

impl Alerts {
    /// On rows of risk and event.
    pub fn at(threshold: f64, rows: &[(f64, bool)]) -> Self {
        let alerted = rows.iter().filter(|row| row.0 >= threshold).count() as f64;
        let right = rows.iter().filter(|row| row.0 >= threshold && row.1).count() as f64;
        let events = rows.iter().filter(|row| row.1).count().max(1) as f64;
        Self {
            threshold,
            share: alerted / rows.len().max(1) as f64,
            precision: (alerted > 0.0).then(|| right / alerted),
            sensitivity: right / events,
        }
    }

    /// At the lowest threshold that leaves at least nine in ten of those without the event in peace.
    pub fn at_high_specificity(rows: &[(f64, bool)]) -> Self {
        let mut quiet: Vec<f64> = rows.iter().filter(|row| !row.1).map(|row| row.0).collect();
        quiet.sort_by(f64::total_cmp);
        // Rows up to this one must stay below the threshold.
        let place = (SPECIFICITY * quiet.len() as f64).ceil() as usize;
        let highest_below = place.checked_sub(1).and_then(|place| quiet.get(place)).copied().unwrap_or(0.0);
        let above = rows.iter().map(|row| row.0).filter(|&risk| risk > highest_below).fold(f64::INFINITY, f64::min);
        Self::at(if above.is_finite() { above } else { 1.0 }, rows)
    }
}

/// What acting on one outcome's risks is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Utility {
    /// At [`THRESHOLDS`].
    pub benefits: Vec<JudgedBenefit>,
    pub curve: Vec<NetBenefit>,
    /// At the threshold that the package serves with.
    pub served: Alerts,
    pub at_high_specificity: Alerts,
}

impl Utility {
    /// On labels from the index day, as risks are served. `None` with few events.
    pub fn of(panel: &Panel, target: &Target, scores: &Scores, served: f64, draws: &[Vec<u16>]) -> Option<Self> {
        let rows: Vec<Row> = target
            .from_day_0
            .iter()
            .enumerate()
            .filter_map(|(row, label)| Some(Row::of(row, (*label)?, panel, scores)))
            .collect();
        if rows.iter().filter(|row| row.event).count() < LEAST_EVENTS {
            return None;
        }
        let plain: Vec<(f64, bool)> = rows.iter().map(|row| (row.model, row.event)).collect();
        let judge = |&threshold: &f64| Sums::by_patient(&rows, panel.keys.len(), threshold).judged(threshold, draws);
        Some(Self {
            benefits: THRESHOLDS.iter().filter_map(judge).collect(),
            curve: CURVE.iter().map(|&at| Sums::all(&rows, at).benefit(at)).collect(),
            served: Alerts::at(served, &plain),
            at_high_specificity: Alerts::at_high_specificity(&plain),
        })
    }
}

struct Row {
    patient: u32,
    event: bool,
    model: f64,
    age_sex: f64,
    regression: Option<f64>,
}

impl Row {
    fn of(row: usize, event: bool, panel: &Panel, scores: &Scores) -> Self {
        Self {
            patient: panel.rows[row].patient,
            event,
            model: scores.model[row],
            age_sex: scores.served_age_sex[row],
            regression: scores.served_regression.as_ref().map(|scores| scores[row]),
        }
    }
}

/// Rows, events, and net benefits not yet divided by rows.
#[derive(Clone, Copy, Default)]
struct Sums {
    rows: f64,
    events: f64,
    model: f64,
    age_sex: f64,
    regression: Option<f64>,
}

impl Sums {
    fn add(&mut self, row: &Row, threshold: f64) {
        let worth = if row.event { 1.0 } else { -threshold / (1.0 - threshold) };
        let gain = |risk: f64| if risk >= threshold { worth } else { 0.0 };
        self.rows += 1.0;
        self.events += f64::from(u8::from(row.event));
        self.model += gain(row.model);
        self.age_sex += gain(row.age_sex);
        self.regression = row.regression.map(|risk| self.regression.unwrap_or(0.0) + gain(risk));
    }

    fn all(rows: &[Row], threshold: f64) -> Self {
        let mut sums = Self::default();
        rows.iter().for_each(|row| sums.add(row, threshold));
        sums
    }

    fn by_patient(rows: &[Row], patients: usize, threshold: f64) -> PatientSums {
        let mut sums = vec![Self::default(); patients];
        for row in rows {
            if let Some(sums) = sums.get_mut(row.patient as usize) {
                sums.add(row, threshold);
            }
        }
        PatientSums(sums)
    }

    fn benefit(&self, threshold: f64) -> NetBenefit {
        let n = self.rows.max(1.0);
        NetBenefit {
            threshold,
            model: self.model / n,
            treat_all: (self.events - (self.rows - self.events) * threshold / (1.0 - threshold)) / n,
            age_sex: self.age_sex / n,
            regression: self.regression.map(|regression| regression / n),
        }
    }
}

struct PatientSums(Vec<Sums>);

impl PatientSums {
    fn total(&self, times: impl Fn(usize) -> f64) -> Sums {
        let mut total = Sums::default();
        for (patient, sums) in self.0.iter().enumerate().filter(|(_, sums)| sums.rows > 0.0) {
            let times = times(patient);
            total.rows += times * sums.rows;
            total.events += times * sums.events;
            total.model += times * sums.model;
            total.age_sex += times * sums.age_sex;
            total.regression = sums.regression.map(|own| total.regression.unwrap_or(0.0) + times * own);
        }
        total
    }

    fn judged(&self, threshold: f64, draws: &[Vec<u16>]) -> Option<JudgedBenefit> {
        let benefit = self.total(|_| 1.0).benefit(threshold);
        let drawn: Vec<NetBenefit> =
            draws.iter().map(|draw| self.total(|patient| f64::from(draw[patient])).benefit(threshold)).collect();
        let estimate = |figure: &dyn Fn(&NetBenefit) -> Option<f64>| {
            let (low, high) = interval(drawn.iter().map(figure))?;
            Some(Estimate { value: figure(&benefit)?, low, high })
        };
        Some(JudgedBenefit {
            benefit,
            above_not_looking: estimate(&|one| Some(one.model - one.of_not_looking()))?,
            above_regression: estimate(&|one| Some(one.model - one.regression?)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(risks: &[(f64, bool)]) -> Vec<Row> {
        let row = |(patient, &(model, event)): (usize, &(f64, bool))| Row {
            patient: patient as u32,
            event,
            model,
            age_sex: 0.3,
            regression: None,
        };
        risks.iter().enumerate().map(row).collect()
    }

    #[test]
    fn net_benefit_by_hand() {
        // At 20 %: two right alerts and one wrong among ten, the wrong one weighed 0.25.
        let mut risks = vec![(0.5, true), (0.2, true), (0.3, false), (0.1, true)];
        risks.extend([(0.05, false); 6]);
        let benefit = Sums::all(&rows(&risks), 0.2).benefit(0.2);
        assert!((benefit.model - (2.0 - 0.25) / 10.0).abs() < 1e-12, "{benefit:?}");
        assert!((benefit.treat_all - (3.0 - 7.0 * 0.25) / 10.0).abs() < 1e-12, "{benefit:?}");
        assert_eq!(benefit.age_sex, benefit.treat_all, "everyone is above 20 % by age and sex here");
        assert!((benefit.of_not_looking() - 0.125).abs() < 1e-12);
        assert_eq!(Sums::all(&rows(&[(0.5, false)]), 0.2).benefit(0.2).of_not_looking(), 0.0, "nobody beats everyone");
    }

    #[test]
    fn each_patient_as_often_as_drawn() {
        let sums = Sums::by_patient(&rows(&[(0.5, true), (0.5, false)]), 2, 0.5);
        // The first three times, the second once: (3 - 1) / 4.
        let drawn = sums.total(|patient| if patient == 0 { 3.0 } else { 1.0 }).benefit(0.5);
        assert!((drawn.model - 0.5).abs() < 1e-12);
        let judged = sums.judged(0.5, &[vec![2, 0], vec![0, 2]]).unwrap();
        // Draws of only the event: model 1, everyone 1; of only the other: model -1, nobody 0.
        assert!(judged.above_not_looking.low < -0.9 && judged.above_not_looking.high > -0.1, "{judged:?}");
    }

    #[test]
    fn alerts_by_hand() {
        let rows = [(0.9, true), (0.8, false), (0.4, true), (0.1, false)];
        let alerts = Alerts::at(0.5, &rows);
        assert_eq!((alerts.share, alerts.precision, alerts.sensitivity), (0.5, Some(0.5), 0.5));
        assert_eq!(Alerts::at(0.95, &rows).precision, None);
    }

    #[test]
    fn nine_in_ten_without_the_event_stay_in_peace() {
        // Ten without the event at 0.01 to 0.10, events at 0.095 and 0.05: alerts at 0.095 and 0.10.
        let mut rows: Vec<(f64, bool)> = (1..=10).map(|i| (f64::from(i) / 100.0, false)).collect();
        rows.extend([(0.095, true), (0.05, true)]);
        let alerts = Alerts::at_high_specificity(&rows);
        assert_eq!((alerts.threshold, alerts.precision, alerts.sensitivity), (0.095, Some(0.5), 0.5));
        let all_alike = Alerts::at_high_specificity(&[(0.2, false), (0.2, true)]);
        assert_eq!(all_alike.share, 0.0, "ties are not split");
    }
}
