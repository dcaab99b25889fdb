//! How unlike the calibration charts a chart is, by what the readers say of it.
//!
//! The raw log odds of every outcome and horizon form one point; its Mahalanobis distance from the calibration charts
//! grows when single risks are extreme and when they do not go together (a far stage of a disease without the near
//! one). Works with any reader, since it looks only at what readers answer. Refuses nothing itself: the bound is a limit
//! of the package.

use super::calibration::logit;
use serde::{Deserialize, Serialize};

/// Share of the plain variances in the covariance: with few charts the covariance alone would see noise.
const SHRINKAGE: f64 = 0.1;
/// Added to variances, in squared log odds.
const FLOOR: f64 = 1e-4;

/// The middle of the calibration charts and the lower triangle of their covariance's Cholesky factor, row by row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distance {
    middle: Vec<f32>,
    factor: Vec<f32>,
}

/// Where row `row` of a packed lower triangle begins.
fn start(row: usize) -> usize {
    row * (row + 1) / 2
}

impl Distance {
    /// Fits to charts: `raw[chart]` are their raw risks, all in one order. `None` without charts.
    pub fn fit(raw: &[Vec<f64>]) -> Option<Self> {
        let width = raw.first()?.len();
        let points: Vec<Vec<f64>> = raw.iter().map(|risks| risks.iter().map(|&risk| logit(risk)).collect()).collect();
        let n = points.len() as f64;
        let middle: Vec<f64> = (0..width).map(|at| points.iter().map(|point| point[at]).sum::<f64>() / n).collect();
        let mut factor = vec![0.0; start(width)];
        for point in &points {
            for row in 0..width {
                let from = start(row);
                let own = point[row] - middle[row];
                (0..=row).for_each(|column| factor[from + column] += own * (point[column] - middle[column]) / n);
            }
        }
        for row in 0..width {
            (0..row).for_each(|column| factor[start(row) + column] *= 1.0 - SHRINKAGE);
            factor[start(row) + row] += FLOOR;
        }
        cholesky(&mut factor, width);
        let narrow = |numbers: Vec<f64>| numbers.into_iter().map(|x| x as f32).collect();
        Some(Self { middle: narrow(middle), factor: narrow(factor) })
    }

    /// Whether this distance is one of so many risks.
    pub fn fits(&self, risks: usize) -> bool {
        let factor = &self.factor;
        let on_diagonal = |row: usize| factor.get(start(row) + row).is_some_and(|x| x.is_finite() && *x > 0.0);
        self.middle.len() == risks && factor.len() == start(risks) && (0..risks).all(on_diagonal)
    }

    /// The distance of a chart whose raw risks these are; the root of the mean square over risks, so a little below 1 is usual.
    pub fn of(&self, raw: &[f64]) -> f64 {
        let mut whitened: Vec<f64> = Vec::with_capacity(raw.len());
        for (row, (&risk, &middle)) in raw.iter().zip(&self.middle).enumerate() {
            let factor = &self.factor[start(row)..=start(row) + row];
            let known: f64 = factor.iter().zip(&whitened).map(|(&x, y)| f64::from(x) * y).sum();
            whitened.push((logit(risk) - f64::from(middle) - known) / f64::from(factor[row]));
        }
        (whitened.iter().map(|x| x * x).sum::<f64>() / whitened.len().max(1) as f64).sqrt()
    }
}

/// Replaces a positive definite matrix's lower triangle by its Cholesky factor's.
fn cholesky(packed: &mut [f64], width: usize) {
    for row in 0..width {
        for column in 0..=row {
            let products: f64 = (0..column).map(|at| packed[start(row) + at] * packed[start(column) + at]).sum();
            let rest = packed[start(row) + column] - products;
            packed[start(row) + column] = match row == column {
                true => rest.max(FLOOR * FLOOR).sqrt(),
                false => rest / packed[start(column) + column],
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::calibration::logistic;
    use rand::{Rng, SeedableRng};

    /// Charts whose second risk follows the first.
    fn charts() -> Vec<Vec<f64>> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let noise = |rng: &mut rand_chacha::ChaCha8Rng| (0..6).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() * 0.5;
        (0..4_000)
            .map(|_| {
                let first = noise(&mut rng) * 2.0 - 2.0;
                vec![logistic(first), logistic(first + 0.2 * noise(&mut rng)), logistic(noise(&mut rng))]
            })
            .collect()
    }

    #[test]
    fn usual_charts_are_near_and_what_does_not_go_together_is_far() {
        let charts = charts();
        let distance = Distance::fit(&charts).unwrap();
        assert!(distance.fits(3) && !distance.fits(2));
        let mean = charts.iter().map(|chart| distance.of(chart).powi(2)).sum::<f64>() / 4_000.0;
        assert!((0.5..1.2).contains(&mean), "{mean}");
        let usual = distance.of(&[logistic(0.0), logistic(0.0), 0.5]);
        let apart = distance.of(&[logistic(0.0), logistic(-3.0), 0.5]);
        assert!(usual < 1.5 && apart > 2.0, "{usual} {apart}");
    }

    #[test]
    fn risks_that_never_differ_do_not_break_it() {
        let distance = Distance::fit(&vec![vec![0.5, 0.5]; 10]).unwrap();
        assert!(distance.of(&[0.5, 0.5]) < 1e-3 && distance.of(&[0.9, 0.5]).is_finite());
        assert!(Distance::fit(&[]).is_none());
    }
}
