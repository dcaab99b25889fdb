//! The logistic line of outcomes on risks, with doubt about it that respects patients.
//!
//! The rows of one patient are not independent, so doubt comes from drawing whole patients. Refitting for a thousand
//! draws would be slow; each draw takes one Newton step from the line of all rows, for which a patient's rows are
//! five sums. Near the fitted line that step is the refit but for terms of higher order.

use super::figures::Estimate;
use super::metrics::interval;
use crate::prediction::calibration::{Line, logistic, logit};

/// Gradient of level and slope, and the curvature's three parts.
type Sums = [f64; 5];

/// A line fitted on rows, with each patient's share in it.
pub struct ClusteredLine {
    pub line: Line,
    /// Log odds are centred here, so that level and slope hardly disturb each other.
    middle: f64,
    /// By patient number.
    sums: Vec<Sums>,
}

impl ClusteredLine {
    /// Fits rows of (patient, risk, event); patients are numbered below `patients`. `None` as [`Line::of`].
    pub fn fit(rows: &[(u32, f64, bool)], patients: usize) -> Option<Self> {
        let risks: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let events: Vec<bool> = rows.iter().map(|row| row.2).collect();
        let line = Line::of(&risks, &events)?;
        let middle = risks.iter().map(|&risk| logit(risk)).sum::<f64>() / risks.len() as f64;
        let mut sums = vec![[0.0; 5]; patients];
        for &(patient, risk, event) in rows {
            let x = logit(risk);
            let p = logistic(line.slope * x + line.intercept);
            let (miss, w, x) = (f64::from(u8::from(event)) - p, p * (1.0 - p), x - middle);
            let sums = sums.get_mut(patient as usize)?;
            for (sum, part) in sums.iter_mut().zip([miss, miss * x, w, w * x, w * x * x]) {
                *sum += part;
            }
        }
        Some(Self { line, middle, sums })
    }

    /// The line of a draw of patients; `None` where the draw cannot tell.
    pub fn drawn(&self, draw: &[u16]) -> Option<Line> {
        let mut total: Sums = [0.0; 5];
        for (sums, &times) in self.sums.iter().zip(draw) {
            for (total, sum) in total.iter_mut().zip(sums) {
                *total += f64::from(times) * sum;
            }
        }
        let [g0, g1, h00, h01, h11] = total;
        let determinant = h00 * h11 - h01 * h01;
        if determinant <= 1e-12 * h00 * h11 {
            return None;
        }
        let slope = self.line.slope + (h00 * g1 - h01 * g0) / determinant;
        let level = self.line.intercept + self.line.slope * self.middle + (h11 * g0 - h01 * g1) / determinant;
        Some(Line { slope, intercept: level - slope * self.middle })
    }

    /// The slope with its interval over draws of patients.
    pub fn slope(&self, draws: &[Vec<u16>]) -> Option<Estimate> {
        self.estimate(draws, |line| line.slope)
    }

    /// Any figure of the line with its interval.
    pub fn estimate(&self, draws: &[Vec<u16>], figure: impl Fn(Line) -> f64) -> Option<Estimate> {
        let (low, high) = interval(draws.iter().map(|draw| self.drawn(draw).map(&figure)))?;
        Some(Estimate { value: figure(self.line), low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::patient_draws;
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// 200 patients with five rows each; the truth has half the slope that the risks claim.
    fn rows() -> Vec<(u32, f64, bool)> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        (0..1_000)
            .map(|row| {
                let x = rng.random_range(-3.0..1.0);
                (row / 5, logistic(x), rng.random::<f64>() < logistic(0.5 * x - 0.2))
            })
            .collect()
    }

    #[test]
    fn four_rows_by_hand() {
        // Risks 1/3 and 2/3; of the rows at each, one in three and two in three have the event: the risks are true.
        let third = 1.0 / 3.0;
        let rows: Vec<(u32, f64, bool)> = (0..6)
            .map(|row| (row, if row < 3 { third } else { 2.0 * third }, row == 0 || row == 3 || row == 4))
            .collect();
        let fitted = ClusteredLine::fit(&rows, 6).unwrap();
        assert!((fitted.line.slope - 1.0).abs() < 1e-6 && fitted.line.intercept.abs() < 1e-6, "{:?}", fitted.line);
        let same = fitted.drawn(&[1; 6]).unwrap();
        assert!((same.slope - 1.0).abs() < 1e-6, "everyone once is the fit itself");
    }

    #[test]
    fn a_draw_gives_nearly_what_fitting_its_rows_again_gives() {
        let rows = rows();
        let fitted = ClusteredLine::fit(&rows, 200).unwrap();
        let draws = patient_draws(200, 40, &mut ChaCha8Rng::seed_from_u64(1));
        for draw in &draws {
            let again: Vec<(u32, f64, bool)> =
                rows.iter().flat_map(|row| std::iter::repeat_n(*row, draw[row.0 as usize].into())).collect();
            let again = ClusteredLine::fit(&again, 200).unwrap().line;
            let step = fitted.drawn(draw).unwrap();
            assert!((step.slope - again.slope).abs() < 0.02, "{step:?} {again:?}");
            assert!((step.intercept - again.intercept).abs() < 0.03, "{step:?} {again:?}");
        }
        let slope = fitted.slope(&draws).unwrap();
        assert!(slope.low < 0.5 && slope.high > 0.4 && slope.high < 0.8, "{slope:?}");
    }

    #[test]
    fn rows_without_an_event_have_no_line() {
        assert!(ClusteredLine::fit(&[(0, 0.1, false), (1, 0.2, false)], 2).is_none());
    }
}
