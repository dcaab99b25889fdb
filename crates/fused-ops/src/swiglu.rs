//! The gated unit `silu(a) * b` on a matrix that holds `a` and `b` side by side (Shazeer 2020, arXiv 2002.05202).

use crate::math::sigmoid;
use crate::storage::numbers;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

const BLOCK: usize = 64;

/// (rows, 2 f) to (rows, f).
pub fn swiglu(x: &Tensor) -> Result<Tensor> {
    x.apply_op1(SwiGlu)
}

struct SwiGlu;
struct SwiGluBackward;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, both) = layout.shape().dims2()?;
        let (x, half) = (numbers(x, layout)?, both / 2);
        let mut out = vec![0f32; rows * half];
        out.par_chunks_mut(half * BLOCK).zip(x.par_chunks(both * BLOCK)).for_each(|(out, x)| {
            for (out, x) in out.chunks_mut(half).zip(x.chunks(both)) {
                let (a, b) = x.split_at(half);
                for j in 0..half {
                    out[j] = a[j] * sigmoid(a[j]) * b[j];
                }
            }
        });
        Ok((CpuStorage::F32(out), (rows, half).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(x.apply_op2_no_bwd(&grad.contiguous()?, &SwiGluBackward)?))
    }
}

impl CustomOp2 for SwiGluBackward {
    fn name(&self) -> &'static str {
        "swiglu-backward"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, grad: &CpuStorage, lg: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, both) = lx.shape().dims2()?;
        let (x, grad, half) = (numbers(x, lx)?, numbers(grad, lg)?, both / 2);
        let mut out = vec![0f32; x.len()];
        out.par_chunks_mut(both * BLOCK).zip(x.par_chunks(both * BLOCK)).zip(grad.par_chunks(half * BLOCK)).for_each(
            |((out, x), grad)| {
                for ((out, x), grad) in out.chunks_mut(both).zip(x.chunks(both)).zip(grad.chunks(half)) {
                    let ((a, b), (da, db)) = (x.split_at(half), out.split_at_mut(half));
                    for j in 0..half {
                        let gate = sigmoid(a[j]);
                        let silu = a[j] * gate;
                        db[j] = grad[j] * silu;
                        da[j] = grad[j] * b[j] * (gate + silu * (1.0 - gate));
                    }
                }
            },
        );
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }
}
