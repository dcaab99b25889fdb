//! Dropout whose mask is a function of a seed: nothing is stored, the backward pass and a resumed run draw
//! the same mask again (Srivastava et al. 2014).

use crate::storage::numbers;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

const BLOCK: usize = 1 << 14;

/// Sets elements to zero with probability `p` and scales the others by `1 / (1 - p)`; `p` = 0 changes nothing.
pub fn dropout(x: &Tensor, p: f32, seed: u64) -> Result<Tensor> {
    if p == 0.0 {
        return Ok(x.clone());
    }
    x.apply_op1(Dropout { p, seed })
}

#[derive(Clone, Copy)]
struct Dropout {
    p: f32,
    seed: u64,
}

/// SplitMix64's finaliser (Steele, Lea and Flood 2014): independent of its neighbours for each counter.
#[inline(always)]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = numbers(x, layout)?;
        let bound = (self.p as f64 * u32::MAX as f64) as u32;
        let scale = 1.0 / (1.0 - self.p);
        let start = mix(self.seed);
        let mut out = vec![0f32; x.len()];
        out.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).enumerate().for_each(|(block, (out, x))| {
            for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
                let counter = (block * BLOCK + i) as u64;
                let draw = mix(start.wrapping_add(counter.wrapping_mul(0x9e37_79b9_7f4a_7c15))) as u32;
                *out = if draw < bound { 0.0 } else { x * scale };
            }
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(grad.contiguous()?.apply_op1_no_bwd(self)?))
    }
}
