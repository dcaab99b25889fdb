//! The loss of foreseeing a set: cross-entropy against the uniform distribution over the set's members.

use crate::math::{exp_in_place, max};
use crate::storage::numbers;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

/// One set of class indices per row of logits; an empty set costs nothing.
pub type Sets = Vec<Vec<u32>>;

/// Mean over rows of the cross-entropy of `logits` (rows, classes) with each row's set.
pub fn set_cross_entropy(logits: &Tensor, sets: &Arc<Sets>) -> Result<Tensor> {
    let (rows, classes) = logits.dims2()?;
    if sets.len() != rows || sets.iter().flatten().any(|&class| class as usize >= classes) {
        candle_core::bail!("the sets do not fit logits of {rows} rows and {classes} classes");
    }
    logits.apply_op1(SetCrossEntropy(sets.clone()))
}

struct SetCrossEntropy(Arc<Sets>);
struct SetCrossEntropyBackward(Arc<Sets>);

impl CustomOp1 for SetCrossEntropy {
    fn name(&self) -> &'static str {
        "set-cross-entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, classes) = layout.shape().dims2()?;
        let logits = numbers(logits, layout)?;
        let losses: Vec<f32> = logits
            .par_chunks(classes)
            .zip(self.0.par_iter())
            .map(|(logits, set)| {
                if set.is_empty() {
                    return 0.0;
                }
                let top = max(logits);
                let log_sum = top + exp_in_place(&mut logits.to_vec(), top).ln();
                let mean = set.iter().map(|&class| logits[class as usize]).sum::<f32>() / set.len() as f32;
                log_sum - mean
            })
            .collect();
        Ok((CpuStorage::F32(vec![losses.iter().sum::<f32>() / rows.max(1) as f32]), ().into()))
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(logits.apply_op2_no_bwd(&grad.contiguous()?, &SetCrossEntropyBackward(self.0.clone()))?))
    }
}

impl CustomOp2 for SetCrossEntropyBackward {
    fn name(&self) -> &'static str {
        "set-cross-entropy-backward"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, ll: &Layout, grad: &CpuStorage, lg: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, classes) = ll.shape().dims2()?;
        let logits = numbers(logits, ll)?;
        let scale = numbers(grad, lg)?[0] / rows as f32;
        let mut out = vec![0f32; logits.len()];
        out.par_chunks_mut(classes).zip(logits.par_chunks(classes)).zip(self.0.par_iter()).for_each(
            |((out, logits), set)| {
                if set.is_empty() {
                    return;
                }
                out.copy_from_slice(logits);
                let inverse = scale / exp_in_place(out, max(logits));
                out.iter_mut().for_each(|x| *x *= inverse);
                for &class in set {
                    out[class as usize] -= scale / set.len() as f32;
                }
            },
        );
        Ok((CpuStorage::F32(out), ll.shape().clone()))
    }
}
