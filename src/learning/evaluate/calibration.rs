//! How true the risks of one outcome are, on what happened from the index day on, which is what a served risk means.

use super::figures::{Estimate, LEAST_EVENTS, Scores};
use super::metrics::{Bin, brier, calibration_error, reliability};
use super::panel::{Panel, Target};
use super::slope::ClusteredLine;
use serde::Serialize;

/// Bins of a drawn reliability curve.
const CURVE_BINS: usize = 10;

/// Slopes that are near enough to 1, and the errors that are small enough, by horizon.
pub const GOOD_SLOPE: (f64, f64) = (0.8, 1.25);
/// Below one year and beyond.
pub const GOOD_ERROR: (f64, f64) = (0.02, 0.03);

/// How true the risks are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    pub rows: usize,
    pub events: usize,
    pub mean_risk: f64,
    pub observed: f64,
    /// Of the logistic line: 1 and 0 when true. `None` where it cannot be fitted.
    pub slope: Option<Estimate>,
    pub intercept: Option<Estimate>,
    /// Expected calibration error, 15 bins of equal mass.
    pub error: f64,
    pub brier: f64,
    /// The same for the age-and-sex average.
    pub age_sex_brier: f64,
    pub curve: Vec<Bin>,
}

impl Calibration {
    /// `None` with fewer than [`LEAST_EVENTS`] events.
    pub fn of(panel: &Panel, target: &Target, scores: &Scores, draws: &[Vec<u16>]) -> Option<Self> {
        let rows = labelled(panel, target, &scores.model, |_| true);
        let events: Vec<bool> = rows.iter().map(|row| row.2).collect();
        let happened = events.iter().filter(|&&event| event).count();
        if happened < LEAST_EVENTS {
            return None;
        }
        let risks: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let averages: Vec<f64> =
            labelled(panel, target, &scores.served_age_sex, |_| true).iter().map(|row| row.1).collect();
        let line = ClusteredLine::fit(&rows, panel.keys.len());
        let n = rows.len() as f64;
        Some(Self {
            rows: rows.len(),
            events: happened,
            mean_risk: risks.iter().sum::<f64>() / n,
            observed: happened as f64 / n,
            slope: line.as_ref().and_then(|line| line.slope(draws)),
            intercept: line.as_ref().and_then(|line| line.estimate(draws, |line| line.intercept)),
            error: calibration_error(&events, &risks),
            brier: brier(&events, &risks),
            age_sex_brier: brier(&events, &averages),
            curve: reliability(&events, &risks, CURVE_BINS),
        })
    }

    /// Whether the slope's interval reaches [`GOOD_SLOPE`].
    pub fn slope_is_good(&self) -> bool {
        self.slope.is_some_and(|slope| slope.low <= GOOD_SLOPE.1 && slope.high >= GOOD_SLOPE.0)
    }

    /// Whether the expected calibration error is below [`GOOD_ERROR`] of the horizon.
    pub fn error_is_good(&self, horizon_days: u32) -> bool {
        self.error < if horizon_days <= 365 { GOOD_ERROR.0 } else { GOOD_ERROR.1 }
    }
}

/// Rows with a label from the index day: patient, risk, event.
pub fn labelled(
    panel: &Panel,
    target: &Target,
    risks: &[f64],
    counts: impl Fn(usize) -> bool,
) -> Vec<(u32, f64, bool)> {
    let labels = target.from_day_0.iter().enumerate().filter(|(row, _)| counts(*row));
    labels.filter_map(|(row, label)| Some((panel.rows[row].patient, risks[row], (*label)?))).collect()
}

/// One line through the rows of several outcomes together, each risk as if it were of one outcome.
pub fn pooled<'a>(
    panel: &Panel,
    several: impl Iterator<Item = (&'a Target, &'a [f64])>,
    counts: impl Fn(usize) -> bool,
) -> Option<ClusteredLine> {
    let rows: Vec<(u32, f64, bool)> =
        several.flat_map(|(target, risks)| labelled(panel, target, risks, &counts)).collect();
    ClusteredLine::fit(&rows, panel.keys.len())
}
