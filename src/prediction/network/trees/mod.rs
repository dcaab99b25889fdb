//! Reader (C): boosted trees on plain columns of the whole life, one ensemble per outcome and horizon.
//!
//! Finds interactions that an additive hazard lacks and thresholds that attention blurs, and shares nothing between
//! tasks. Its risks are turned into hazards that are spread over the bins within each horizon as the outcome's base
//! hazards are. Learned elsewhere (`learning::train::trees`); here it is only read.

mod columns;
mod forest;

pub use columns::{age_and_sex, columns, width};
pub use forest::{Forest, LEAF, Node};

use super::config::BINS;
use super::facts::{FactsConfig, Words};
use super::packed::Asked;
use super::{Hazards, NetworkConfig, Parameters, Reader, Reading};
use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything that decides what reader (C) reads and answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreesConfig {
    pub keys: usize,
    pub numbers: usize,
    pub named: usize,
    /// Ascending; each an edge of the bins.
    pub horizons_days: Vec<u32>,
}

impl TreesConfig {
    /// What is looked at in a window: that of reader (A), of which only keys and numbers matter here.
    pub fn survey(&self) -> FactsConfig {
        let Self { keys, numbers, named, .. } = *self;
        FactsConfig { wide: 1, width: 1, rank: 1, keys, numbers, named, outcomes: named }
    }
}

/// Log base hazards: (BINS * named).
pub const BASE: &str = "base";

/// What the tensors of a forest begin with.
pub fn forest_name(outcome: usize, horizon: usize) -> String {
    format!("{outcome}.{horizon}")
}

/// The reader with its ensembles.
pub struct Trees {
    pub config: TreesConfig,
    survey: FactsConfig,
    /// `[outcome][horizon]`; empty forests answer with their base alone.
    forests: Vec<Vec<Forest>>,
    /// Log base hazard, `[bin * named + outcome]`.
    base: Vec<f32>,
    words: Arc<Words>,
}

impl Trees {
    /// Joins ensembles that were proved to fit.
    pub fn new(
        config: TreesConfig,
        forests: Vec<Vec<Forest>>,
        base: Vec<f32>,
        words: Arc<Words>,
    ) -> std::result::Result<Self, String> {
        let columns = width(config.keys, config.numbers);
        if forests.len() != config.named || forests.iter().any(|all| all.len() != config.horizons_days.len()) {
            return Err("there is not one forest for each outcome and horizon".into());
        }
        if base.len() != BINS * config.named {
            return Err("the base hazards are not those of the outcomes".into());
        }
        let edges = config.horizons_days.iter().map(|&days| NetworkConfig::bins_within(days));
        if edges.clone().any(|edge| edge.is_none()) || !config.horizons_days.is_sorted() {
            return Err("the horizons are not ascending edges of the bins".into());
        }
        forests.iter().flatten().try_for_each(|forest| forest.check(columns))?;
        let survey = config.survey();
        Ok(Self { config, survey, forests, base, words })
    }

    /// Reads the tensors of a package or a run: `base` and, per outcome and horizon, `OUTCOME.HORIZON.PART`.
    pub fn packaged(config: TreesConfig, mut weights: Parameters, words: Arc<Words>) -> Result<Self> {
        let base = match weights.remove(BASE) {
            Some(base) => base.flatten_all()?.to_vec1()?,
            None => bail!("weight `{BASE}` is missing"),
        };
        let horizons = 0..config.horizons_days.len();
        let forests = (0..config.named)
            .map(|outcome| horizons.clone().map(|at| Forest::read(&mut weights, &forest_name(outcome, at))).collect())
            .collect::<Result<_>>()?;
        Self::new(config, forests, base, words).map_err(candle_core::Error::msg)
    }

    fn read(&self, reading: &Reading) -> Hazards {
        let Reading { history, day, without } = *reading;
        let asked = Asked { history, first: 0, end: history.known_days(day), read_outs: vec![day], without };
        let row = columns(&asked, day, &self.survey, &self.words);
        let mut hazards = vec![vec![0f32; self.config.named]; BINS];
        for (outcome, forests) in self.forests.iter().enumerate() {
            let base = |bin: usize| self.base[bin * self.config.named + outcome].exp().max(1e-8);
            let (mut from, mut spent) = (0, 0f32);
            for (forest, &days) in forests.iter().zip(&self.config.horizons_days) {
                let to = NetworkConfig::bins_within(days).unwrap_or(from);
                // 1 - 1 / (1 + e^x) as a hazard: -ln(1 - p) = ln(1 + e^x).
                let whole = forest.log_odds(&row).exp().ln_1p();
                let part = (whole - spent).max(1e-7);
                let sum: f32 = (from..to).map(base).sum();
                (from..to).for_each(|bin| hazards[bin][outcome] = part * base(bin) / sum);
                (from, spent) = (to, spent + part);
            }
            (from..BINS).for_each(|bin| hazards[bin][outcome] = base(bin));
        }
        hazards
    }
}

impl Reader for Trees {
    fn hazards(&self, readings: &[Reading]) -> Result<Vec<Hazards>> {
        Ok(readings.iter().map(|reading| self.read(reading)).collect())
    }

    /// Trees share nothing between outcomes: there is no state.
    fn states(&self, readings: &[Reading]) -> Result<Vec<Vec<f32>>> {
        Ok(vec![Vec::new(); readings.len()])
    }

    /// Trees have no gradient: which facts are tried exactly is for the other readers to say.
    fn influence(&self, _: Reading, _: usize, _: usize) -> Result<Vec<(u32, f32)>> {
        Ok(Vec::new())
    }
}
