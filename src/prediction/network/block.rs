//! One block of the transformer: attention, then a gated unit, each on normalised rows and added to them.
//!
//! A function of rows, weights and seeds alone, so that it can be computed again instead of kept.

use super::parameters::Parameters;
use candle_core::{Result, Tensor, bail};
use fused_ops::{AttentionPlan, Precision, dropout, linear, prefix_attention, rms_norm, swiglu};
use std::sync::Arc;

/// A block's weights, in the order that [`Block::read`] takes them.
const WEIGHTS: [&str; 8] = [
    "attention.norm",
    "attention.qkv",
    "attention.query-gain",
    "attention.key-gain",
    "attention.out",
    "unit.norm",
    "unit.in",
    "unit.out",
];

/// The weights of one block among all.
pub fn block_weights(parameters: &Parameters, layer: usize) -> [&Tensor; 8] {
    WEIGHTS.map(|name| &parameters[&format!("block.{layer}.{name}")])
}

/// What a block is computed with besides its weights.
pub struct Block {
    pub plan: Arc<AttentionPlan>,
    pub precision: Precision,
    /// Share of the numbers dropped after each half, and the seeds of both masks.
    pub share: f32,
    pub seeds: [u64; 2],
}

impl Block {
    /// (rows, width) to (rows, width).
    pub fn read(&self, x: &Tensor, weights: &[&Tensor]) -> Result<Tensor> {
        let [norm, qkv, query_gain, key_gain, out, unit_norm, unit_in, unit_out] = weights else {
            bail!("a block has {} weights instead of {}", weights.len(), WEIGHTS.len());
        };
        let times = |x: &Tensor, weight: &Tensor| linear(x, weight, self.precision);
        let seen = prefix_attention(&times(&rms_norm(x, norm)?, qkv)?, query_gain, key_gain, &self.plan)?;
        let x = (x + dropout(&times(&seen, out)?, self.share, self.seeds[0])?)?;
        let unit = swiglu(&times(&rms_norm(&x, unit_norm)?, unit_in)?)?;
        &x + dropout(&times(&unit, unit_out)?, self.share, self.seeds[1])?
    }
}
