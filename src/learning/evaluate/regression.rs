//! Logistic regression on sparse rows, for many outcomes at once: the plain baseline beside the model.
//!
//! One ridge for all, full passes over the data, L-BFGS preconditioned by each weight's curvature at the base rate.
//! The outcomes share nothing but the passes. Same rows, same result: sums run in a fixed order on any machine.

use super::counts::SparseRows;
use crate::prediction::calibration::{logistic, logit};
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::collections::VecDeque;

/// How strongly and how long.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Weight of half the squared length of each outcome's weights, against the sum over rows.
    pub ridge: f64,
    /// The first columns are hardly held (constant, age and sex).
    pub free_columns: usize,
    pub passes: usize,
}

/// Ridge of the columns that are meant to be free: enough for a unique answer.
const FREE_RIDGE: f64 = 0.1;
/// Pairs of steps and changes that L-BFGS remembers.
const MEMORY: usize = 8;
/// Parts that a pass is cut into; fixed, so that sums do not depend on the machine.
const PARTS: usize = 8;
/// Below this share of the loss, a step is the last.
const ENOUGH: f64 = 1e-6;

/// Fitted weights: `weights[column * outcomes + outcome]`.
#[derive(Clone, Debug)]
pub struct Regression {
    outcomes: usize,
    weights: Vec<f32>,
}

impl Regression {
    /// Fits every outcome; a row without a label for an outcome says nothing about it.
    pub fn fit(rows: &SparseRows, labels: &[&[Option<bool>]], effort: Effort, progress: &ProgressBar) -> Self {
        let problem = Problem::new(rows, labels, effort);
        Self { outcomes: labels.len(), weights: problem.solve(effort.passes, progress) }
    }

    /// The probability of every outcome for one row.
    pub fn risks(&self, row: &[(u32, f32)]) -> Vec<f64> {
        let mut scores = vec![0.0_f32; self.outcomes];
        add_scores(&mut scores, &self.weights, row);
        scores.into_iter().map(|score| logistic(f64::from(score))).collect()
    }
}

/// Adds a row's weighted columns to the scores of all outcomes.
fn add_scores(scores: &mut [f32], weights: &[f32], row: &[(u32, f32)]) {
    let outcomes = scores.len();
    for &(column, value) in row {
        let from = column as usize * outcomes;
        if let Some(weights) = weights.get(from..from + outcomes) {
            for (score, weight) in scores.iter_mut().zip(weights) {
                *score += value * weight;
            }
        }
    }
}

struct Problem<'a> {
    rows: &'a SparseRows,
    outcomes: usize,
    /// By row, then outcome: 1, 0, or NaN for no label.
    labels: Vec<f32>,
    /// Ridge per column.
    ridge: Vec<f64>,
    /// Square root of the curvature at the base rate: weights are searched for in these units.
    scale: Vec<f32>,
    base: Vec<f64>,
}

impl<'a> Problem<'a> {
    fn new(rows: &'a SparseRows, labels: &[&[Option<bool>]], effort: Effort) -> Self {
        let outcomes = labels.len();
        let mut table = vec![f32::NAN; rows.len() * outcomes];
        let mut base = Vec::new();
        for (outcome, labels) in labels.iter().enumerate() {
            let (mut known, mut events) = (1.0, 0.5);
            for (row, label) in labels.iter().enumerate().take(rows.len()) {
                if let Some(event) = *label {
                    let event = f32::from(u8::from(event));
                    table[row * outcomes + outcome] = event;
                    known += 1.0;
                    events += f64::from(event);
                }
            }
            base.push(events / known);
        }
        let mut squares = vec![0.0_f64; rows.width];
        for row in 0..rows.len() {
            for &(column, value) in rows.row(row) {
                squares[column as usize] += f64::from(value).powi(2);
            }
        }
        let ridge: Vec<f64> = (0..rows.width)
            .map(|column| if column < effort.free_columns { FREE_RIDGE } else { effort.ridge })
            .collect();
        let scale = squares
            .iter()
            .zip(&ridge)
            .flat_map(|(square, ridge)| base.iter().map(move |p| (square * p * (1.0 - p) + ridge).sqrt() as f32))
            .collect();
        Self { rows, outcomes, labels: table, ridge, scale, base }
    }

    /// Loss and gradient in scaled units.
    fn pass(&self, scaled: &[f32]) -> (f64, Vec<f32>) {
        let weights: Vec<f32> = scaled.iter().zip(&self.scale).map(|(weight, scale)| weight / scale).collect();
        let parts: Vec<(f64, Vec<f32>)> = (0..PARTS).into_par_iter().map(|part| self.part(part, &weights)).collect();
        let mut loss = 0.0;
        let mut gradient = vec![0.0_f32; weights.len()];
        for (part_loss, part) in parts {
            loss += part_loss;
            for (sum, part) in gradient.iter_mut().zip(part) {
                *sum += part;
            }
        }
        for (place, weight) in weights.iter().enumerate() {
            let ridge = self.ridge[place / self.outcomes];
            loss += 0.5 * ridge * f64::from(*weight).powi(2);
            gradient[place] = (gradient[place] + ridge as f32 * weight) / self.scale[place];
        }
        (loss, gradient)
    }

    /// Loss and unscaled gradient over one part of the rows.
    fn part(&self, part: usize, weights: &[f32]) -> (f64, Vec<f32>) {
        let n = self.rows.len();
        let outcomes = self.outcomes;
        let mut gradient = vec![0.0_f32; weights.len()];
        let mut scores = vec![0.0_f32; outcomes];
        let mut loss = 0.0;
        for index in part * n / PARTS..(part + 1) * n / PARTS {
            let row = self.rows.row(index);
            scores.fill(0.0);
            add_scores(&mut scores, weights, row);
            for (score, label) in scores.iter_mut().zip(&self.labels[index * outcomes..]) {
                if label.is_nan() {
                    *score = 0.0;
                    continue;
                }
                // log(1 + e^s) - y s, without overflow
                loss += f64::from(score.max(0.0) + (-score.abs()).exp().ln_1p() - label * *score);
                *score = 1.0 / (1.0 + (-*score).exp()) - label;
            }
            for &(column, value) in row {
                let from = column as usize * outcomes;
                for (sum, miss) in gradient[from..from + outcomes].iter_mut().zip(&scores) {
                    *sum += value * miss;
                }
            }
        }
        (loss, gradient)
    }

    /// L-BFGS with backtracking; convex, so the end is the only one.
    fn solve(&self, passes: usize, progress: &ProgressBar) -> Vec<f32> {
        let mut at = vec![0.0_f32; self.scale.len()];
        for (outcome, &base) in self.base.iter().enumerate() {
            // The constant column starts at the base rate.
            if let (Some(weight), Some(scale)) = (at.get_mut(outcome), self.scale.get(outcome)) {
                *weight = logit(base) as f32 * scale;
            }
        }
        progress.set_length(passes as u64);
        let (mut loss, mut gradient) = self.pass(&at);
        let mut memory: VecDeque<(Vec<f32>, Vec<f32>, f64)> = VecDeque::new();
        for _ in 0..passes {
            progress.inc(1);
            let direction = descent(&gradient, &memory);
            let slope = dot(&direction, &gradient);
            let mut length = 1.0_f32;
            let step = loop {
                let there: Vec<f32> = at.iter().zip(&direction).map(|(at, step)| at + length * step).collect();
                let (new_loss, new_gradient) = self.pass(&there);
                if new_loss <= loss + 1e-4 * f64::from(length) * slope {
                    break Some((there, new_loss, new_gradient));
                }
                length *= 0.5;
                if length < 1e-4 {
                    break None;
                }
            };
            let Some((there, new_loss, new_gradient)) = step else { break };
            let moved: Vec<f32> = there.iter().zip(&at).map(|(new, old)| new - old).collect();
            let changed: Vec<f32> = new_gradient.iter().zip(&gradient).map(|(new, old)| new - old).collect();
            let curvature = dot(&moved, &changed);
            if curvature > 0.0 {
                memory.push_back((moved, changed, curvature));
                if memory.len() > MEMORY {
                    memory.pop_front();
                }
            }
            let gained = (loss - new_loss) / loss.max(1.0);
            (at, loss, gradient) = (there, new_loss, new_gradient);
            if gained < ENOUGH {
                break;
            }
        }
        progress.finish();
        at.iter().zip(&self.scale).map(|(weight, scale)| weight / scale).collect()
    }
}

/// The two-loop recursion: minus the inverse curvature times the gradient.
fn descent(gradient: &[f32], memory: &VecDeque<(Vec<f32>, Vec<f32>, f64)>) -> Vec<f32> {
    let mut q: Vec<f32> = gradient.to_vec();
    let mut alphas = Vec::with_capacity(memory.len());
    for (moved, changed, curvature) in memory.iter().rev() {
        let alpha = dot(moved, &q) / curvature;
        add(&mut q, changed, -alpha);
        alphas.push(alpha);
    }
    if let Some((_, changed, curvature)) = memory.back() {
        let scale = (curvature / dot(changed, changed).max(1e-30)) as f32;
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((moved, changed, curvature), alpha) in memory.iter().zip(alphas.iter().rev()) {
        let beta = dot(changed, &q) / curvature;
        add(&mut q, moved, alpha - beta);
    }
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

fn add(to: &mut [f32], what: &[f32], times: f64) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += times as f32 * what;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    /// Rows whose outcome follows planted weights: -1 + 2 a - 1.5 b, and an outcome that follows nothing.
    fn planted(n: usize) -> (SparseRows, Vec<Option<bool>>, Vec<Option<bool>>) {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut rows = SparseRows::new(4);
        let (mut follows, mut noise) = (Vec::new(), Vec::new());
        for i in 0..n {
            let (a, b) = (rng.random::<f32>(), f32::from(rng.random_range(0..2_u8)));
            rows.push([(0, 1.0), (1, a), (2, b), (3, rng.random())]);
            let risk = logistic(f64::from(-1.0 + 2.0 * a - 1.5 * b));
            follows.push((i % 10 != 0).then(|| rng.random::<f64>() < risk));
            noise.push(Some(rng.random::<f64>() < 0.3));
        }
        (rows, follows, noise)
    }

    #[test]
    fn planted_weights_are_found() {
        let (rows, follows, noise) = planted(20_000);
        let effort = Effort { ridge: 1.0, free_columns: 1, passes: 60 };
        let fitted = Regression::fit(&rows, &[&follows, &noise], effort, &ProgressBar::hidden());
        let weight = |column: usize, outcome: usize| fitted.weights[column * 2 + outcome];
        for (column, expected) in [(0, -1.0), (1, 2.0), (2, -1.5), (3, 0.0)] {
            assert!((weight(column, 0) - expected).abs() < 0.2, "column {column}: {}", weight(column, 0));
        }
        assert!(weight(1, 1).abs() < 0.2 && weight(2, 1).abs() < 0.2);
        assert!((fitted.risks(&[(0, 1.0), (1, 0.5), (2, 0.5), (3, 0.5)])[1] - 0.3).abs() < 0.02);
    }

    #[test]
    fn at_the_end_the_slope_of_the_loss_is_nought() {
        let (rows, follows, noise) = planted(2_000);
        let effort = Effort { ridge: 10.0, free_columns: 1, passes: 200 };
        let problem = Problem::new(&rows, &[&follows, &noise], effort);
        let found = problem.solve(effort.passes, &ProgressBar::hidden());
        let scaled: Vec<f32> = found.iter().zip(&problem.scale).map(|(w, s)| w * s).collect();
        let (_, start) = problem.pass(&vec![0.0; found.len()]);
        let (_, end) = problem.pass(&scaled);
        assert!(dot(&end, &end).sqrt() < 0.01 * dot(&start, &start).sqrt());
    }

    #[test]
    fn a_strong_ridge_leaves_the_base_rate() {
        let (rows, follows, _) = planted(2_000);
        let effort = Effort { ridge: 1e6, free_columns: 1, passes: 60 };
        let fitted = Regression::fit(&rows, &[&follows], effort, &ProgressBar::hidden());
        let share = follows.iter().filter(|&&label| label == Some(true)).count() as f64
            / follows.iter().filter(|label| label.is_some()).count() as f64;
        assert!((fitted.risks(&[(0, 1.0), (1, 1.0)])[0] - share).abs() < 0.02);
    }
}
