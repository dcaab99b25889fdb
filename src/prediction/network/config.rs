//! The shapes of readers. Stored in the package; refuses shapes that cannot be built.

use super::facts::FactsConfig;
use super::trees::TreesConfig;
use serde::{Deserialize, Serialize};

/// Edges of the time-to-event bins, in days after the as-of day.
pub const BIN_EDGES_DAYS: [i32; 9] = [0, 30, 90, 180, 365, 730, 1095, 1825, 3650];
/// Number of bins.
pub const BINS: usize = BIN_EDGES_DAYS.len() - 1;

/// A kind of reader and its shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReaderConfig {
    /// Reader (A): facts of the whole life.
    Facts(FactsConfig),
    /// Reader (B): attention over active days.
    Days(NetworkConfig),
    /// Reader (C): boosted trees on plain columns.
    Trees(TreesConfig),
}

impl ReaderConfig {
    /// Known keys and numbers of the vocabulary that it was trained with, and its named outcomes.
    pub fn trained_with(&self) -> (usize, usize, usize) {
        match self {
            Self::Facts(config) => (config.keys, config.numbers, config.named),
            Self::Days(config) => (config.keys, config.numbers, config.named),
            Self::Trees(config) => (config.keys, config.numbers, config.named),
        }
    }

    /// Says what is wrong with a shape.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Facts(config) => config.check(),
            Self::Days(config) => config.check(),
            // Proved with its forests.
            Self::Trees(_) => Ok(()),
        }
    }
}

/// Everything that decides the shapes of the transformer's weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    /// Width of the gated unit.
    pub hidden: usize,
    /// Rank of the factor between state and outcomes.
    pub rank: usize,
    /// Rows that a window holds: a beginning and up to `context - 1` active days.
    pub context: usize,
    pub text_buckets: usize,
    pub text_width: usize,
    /// Known keys of the vocabulary.
    pub keys: usize,
    /// Known numbers of the vocabulary.
    pub numbers: usize,
    /// Outcomes with a name: the phenotypes.
    pub named: usize,
    /// All outcomes: the phenotypes, then auxiliary first occurrences.
    pub outcomes: usize,
}

impl NetworkConfig {
    /// Head width; rotary pairs need it even.
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Says what is wrong with a shape.
    pub fn check(&self) -> Result<(), String> {
        if self.heads == 0 || !self.width.is_multiple_of(self.heads) || !self.head_width().is_multiple_of(4) {
            return Err(format!("`width` {} must be a multiple of 4 times `heads` {}", self.width, self.heads));
        }
        if self.context < 2 || self.layers == 0 || self.rank == 0 || self.hidden == 0 {
            return Err("`context` must be at least 2; `layers`, `rank` and `hidden` at least 1".into());
        }
        if self.text_buckets == 0 || self.text_width == 0 {
            return Err("`text_buckets` and `text_width` must be at least 1".into());
        }
        if self.named > self.outcomes {
            return Err(format!("{} named outcomes among {}", self.named, self.outcomes));
        }
        Ok(())
    }

    /// How many bins end within a horizon; `None` when the horizon is no bin edge.
    pub fn bins_within(horizon_days: u32) -> Option<usize> {
        BIN_EDGES_DAYS.iter().skip(1).position(|&edge| edge == horizon_days as i32).map(|bin| bin + 1)
    }
}
