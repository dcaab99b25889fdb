//! Root-mean-square normalisation with a gain (Zhang and Sennrich 2019, arXiv 1910.07467).

use crate::math::dot;
use crate::storage::numbers;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Added to the mean square, so that an empty day stays zero.
pub(crate) const EPSILON: f32 = 1e-6;
/// Rows a thread takes at a time.
const BLOCK: usize = 256;

/// `x / rms(x) * gain` for each row of `x` (rows, width); `gain` (width).
pub fn rms_norm(x: &Tensor, gain: &Tensor) -> Result<Tensor> {
    x.apply_op2(gain, RmsNorm)
}

struct RmsNorm;
struct RmsNormBackward;

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, gain: &CpuStorage, lg: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, gain) = (numbers(x, lx)?, numbers(gain, lg)?);
        let width = gain.len();
        let mut out = vec![0f32; x.len()];
        out.par_chunks_mut(width * BLOCK).zip(x.par_chunks(width * BLOCK)).for_each(|(out, x)| {
            for (out, x) in out.chunks_mut(width).zip(x.chunks(width)) {
                let inverse = 1.0 / (dot(x, x) / width as f32 + EPSILON).sqrt();
                for j in 0..width {
                    out[j] = x[j] * inverse * gain[j];
                }
            }
        });
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, gain: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (n, width) = (x.elem_count(), gain.elem_count());
        let both = x.apply_op3_no_bwd(gain, &grad.contiguous()?, &RmsNormBackward)?;
        Ok((Some(both.narrow(0, 0, n)?.reshape(x.shape())?), Some(both.narrow(0, n, width)?)))
    }
}

impl CustomOp3 for RmsNormBackward {
    fn name(&self) -> &'static str {
        "rms-norm-backward"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        gain: &CpuStorage,
        lg: &Layout,
        grad: &CpuStorage,
        lr: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, gain, grad) = (numbers(x, lx)?, numbers(gain, lg)?, numbers(grad, lr)?);
        let width = gain.len();
        let mut out = vec![0f32; x.len() + width];
        let (dx, dgain) = out.split_at_mut(x.len());
        let parts: Vec<Vec<f32>> = dx
            .par_chunks_mut(width * BLOCK)
            .zip(x.par_chunks(width * BLOCK))
            .zip(grad.par_chunks(width * BLOCK))
            .map(|((dx, x), grad)| {
                let mut sum = vec![0f32; width];
                for ((dx, x), grad) in dx.chunks_mut(width).zip(x.chunks(width)).zip(grad.chunks(width)) {
                    row_backward(dx, x, gain, grad, &mut sum);
                }
                sum
            })
            .collect();
        for part in parts {
            dgain.iter_mut().zip(&part).for_each(|(total, x)| *total += x);
        }
        let len = out.len();
        Ok((CpuStorage::F32(out), len.into()))
    }
}

/// Gradient of one row; adds the gain's gradient to `dgain`.
pub(crate) fn row_backward(dx: &mut [f32], x: &[f32], gain: &[f32], grad: &[f32], dgain: &mut [f32]) {
    let width = x.len();
    let mean_square = dot(x, x) / width as f32 + EPSILON;
    let inverse = 1.0 / mean_square.sqrt();
    let mut projection = 0f32;
    for j in 0..width {
        projection += grad[j] * gain[j] * x[j];
    }
    let projection = projection / (width as f32 * mean_square);
    for j in 0..width {
        dgain[j] += grad[j] * x[j] * inverse;
        dx[j] = inverse * (grad[j] * gain[j] - x[j] * projection);
    }
}
