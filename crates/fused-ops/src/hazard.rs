//! The time-to-event loss: piecewise-exponential hazards per task and bin (as in MOTOR, arXiv 2301.03150,
//! with hazards per bin instead of per day). `loss = exp(log h) * exposure - event * log h`.

use crate::math::exp;
use crate::storage::numbers;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

/// Log hazards are cut off here, so that a wild weight cannot overflow the loss.
pub const LOG_HAZARD_MIN: f32 = -16.0;
/// See [`LOG_HAZARD_MIN`].
pub const LOG_HAZARD_MAX: f32 = 4.0;

/// What was seen after each read-out. Both matrices are (rows, bins * tasks), bins outermost.
#[derive(Clone, Debug)]
pub struct HazardTargets {
    /// Fraction of the bin during which the patient was at risk and followed, 0 to 1.
    pub exposure: Vec<f32>,
    /// 1 where the event fell into the bin.
    pub event: Vec<f32>,
    /// Weight of each task.
    pub weight: Vec<f32>,
    /// The sum is divided by rows and by this: the number of named tasks, so that auxiliary ones do not dilute it.
    pub named: usize,
}

/// Weighted mean loss of `log_hazard` (rows, bins * tasks).
pub fn hazard_loss(log_hazard: &Tensor, targets: &Arc<HazardTargets>) -> Result<Tensor> {
    let n = log_hazard.elem_count();
    if targets.exposure.len() != n || targets.event.len() != n {
        candle_core::bail!("targets of {} numbers do not fit {n} log hazards", targets.exposure.len());
    }
    log_hazard.apply_op1(HazardLoss(targets.clone()))
}

struct HazardLoss(Arc<HazardTargets>);
struct HazardLossBackward(Arc<HazardTargets>);

impl CustomOp1 for HazardLoss {
    fn name(&self) -> &'static str {
        "hazard-loss"
    }

    fn cpu_fwd(&self, log_hazard: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let (log_hazard, t) = (numbers(log_hazard, layout)?, &self.0);
        let tasks = t.weight.len();
        let parts: Vec<f64> = (0..rows)
            .into_par_iter()
            .map(|row| {
                let at = row * width..(row + 1) * width;
                let mut sum = 0f64;
                for ((log_hazard, exposure), event) in log_hazard[at.clone()]
                    .chunks(tasks)
                    .zip(t.exposure[at.clone()].chunks(tasks))
                    .zip(t.event[at].chunks(tasks))
                {
                    let mut bin = 0f32;
                    for j in 0..tasks {
                        let l = log_hazard[j].clamp(LOG_HAZARD_MIN, LOG_HAZARD_MAX);
                        bin += t.weight[j] * (exp(l) * exposure[j] - event[j] * l);
                    }
                    sum += bin as f64;
                }
                sum
            })
            .collect();
        let loss = parts.iter().sum::<f64>() / (rows.max(1) * t.named) as f64;
        Ok((CpuStorage::F32(vec![loss as f32]), ().into()))
    }

    fn bwd(&self, log_hazard: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(log_hazard.apply_op2_no_bwd(&grad.contiguous()?, &HazardLossBackward(self.0.clone()))?))
    }
}

impl CustomOp2 for HazardLossBackward {
    fn name(&self) -> &'static str {
        "hazard-loss-backward"
    }

    fn cpu_fwd(&self, x: &CpuStorage, lx: &Layout, grad: &CpuStorage, lg: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, _) = lx.shape().dims2()?;
        let (x, t) = (numbers(x, lx)?, &self.0);
        let scale = numbers(grad, lg)?[0] / (rows * t.named) as f32;
        let tasks = t.weight.len();
        let mut out = vec![0f32; x.len()];
        out.par_chunks_mut(tasks)
            .zip(x.par_chunks(tasks))
            .zip(t.exposure.par_chunks(tasks))
            .zip(t.event.par_chunks(tasks))
            .for_each(|(((out, x), exposure), event)| {
                for j in 0..tasks {
                    let inside = x[j] > LOG_HAZARD_MIN && x[j] < LOG_HAZARD_MAX;
                    let slope = exp(x[j].clamp(LOG_HAZARD_MIN, LOG_HAZARD_MAX)) * exposure[j] - event[j];
                    out[j] = if inside { scale * t.weight[j] * slope } else { 0.0 };
                }
            });
        Ok((CpuStorage::F32(out), lx.shape().clone()))
    }
}
