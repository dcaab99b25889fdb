//! Logistic regression on fewer rows than columns: a normal prior on every weight, solved in the space of rows.
//!
//! Owns Newton's method for the log odds of the rows under a covariance between them (Rasmussen and Williams 2006,
//! algorithm 3.1) and what each row's log odds would have been without its own label (their section 5.4.2), by which
//! the strength of the prior is chosen: no row that is judged later is looked at.

use crate::prediction::calibration::logistic;

/// How far the state may move the log odds: prior variances that are tried. One stands for a standardised state that
/// moves them by one, one time in three by more.
const STRENGTHS: [f64; 6] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
/// Newton steps at most, and the change of log odds that ends them.
const STEPS: usize = 60;
const ENOUGH: f64 = 1e-7;

/// A symmetric matrix between rows, whole, row after row.
pub type Covariance = Vec<f64>;

/// The answer in the space of rows: weights are prior variances times columns times `dual`.
#[derive(Clone, Debug)]
pub struct Dual {
    pub dual: Vec<f64>,
    /// Mean logistic loss of each row by the log odds that the others alone give it.
    pub left_one_out: f64,
}

/// The chosen strength and its answer.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub strength: f64,
    pub fit: Dual,
}

/// Fits with every strength of the state and keeps the one that tells left-out rows best. `state` and `plain` are the
/// covariances that the state (for strength 1) and the plain columns give.
pub fn choose(state: &[f64], plain: &[f64], events: &[bool]) -> Option<Chosen> {
    let with = |strength: f64| {
        let sum: Covariance = state.iter().zip(plain).map(|(state, plain)| strength * state + plain).collect();
        Some(Chosen { strength, fit: fit(&sum, events)? })
    };
    let tried = STRENGTHS.into_iter().filter_map(with);
    tried.min_by(|a, b| a.fit.left_one_out.total_cmp(&b.fit.left_one_out))
}

/// The mode of the log odds under a prior covariance. `None` where the covariance is not one.
pub fn fit(covariance: &[f64], events: &[bool]) -> Option<Dual> {
    let n = events.len();
    let truth: Vec<f64> = events.iter().map(|&event| f64::from(u8::from(event))).collect();
    let (mut dual, mut odds) = (vec![0.0; n], vec![0.0; n]);
    for _ in 0..STEPS {
        let aim = Newton::at(covariance, &odds)?.dual(covariance, &odds, &truth);
        let loss = objective(&dual, &odds, &truth) + 1e-12;
        // The loss is convex: a step that is short enough does not raise it.
        let mut shorter = (0..20).map(|halvings| 0.5_f64.powi(halvings)).map(|share| {
            let there: Vec<f64> = dual.iter().zip(&aim).map(|(from, to)| from + share * (to - from)).collect();
            let odds = times(covariance, &there);
            (there, odds)
        });
        let (there, now) = shorter.find(|(there, odds)| objective(there, odds, &truth) <= loss)?;
        let moved = now.iter().zip(&odds).any(|(now, before)| (now - before).abs() > ENOUGH);
        (dual, odds) = (there, now);
        if !moved {
            break;
        }
    }
    let variance = Newton::at(covariance, &odds)?.variance(covariance);
    let alone = (0..n).map(|row| {
        let p = logistic(odds[row]);
        let without = odds[row] - variance[row] * (truth[row] - p) / (1.0 - p * (1.0 - p) * variance[row]);
        softplus(without) - truth[row] * without
    });
    let left_one_out = alone.sum::<f64>() / n.max(1) as f64;
    left_one_out.is_finite().then_some(Dual { dual, left_one_out })
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Logistic loss and half the squared length of the weights.
fn objective(dual: &[f64], odds: &[f64], truth: &[f64]) -> f64 {
    let each = odds.iter().zip(truth).zip(dual);
    each.map(|((&odds, truth), dual)| softplus(odds) - truth * odds + 0.5 * dual * odds).sum()
}

fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    matrix.chunks(vector.len().max(1)).map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
}

/// The curvature at some log odds: the lower triangle of `1 + √w C √w`.
struct Newton {
    root: Vec<f64>,
    lower: Covariance,
}

impl Newton {
    fn at(covariance: &[f64], odds: &[f64]) -> Option<Self> {
        let n = odds.len();
        let weight = |&odds: &f64| {
            let p = logistic(odds);
            (p * (1.0 - p)).max(1e-12).sqrt()
        };
        let root: Vec<f64> = odds.iter().map(weight).collect();
        let mut lower = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
                let cell = root[i] * covariance[i * n + j] * root[j] - sum;
                lower[i * n + j] = match i == j {
                    true if cell + 1.0 > 0.0 => (cell + 1.0).sqrt(),
                    true => return None,
                    false => cell / lower[j * n + j],
                };
            }
        }
        Some(Self { root, lower })
    }

    /// Solves with the lower triangle.
    fn down(&self, mut x: Vec<f64>) -> Vec<f64> {
        let n = x.len();
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| self.lower[i * n + k] * x[k]).sum();
            x[i] = (x[i] - sum) / self.lower[i * n + i];
        }
        x
    }

    /// Solves with its transpose.
    fn up(&self, mut x: Vec<f64>) -> Vec<f64> {
        let n = x.len();
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| self.lower[k * n + i] * x[k]).sum();
            x[i] = (x[i] - sum) / self.lower[i * n + i];
        }
        x
    }

    /// Where a full step leads.
    fn dual(&self, covariance: &[f64], odds: &[f64], truth: &[f64]) -> Vec<f64> {
        let each = odds.iter().zip(truth).zip(&self.root);
        let pull: Vec<f64> = each.map(|((odds, truth), root)| root * root * odds + truth - logistic(*odds)).collect();
        let spread = times(covariance, &pull);
        let scaled = spread.iter().zip(&self.root).map(|(x, root)| x * root).collect();
        let solved = self.up(self.down(scaled));
        pull.iter().zip(solved).zip(&self.root).map(|((pull, solved), root)| pull - root * solved).collect()
    }

    /// Posterior variance of every row's log odds.
    fn variance(&self, covariance: &[f64]) -> Vec<f64> {
        let n = self.root.len();
        let of = |row: usize| {
            let column = (0..n).map(|k| self.root[k] * covariance[k * n + row]).collect();
            covariance[row * n + row] - self.down(column).iter().map(|x| x * x).sum::<f64>()
        };
        (0..n).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Rows of columns, whether it happened, and prior variances of the columns.
    fn planted(n: usize) -> (Vec<[f64; 3]>, Vec<bool>, [f64; 3]) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let rows: Vec<[f64; 3]> =
            (0..n).map(|_| [1.0, rng.random_range(-2.0..2.0), rng.random_range(-2.0..2.0)]).collect();
        let events = rows.iter().map(|row| rng.random::<f64>() < logistic(0.4 + 1.2 * row[1] - 0.8 * row[2])).collect();
        (rows, events, [4.0, 0.7, 0.3])
    }

    fn covariance(rows: &[[f64; 3]], variances: &[f64; 3]) -> Covariance {
        let between = |a: &[f64; 3], b: &[f64; 3]| (0..3).map(|k| variances[k] * a[k] * b[k]).sum::<f64>();
        rows.iter().flat_map(|a| rows.iter().map(move |b| between(a, b))).collect()
    }

    fn weights(rows: &[[f64; 3]], variances: &[f64; 3], dual: &[f64]) -> [f64; 3] {
        let of = |k: usize| variances[k] * rows.iter().zip(dual).map(|(row, dual)| row[k] * dual).sum::<f64>();
        [of(0), of(1), of(2)]
    }

    /// The same problem in the space of columns, by plain gradient descent.
    fn descended(rows: &[[f64; 3]], events: &[bool], variances: &[f64; 3]) -> [f64; 3] {
        let mut w = [0.0; 3];
        for _ in 0..40_000 {
            let mut slope: [f64; 3] = std::array::from_fn(|k| w[k] / variances[k]);
            for (row, &event) in rows.iter().zip(events) {
                let odds: f64 = (0..3).map(|k| w[k] * row[k]).sum();
                let miss = logistic(odds) - f64::from(u8::from(event));
                (0..3).for_each(|k| slope[k] += miss * row[k]);
            }
            (0..3).for_each(|k| w[k] -= 0.01 * slope[k]);
        }
        w
    }

    #[test]
    fn the_answer_in_rows_is_the_ridge_answer_in_columns() {
        let (rows, events, variances) = planted(40);
        let found = fit(&covariance(&rows, &variances), &events).unwrap();
        let (ours, theirs) = (weights(&rows, &variances, &found.dual), descended(&rows, &events, &variances));
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() < 1e-5, "{a} against {b}");
        }
    }

    #[test]
    fn what_a_row_is_told_without_its_label_is_what_a_fit_without_it_says() {
        let (rows, events, variances) = planted(40);
        let whole = fit(&covariance(&rows, &variances), &events).unwrap();
        let mut exact = 0.0;
        for out in 0..rows.len() {
            let keep = |i: &usize| *i != out;
            let others: Vec<[f64; 3]> = (0..rows.len()).filter(keep).map(|i| rows[i]).collect();
            let seen: Vec<bool> = (0..rows.len()).filter(keep).map(|i| events[i]).collect();
            let w = weights(&others, &variances, &fit(&covariance(&others, &variances), &seen).unwrap().dual);
            let odds: f64 = (0..3).map(|k| w[k] * rows[out][k]).sum();
            exact += (softplus(odds) - f64::from(u8::from(events[out])) * odds) / rows.len() as f64;
        }
        assert!((whole.left_one_out - exact).abs() < 0.01, "{} against {exact}", whole.left_one_out);
    }

    #[test]
    fn noise_is_held_more_strongly_than_what_tells_the_rows_apart() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (n, width) = (60, 100);
        let events: Vec<bool> = (0..n).map(|row| row % 2 == 0).collect();
        let mut strength = |signal: f64| {
            let sign = |row: usize| if events[row] { signal } else { -signal };
            let rows: Vec<Vec<f64>> =
                (0..n).map(|row| (0..width).map(|_| rng.random_range(-1.7..1.7) + sign(row)).collect()).collect();
            let between = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / width as f64;
            let state: Covariance = rows.iter().flat_map(|a| rows.iter().map(move |b| between(a, b))).collect();
            choose(&state, &vec![1.0; n * n], &events).unwrap().strength
        };
        assert!(strength(0.5) > strength(0.0));
    }

    #[test]
    fn rows_that_can_be_told_apart_perfectly_still_have_a_finite_answer() {
        let state: Covariance = (0..16).map(|i| if (i / 4 < 2) == (i % 4 < 2) { 9.0 } else { -9.0 }).collect();
        let found = fit(&state, &[true, true, false, false]).unwrap();
        assert!(found.dual.iter().all(|x| x.is_finite()) && found.dual[0] > 0.0 && found.dual[2] < 0.0);
    }
}
