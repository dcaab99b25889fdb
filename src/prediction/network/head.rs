//! The part that readers (A) and (B) end with: from a state to hazards per bin and outcome.
//!
//! `log h[bin, outcome] = state[bin] . outcome + base[bin, outcome] + age-and-sex[outcome]`, of low rank; the age and
//! sex term is its own, so that the rest only learns what lies beyond it. Knows neither days nor facts.

use super::History;
use super::config::BINS;
use super::parameters::{Parameters, Start, Weights, into};
use candle_core::{Device, Result, Tensor};
use fused_ops::{Precision, dropout, linear, rms_norm};

/// Hats of age in the age-and-sex term, `AGE_HATS` for each sex.
pub const AGE_HATS: usize = 10;

/// Shapes of the head.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Width of the state that is read.
    pub width: usize,
    pub rank: usize,
    pub outcomes: usize,
    /// Of all products but that of age and sex.
    pub precision: Precision,
}

/// Dropout masks drawn one after another from one seed.
pub struct Masks {
    seed: u64,
}

impl Masks {
    /// The masks of one training step.
    pub fn new(seed: u64) -> Self {
        Self { seed: seed.wrapping_mul(1000) }
    }

    /// The seed of the next mask.
    pub fn next_seed(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(1);
        self.seed
    }

    /// Applies the next mask; `share` = 0 changes nothing.
    pub fn drop(&mut self, x: &Tensor, share: f32) -> Result<Tensor> {
        dropout(x, share, self.next_seed())
    }
}

impl Head {
    /// Names, shapes and beginnings of the head's weights.
    pub fn weights(&self) -> Weights {
        use Start::{Base, Normal, One, Zero};
        let Self { width, rank, outcomes, .. } = *self;
        vec![
            ("head.norm".to_owned(), vec![width], One),
            ("head.mix".to_owned(), vec![width, width], into(width)),
            ("head.mix.bias".to_owned(), vec![width], Zero),
            ("head.state".to_owned(), vec![BINS * rank, width], Normal(0.02)),
            ("head.outcome".to_owned(), vec![outcomes, rank], Normal(0.05)),
            ("head.bias".to_owned(), vec![BINS * outcomes], Base),
            ("head.age-sex".to_owned(), vec![outcomes, 2 * AGE_HATS], Zero),
        ]
    }

    /// What the head makes of raw states (rows, width) before outcomes are asked: (rows, width).
    pub fn state(&self, weights: &Parameters, raw: &Tensor, share: f32, masks: &mut Masks) -> Result<Tensor> {
        let z = masks.drop(&rms_norm(raw, &weights["head.norm"])?, share)?;
        let mixed = linear(&z, &weights["head.mix"], self.precision)?;
        let mixed = mixed.broadcast_add(&weights["head.mix.bias"])?.gelu_erf()?;
        z + masks.drop(&mixed, share)?
    }

    /// Log hazards (rows, BINS * outcomes), bins outermost, not clamped. `age_sex` holds a row of
    /// [`age_sex_row`] for each state.
    pub fn log_hazards(&self, weights: &Parameters, state: &Tensor, age_sex: &[f32]) -> Result<Tensor> {
        let (rows, outcomes) = (state.dim(0)?, self.outcomes);
        let by_bin = linear(state, &weights["head.state"], self.precision)?.reshape((rows * BINS, self.rank))?;
        let from_state = linear(&by_bin, &weights["head.outcome"], self.precision)?.reshape((rows, BINS, outcomes))?;
        let age_sex = Tensor::from_slice(age_sex, (rows, 2 * AGE_HATS), &Device::Cpu)?;
        let by_age_sex = linear(&age_sex, &weights["head.age-sex"], Precision::F32)?.reshape((rows, 1, outcomes))?;
        let base = weights["head.bias"].reshape((BINS, outcomes))?;
        from_state.broadcast_add(&by_age_sex)?.broadcast_add(&base)?.reshape((rows, BINS * outcomes))
    }
}

/// Two neighbouring hats of age (eight years apart from 30) for the patient's sex: `2 * AGE_HATS` numbers.
pub fn age_sex_row(history: &History, day: i32) -> [f32; 2 * AGE_HATS] {
    let place = ((history.age_years(day) - 30.0) / 8.0).clamp(0.0, AGE_HATS as f32 - 1.001);
    let (hat, share) = (place as usize, place.fract());
    let mut row = [0f32; 2 * AGE_HATS];
    let base = if history.female { 0 } else { AGE_HATS };
    row[base + hat] = 1.0 - share;
    row[base + hat + 1] = share;
    row
}
