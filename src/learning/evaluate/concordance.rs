//! Of two patients, does the one whom the event befalls sooner have the higher risk? Time-dependent C.
//!
//! Uno's C (Uno and others, Statistics in Medicine 30, 2011): pairs whose earlier event lies within the horizon, each
//! weighted by one over the squared chance of being watched so long, so that the end of records does not decide.
//! Rows that were not watched to the horizon count as far as they were watched; the AUROC must leave them out.
//! Who dies first never has the event and stays in every pair, as in the labels. Days count from the gap's end on.

use super::figures::Estimate;
use super::metrics::interval;
use super::panel::{Panel, Target};
use rayon::prelude::*;

/// C takes long for each draw; its interval makes do with the first of them.
pub const DRAWS: usize = 200;

/// One row as C sees it.
struct Watched {
    patient: u32,
    /// Day of the event, or of the end of the record.
    until: i32,
    /// One over the squared chance of being watched up to the event; `None` without an event within the horizon.
    weight: Option<f64>,
    /// Place of the risk among all risks, from 1.
    rank: u32,
}

/// Rows in order of days, latest first.
pub struct Concordance {
    rows: Vec<Watched>,
    ranks: usize,
}

impl Concordance {
    /// Rows at risk after the gap; `scores` by row of the panel.
    pub fn new(panel: &Panel, target: &Target, scores: &[f64]) -> Self {
        let horizon = target.horizon_days as i32;
        let at_risk =
            panel.rows.iter().zip(&target.courses).zip(scores).filter(|((_, course), _)| course.at_risk_after_gap);
        let rows: Vec<(u32, i32, Option<i32>, f64)> = at_risk
            .map(|((row, course), &score)| (row.patient, row.watched_days, course.next_after_gap, score))
            .collect();
        Self::of(&rows, horizon)
    }

    /// Rows of (patient, days watched, day of the event if any, risk).
    fn of(rows: &[(u32, i32, Option<i32>, f64)], horizon: i32) -> Self {
        let mut watched: Vec<i32> = rows.iter().map(|row| row.1).collect();
        watched.sort_unstable();
        let mut scores: Vec<f64> = rows.iter().map(|row| row.3).collect();
        scores.sort_by(f64::total_cmp);
        scores.dedup();
        // Everyone's end of record is known, also of those with an event: no estimate by Kaplan and Meier is needed.
        let watched_to = |day: i32| {
            let longer = watched.len() - watched.partition_point(|&end| end < day);
            longer as f64 / watched.len().max(1) as f64
        };
        let mut rows: Vec<Watched> = rows
            .iter()
            .map(|&(patient, end, event, score)| {
                let event = event.filter(|&day| day <= end);
                Watched {
                    patient,
                    until: event.unwrap_or(end),
                    weight: event.filter(|&day| day <= horizon).map(|day| watched_to(day).powi(-2)),
                    rank: scores.partition_point(|&other| other < score) as u32 + 1,
                }
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.until));
        Self { rows, ranks: scores.len() }
    }

    /// C with each row counted `times(patient)` times. `None` without a pair.
    pub fn value(&self, times: impl Fn(u32) -> f64) -> Option<f64> {
        let mut later = RankSums::new(self.ranks);
        let (mut won, mut pairs) = (0.0, 0.0);
        for same_day in self.rows.chunk_by(|a, b| a.until == b.until) {
            for row in same_day {
                let Some(weight) = row.weight else { continue };
                let weight = weight * times(row.patient);
                if weight > 0.0 {
                    let (below, to_own) = (later.up_to(row.rank - 1), later.up_to(row.rank));
                    won += weight * (below + (to_own - below) / 2.0);
                    pairs += weight * later.total;
                }
            }
            same_day.iter().for_each(|row| later.add(row.rank, times(row.patient)));
        }
        (pairs > 0.0).then(|| won / pairs)
    }

    /// C with its interval over the first [`DRAWS`] draws of patients.
    pub fn estimate(&self, draws: &[Vec<u16>]) -> Option<Estimate> {
        let value = self.value(|_| 1.0)?;
        let draws = draws.get(..DRAWS).unwrap_or(draws);
        let values: Vec<Option<f64>> =
            draws.par_iter().map(|draw| self.value(|patient| f64::from(draw[patient as usize]))).collect();
        let (low, high) = interval(values.into_iter())?;
        Some(Estimate { value, low, high })
    }
}

/// Running sums over ranks (a Fenwick tree).
struct RankSums {
    tree: Vec<f64>,
    total: f64,
}

impl RankSums {
    fn new(ranks: usize) -> Self {
        Self { tree: vec![0.0; ranks + 1], total: 0.0 }
    }

    fn add(&mut self, rank: u32, value: f64) {
        self.total += value;
        let mut at = rank as usize;
        while let Some(sum) = self.tree.get_mut(at) {
            *sum += value;
            at += at & at.wrapping_neg();
        }
    }

    /// The sum over ranks 1 to `rank`.
    fn up_to(&self, rank: u32) -> f64 {
        let (mut at, mut sum) = (rank as usize, 0.0);
        while at > 0 {
            sum += self.tree[at];
            at &= at - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, pair by pair.
    fn by_pairs(rows: &[(u32, i32, Option<i32>, f64)], horizon: i32) -> Option<f64> {
        let watched_to = |day: i32| rows.iter().filter(|row| row.1 >= day).count() as f64 / rows.len() as f64;
        let until = |row: &(u32, i32, Option<i32>, f64)| row.2.filter(|&day| day <= row.1).unwrap_or(row.1);
        let (mut won, mut pairs) = (0.0, 0.0);
        for a in rows.iter().filter(|row| row.2.is_some_and(|day| day <= row.1 && day <= horizon)) {
            for b in rows.iter().filter(|b| until(b) > until(a)) {
                let weight = watched_to(until(a)).powi(-2);
                pairs += weight;
                won += weight
                    * if a.3 > b.3 {
                        1.0
                    } else if a.3 == b.3 {
                        0.5
                    } else {
                        0.0
                    };
            }
        }
        (pairs > 0.0).then(|| won / pairs)
    }

    #[test]
    fn four_patients_by_hand() {
        // Events on days 10 and 20, watched to 100; the third leaves on day 15 and is in the first pair set only.
        let rows = [(0, 100, Some(10), 0.4), (1, 100, Some(20), 0.3), (2, 15, None, 0.5), (3, 100, None, 0.1)];
        // Day 10: all watched; beats 0.3 and 0.1, loses to 0.5. Day 20: three of four watched, weight (4/3)^2; beats 0.1.
        let weight = 16.0 / 9.0;
        let expected = (2.0 + weight) / (3.0 + weight);
        let found = Concordance::of(&rows, 365).value(|_| 1.0).unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        // Within 15 days only the first event counts.
        let found = Concordance::of(&rows, 15).value(|_| 1.0).unwrap();
        assert!((found - 2.0 / 3.0).abs() < 1e-12, "{found}");
        assert_eq!(Concordance::of(&rows[2..], 365).value(|_| 1.0), None);
    }

    proptest! {
        #[test]
        fn the_fast_way_is_the_definition(
            rows in prop::collection::vec((1_i32..40, prop::option::of(1_i32..60), 0_u8..6), 2..40), horizon in 1_i32..50
        ) {
            let rows: Vec<(u32, i32, Option<i32>, f64)> =
                rows.iter().enumerate().map(|(i, row)| (i as u32, row.0, row.1, f64::from(row.2))).collect();
            match (Concordance::of(&rows, horizon).value(|_| 1.0), by_pairs(&rows, horizon)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }

    #[test]
    fn a_patient_counted_twice_is_two_patients() {
        let rows = [(0, 50, Some(10), 0.4), (1, 50, Some(20), 0.6), (2, 50, None, 0.5)];
        let twice = [rows[0], rows[1], rows[2], (3, 50, None, 0.5)];
        let counted = Concordance::of(&rows, 365).value(|patient| if patient == 2 { 2.0 } else { 1.0 });
        assert_eq!(counted, Concordance::of(&twice, 365).value(|_| 1.0));
    }
}
