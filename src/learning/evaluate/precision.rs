//! Average precision, the area under precision and recall: how pure the top of the list is.
//!
//! Its chance value is the prevalence, so the two stand side by side everywhere. Step-wise, without interpolation;
//! rows of one score are one step, since their order says nothing.

use super::figures::{Estimate, Scores};
use super::metrics::interval;
use super::panel::{Panel, Target};
use serde::Serialize;

/// Average precision of the model beside chance and both baselines.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AveragePrecision {
    pub model: Estimate,
    /// The value of a list without order.
    pub prevalence: f64,
    pub age_sex: Option<f64>,
    pub regression: Option<f64>,
}

impl AveragePrecision {
    /// On labels after the gap.
    pub fn of(panel: &Panel, target: &Target, scores: &Scores, draws: &[Vec<u16>]) -> Option<Self> {
        let rows: Vec<(usize, bool)> =
            target.after_gap.iter().enumerate().filter_map(|(row, label)| Some((row, (*label)?))).collect();
        let list = |scores: &[f64]| {
            let row = |&(row, event): &(usize, bool)| (panel.rows[row].patient, scores[row], event);
            Descending::new(rows.iter().map(row).collect())
        };
        let model = list(&scores.model);
        let value = model.average_precision(|_| 1.0)?;
        let of_draw = |draw: &Vec<u16>| model.average_precision(|patient| f64::from(draw[patient as usize]));
        let (low, high) = interval(draws.iter().map(of_draw))?;
        Some(Self {
            model: Estimate { value, low, high },
            prevalence: rows.iter().filter(|row| row.1).count() as f64 / rows.len() as f64,
            age_sex: list(&scores.age_sex).average_precision(|_| 1.0),
            regression: scores.regression.as_ref().and_then(|scores| list(scores).average_precision(|_| 1.0)),
        })
    }
}

/// Rows of (patient, score, event), the highest score first.
struct Descending(Vec<(u32, f64, bool)>);

impl Descending {
    fn new(mut rows: Vec<(u32, f64, bool)>) -> Self {
        rows.sort_by(|a, b| b.1.total_cmp(&a.1));
        Self(rows)
    }

    /// The mean, over events, of the precision at the event's score. `None` without an event.
    fn average_precision(&self, times: impl Fn(u32) -> f64) -> Option<f64> {
        let (mut events, mut rows, mut area) = (0.0, 0.0, 0.0);
        for tied in self.0.chunk_by(|a, b| a.1 == b.1) {
            let mut found = 0.0;
            for &(patient, _, event) in tied {
                let times = times(patient);
                rows += times;
                found += if event { times } else { 0.0 };
            }
            events += found;
            if found > 0.0 {
                area += found * events / rows;
            }
        }
        (events > 0.0).then(|| area / events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn precision(rows: &[(f64, bool)]) -> Option<f64> {
        Descending::new(rows.iter().map(|&(score, event)| (0, score, event)).collect()).average_precision(|_| 1.0)
    }

    #[test]
    fn four_rows_by_hand() {
        // From the top: event (1 of 1), none, event (2 of 3), none.
        let found = precision(&[(0.1, false), (0.35, true), (0.4, false), (0.8, true)]).unwrap();
        assert!((found - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12, "{found}");
    }

    #[test]
    fn a_list_without_order_has_the_prevalence() {
        assert_eq!(precision(&[(0.2, true), (0.2, false), (0.2, false), (0.2, false)]), Some(0.25));
        assert_eq!(precision(&[(0.2, false)]), None);
    }

    #[test]
    fn a_patient_counted_twice_is_two_patients() {
        let rows = vec![(0, 0.9, false), (1, 0.5, true), (2, 0.4, true)];
        let mut twice = rows.clone();
        twice.push((3, 0.9, false));
        let counted = Descending::new(rows).average_precision(|patient| if patient == 0 { 2.0 } else { 1.0 });
        assert_eq!(counted, Descending::new(twice).average_precision(|_| 1.0));
    }
}
