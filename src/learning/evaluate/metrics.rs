//! How well risks separate and how true they are. Pure numbers; who is compared with whom is decided elsewhere.
//!
//! Discrimination: AUROC with ties counted half, under any weights of rows. Truth: slope and intercept of a
//! logistic line, expected calibration error over bins of equal mass, Brier score. Doubt: draws of whole patients,
//! since the rows of one patient are not independent.

use crate::prediction::calibration::Line;
use rand::Rng;

/// Bins of [`calibration_error`].
pub const BINS: usize = 15;

/// Rows sorted by score once, so that the AUROC of every bootstrap draw is one walk.
pub struct Ranking {
    /// Row, whether it had the event, whether its score is higher than the row's before.
    rows: Vec<(u32, bool, bool)>,
}

impl Ranking {
    /// Sorts rows by their scores. `events` and `scores` are of one length.
    pub fn new(events: &[bool], scores: &[f64]) -> Self {
        let mut order: Vec<u32> = (0..scores.len().min(events.len()) as u32).collect();
        order.sort_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]));
        let mut last = None;
        let rows = order
            .into_iter()
            .map(|row| {
                let score = scores[row as usize];
                let higher = last.replace(score) != Some(score);
                (row, events[row as usize], higher)
            })
            .collect();
        Self { rows }
    }

    /// The chance that a row with the event scores above one without, ties counting half, each row counted
    /// `weight(row)` times. `None` without both an event and a non-event.
    pub fn auroc(&self, weight: impl Fn(usize) -> f64) -> Option<f64> {
        let (mut below, mut won) = (0.0, 0.0);
        let (mut events, mut tied_events, mut tied_others) = (0.0, 0.0, 0.0);
        for &(row, event, higher) in &self.rows {
            if higher {
                won += tied_events * (below + tied_others / 2.0);
                below += tied_others;
                (tied_events, tied_others) = (0.0, 0.0);
            }
            let weight = weight(row as usize);
            if event {
                tied_events += weight;
                events += weight;
            } else {
                tied_others += weight;
            }
        }
        won += tied_events * (below + tied_others / 2.0);
        below += tied_others;
        (events > 0.0 && below > 0.0).then(|| won / (events * below))
    }
}

/// The AUROC of unweighted rows.
pub fn auroc(events: &[bool], scores: &[f64]) -> Option<f64> {
    Ranking::new(events, scores).auroc(|_| 1.0)
}

/// How often each patient is in each of `draws` samples, drawn with replacement: `draws[draw][patient]`.
pub fn patient_draws(patients: usize, draws: usize, rng: &mut impl Rng) -> Vec<Vec<u16>> {
    (0..draws)
        .map(|_| {
            let mut times = vec![0_u16; patients];
            for _ in 0..patients {
                let who = rng.random_range(0..patients);
                times[who] = times[who].saturating_add(1);
            }
            times
        })
        .collect()
}

/// The middle 95 % of what the draws gave; draws without a value are left out. `None` when none had one.
pub fn interval(values: impl Iterator<Item = Option<f64>>) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = values.flatten().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (values.len().checked_sub(1)?) as f64;
        let low = values.get(place.floor() as usize)?;
        let high = values.get(place.ceil() as usize)?;
        Some(low + place.fract() * (high - low))
    };
    Some((at(0.025)?, at(0.975)?))
}

/// One bin of a reliability curve: rows, mean risk, share with the event.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Bin {
    pub rows: usize,
    pub risk: f64,
    pub observed: f64,
}

/// Rows sorted by risk and cut into `bins` of equal size (the sizes differ by one row at most).
pub fn reliability(events: &[bool], risks: &[f64], bins: usize) -> Vec<Bin> {
    let mut rows: Vec<(f64, bool)> = risks.iter().copied().zip(events.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let cut = |bin: usize| bin * rows.len() / bins.max(1);
    (0..bins)
        .filter_map(|bin| {
            let rows = rows.get(cut(bin)..cut(bin + 1)).filter(|rows| !rows.is_empty())?;
            let n = rows.len() as f64;
            Some(Bin {
                rows: rows.len(),
                risk: rows.iter().map(|row| row.0).sum::<f64>() / n,
                observed: rows.iter().filter(|row| row.1).count() as f64 / n,
            })
        })
        .collect()
}

/// Expected calibration error: the mean distance between risk and observed share over [`BINS`] bins of equal
/// mass, weighted by their rows.
pub fn calibration_error(events: &[bool], risks: &[f64]) -> f64 {
    let bins = reliability(events, risks, BINS);
    let rows: usize = bins.iter().map(|bin| bin.rows).sum();
    bins.iter().map(|bin| (bin.risk - bin.observed).abs() * bin.rows as f64).sum::<f64>() / rows.max(1) as f64
}

/// Slope and intercept of the logistic line of outcomes on the log odds of the risks: 1 and 0 when they are true.
pub fn calibration_line(events: &[bool], risks: &[f64]) -> Option<Line> {
    Line::of(risks, events)
}

/// The mean squared distance between risk and outcome.
pub fn brier(events: &[bool], risks: &[f64]) -> f64 {
    let sum: f64 = risks.iter().zip(events).map(|(risk, &event)| (risk - f64::from(u8::from(event))).powi(2)).sum();
    sum / risks.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The definition, pair by pair.
    fn by_pairs(events: &[bool], scores: &[f64], weights: &[f64]) -> Option<f64> {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (i, _) in events.iter().enumerate().filter(|(_, event)| **event) {
            for (j, _) in events.iter().enumerate().filter(|(_, event)| !**event) {
                let weight = weights[i] * weights[j];
                pairs += weight;
                won += weight
                    * if scores[i] > scores[j] {
                        1.0
                    } else if scores[i] == scores[j] {
                        0.5
                    } else {
                        0.0
                    };
            }
        }
        (pairs > 0.0).then(|| won / pairs)
    }

    #[test]
    fn auroc_by_hand() {
        // Pairs: .8 beats .1 and .4; .35 beats .1, loses to .4: 3 of 4.
        assert_eq!(auroc(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]), Some(0.75));
        assert_eq!(auroc(&[false, true], &[0.3, 0.3]), Some(0.5));
        assert_eq!(auroc(&[true, true], &[0.3, 0.4]), None);
    }

    #[test]
    fn equal_scores_for_all_give_one_half() {
        assert_eq!(auroc(&[true, false, false, true, false], &[0.2; 5]), Some(0.5));
    }

    proptest! {
        #[test]
        fn auroc_equals_its_definition_under_any_weights(
            rows in prop::collection::vec((any::<bool>(), 0_u8..6, 0_u8..4), 2..40)
        ) {
            let events: Vec<bool> = rows.iter().map(|row| row.0).collect();
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
            let weights: Vec<f64> = rows.iter().map(|row| f64::from(row.2)).collect();
            let fast = Ranking::new(&events, &scores).auroc(|row| weights[row]);
            match (fast, by_pairs(&events, &scores, &weights)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12),
                (a, b) => prop_assert_eq!(a, b),
            }
        }

        #[test]
        fn auroc_does_not_change_under_a_monotone_map(rows in prop::collection::vec((any::<bool>(), -3.0_f64..3.0), 2..60)) {
            let events: Vec<bool> = rows.iter().map(|row| row.0).collect();
            let scores: Vec<f64> = rows.iter().map(|row| row.1).collect();
            let mapped: Vec<f64> = scores.iter().map(|score| score.exp() * 7.0 - 2.0).collect();
            prop_assert_eq!(auroc(&events, &scores), auroc(&events, &mapped));
        }
    }

    #[test]
    fn calibration_error_by_hand() {
        // 15 bins of two rows; risk .2 everywhere, in each bin one of two rows has the event: |.2 - .5|.
        let events: Vec<bool> = (0..30).map(|row| row % 2 == 0).collect();
        assert!((calibration_error(&events, &[0.2; 30]) - 0.3).abs() < 1e-12);
        let events: Vec<bool> = (0..30).map(|row| row >= 15).collect();
        let risks: Vec<f64> = (0..30).map(|row| f64::from(u8::from(row >= 15))).collect();
        assert!(calibration_error(&events, &risks) < 1.0 / 15.0 + 1e-12);
        assert_eq!(calibration_error(&[], &[]), 0.0);
    }

    #[test]
    fn bins_hold_equal_shares_of_the_rows() {
        let risks: Vec<f64> = (0..100).map(|row| f64::from(row) / 100.0).collect();
        let bins = reliability(&[false; 100], &risks, BINS);
        assert_eq!(bins.iter().map(|bin| bin.rows).sum::<usize>(), 100);
        assert!(bins.iter().all(|bin| (6..=7).contains(&bin.rows)));
    }

    #[test]
    fn brier_by_hand() {
        assert!((brier(&[true, false], &[0.8, 0.4]) - (0.04 + 0.16) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn each_draw_holds_as_many_patients_as_there_are() {
        let draws = patient_draws(50, 20, &mut ChaCha8Rng::seed_from_u64(1));
        assert!(draws.iter().all(|draw| draw.iter().map(|&times| u32::from(times)).sum::<u32>() == 50));
        assert_ne!(draws[0], draws[1]);
    }

    #[test]
    fn the_interval_of_patient_draws_holds_the_truth_about_as_often_as_it_says() {
        // Score = event + noise; the true AUROC of N(0,1) against N(1,1) is Phi(1/sqrt 2) = 0.760.
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let normal = |rng: &mut ChaCha8Rng| (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let mut covered = 0;
        for _ in 0..60 {
            let events: Vec<bool> = (0..120).map(|_| rng.random::<f64>() < 0.4).collect();
            let scores: Vec<f64> = events.iter().map(|&event| f64::from(u8::from(event)) + normal(&mut rng)).collect();
            let ranking = Ranking::new(&events, &scores);
            let draws = patient_draws(120, 200, &mut rng);
            let (low, high) = interval(draws.iter().map(|draw| ranking.auroc(|row| f64::from(draw[row])))).unwrap();
            covered += u32::from((low..=high).contains(&0.7602));
        }
        assert!((50..=60).contains(&covered), "{covered} of 60");
    }

    #[test]
    fn an_interval_without_values_is_none() {
        assert_eq!(interval(std::iter::empty()), None);
        assert_eq!(interval([None, Some(0.5)].into_iter()), Some((0.5, 0.5)));
    }
}
