//! Index days of some lives, what readers say of them and what became of them: what everything in a package that is not
//! a weight is fitted on.

use super::evaluate::cohort::{self, label};
use super::train::lives::Life;
use super::train::validate::{Moment, hazards};
use crate::prediction::calibration::{AgeSexTable, Level, Line};
use crate::prediction::interval::Spread;
use crate::prediction::network::{Hazards, NetworkConfig, Reader, risk};
use crate::prediction::phenotype::Phenotypes;
use anyhow::Context;

/// A reader and how much it counts.
pub type Weighed<'a> = (&'a dyn Reader, f64);

/// Lives, their index days and what the readers said of them.
pub struct Judged<'a> {
    pub lives: &'a [Life],
    pub moments: Vec<Moment>,
    /// `[reader][moment]`
    pub hazards: Vec<Vec<Hazards>>,
    /// By reader; they sum to 1.
    pub weights: Vec<f64>,
    /// What is known of the readers' level on these lives.
    pub level: Level,
}

/// Rows of one outcome within one horizon: life, age, whether it happened, raw risk.
pub struct Row {
    /// Index of the moment.
    pub at: usize,
    pub life: usize,
    pub age: f64,
    pub event: bool,
    pub raw: f64,
}

impl<'a> Judged<'a> {
    /// What happened alone; no reader is asked.
    pub fn unread(lives: &'a [Life], moments: Vec<Moment>) -> Self {
        Self { lives, moments, hazards: Vec::new(), weights: Vec::new(), level: Level::AsTrained }
    }

    /// What every reader says too. `progress` is told reader and index days read.
    pub fn read(
        lives: &'a [Life],
        moments: Vec<Moment>,
        readers: &[Weighed],
        progress: &dyn Fn(usize, usize),
    ) -> anyhow::Result<Self> {
        let mut judged = Self::unread(lives, moments);
        let whole: f64 = readers.iter().map(|one| one.1).sum();
        for (number, (reader, weight)) in readers.iter().enumerate() {
            judged.hazards.push(hazards(*reader, lives, &judged.moments, &|n| progress(number, n))?);
            judged.weights.push(weight / whole);
        }
        Ok(judged)
    }

    /// The index days on which an outcome could happen and that were watched to the horizon.
    pub fn rows(&self, phenotypes: &Phenotypes, outcome: usize, horizon_days: u32) -> anyhow::Result<Vec<Row>> {
        let bins = NetworkConfig::bins_within(horizon_days).context("a horizon is no edge of the bins")?;
        let window = cohort::Window { gap_days: 0, horizon_days: horizon_days as i32 };
        let row = |(at, moment): (usize, &Moment)| {
            let life = &self.lives[moment.life];
            if moment.day + horizon_days as i32 > life.follow_up_end {
                return None;
            }
            let event = label(phenotypes, outcome, &life.outcomes[outcome], life.sex, moment.day, window)?;
            let raw = self.raw(at, outcome, bins);
            let age = life.history.age_years(moment.day) as f64;
            Some(Row { at, life: moment.life, age, event, raw })
        };
        Ok(self.moments.iter().enumerate().filter_map(row).collect())
    }

    /// What the readers say together of an outcome at a moment, not calibrated.
    pub fn raw(&self, at: usize, outcome: usize, bins: usize) -> f64 {
        let parts = self.hazards.iter().zip(&self.weights);
        parts.map(|(reader, weight)| weight * risk(&reader[at], outcome, bins)).sum()
    }

    /// The raw risks of every moment, each in the order of a model's outcomes.
    pub fn all_raw(&self, phenotypes: &Phenotypes) -> Vec<Vec<f64>> {
        let mut horizons = phenotypes.horizons_days.clone();
        horizons.sort_unstable();
        let bins: Vec<usize> = horizons.into_iter().filter_map(NetworkConfig::bins_within).collect();
        let of = |at: usize| {
            let outcomes = 0..phenotypes.outcomes.len();
            outcomes.flat_map(|outcome| bins.iter().map(move |&bins| self.raw(at, outcome, bins))).collect()
        };
        (0..self.moments.len()).map(of).collect()
    }

    /// How often it happened at each age and sex.
    pub fn table(&self, rows: &[Row]) -> AgeSexTable {
        AgeSexTable::fit(rows.iter().map(|row| (row.age, self.lives[row.life].sex, row.event)))
    }
}

/// The calibration line of some rows, and how sure it is.
pub fn line(rows: &[Row], level: Level) -> (Line, Spread) {
    let raw: Vec<f64> = rows.iter().map(|row| row.raw).collect();
    let events: Vec<bool> = rows.iter().map(|row| row.event).collect();
    let patients: Vec<usize> = rows.iter().map(|row| row.life).collect();
    let line = Line::calibrate(&raw, &events, &patients, level);
    (line, Spread::of(&line, &raw, &events, &patients))
}
