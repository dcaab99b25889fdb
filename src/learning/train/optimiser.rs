//! AdamW with decoupled decay (arXiv 1711.05101), per-weight rates, one clipped gradient norm and averaged weights.
//! Its whole state can be kept in a checkpoint.

use super::settings::{Schedule, TrainSettings};
use crate::prediction::network::facts::{LINEAR, STATE};
use candle_core::{Device, Result, Tensor, Var, backprop::GradStore};
use rayon::prelude::*;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.98;
const EPSILON: f32 = 1e-8;

/// A weight with its moments and its running average.
pub struct Weight {
    pub name: String,
    pub var: Var,
    pub value: Vec<f32>,
    pub first: Vec<f32>,
    pub second: Vec<f32>,
    pub average: Vec<f32>,
}

/// All weights of a run and how often they were moved.
pub struct Optimiser {
    pub weights: Vec<Weight>,
    pub step: u64,
}

/// How strongly a weight decays: matrices fully, embedding tables not at all, vectors a tenth.
fn decay_share(name: &str, dims: usize) -> f32 {
    match name {
        "key" | "kind" | "text.pieces" | "number.scale" | "number.knots" | "head.age-sex" | LINEAR => 0.0,
        _ if dims > 1 => 1.0,
        _ => 0.1,
    }
}

impl Weight {
    /// A weight that has not moved yet.
    pub fn new(name: &str, start: &Tensor) -> Result<Self> {
        let value: Vec<f32> = start.flatten_all()?.to_vec1()?;
        Ok(Self {
            name: name.to_owned(),
            var: Var::from_tensor(start)?,
            first: vec![0.0; value.len()],
            second: vec![0.0; value.len()],
            average: value.clone(),
            value,
        })
    }

    /// One step against `grad`, then towards 0 by `shrink`.
    fn move_by(&mut self, grad: &[f32], by: Move) {
        let Move { clip, rate, decay, shrink, corrections, average } = by;
        let n = self.value.len();
        let block = 1 << 14;
        let all = self.value.par_chunks_mut(block).zip(self.first.par_chunks_mut(block));
        let all = all.zip(self.second.par_chunks_mut(block)).zip(self.average.par_chunks_mut(block));
        all.zip(grad[..n].par_chunks(block)).for_each(|((((value, first), second), mean), grad)| {
            for i in 0..value.len() {
                let grad = grad[i] * clip;
                first[i] = BETA_1 * first[i] + (1.0 - BETA_1) * grad;
                second[i] = BETA_2 * second[i] + (1.0 - BETA_2) * grad * grad;
                let step = (first[i] * corrections.0) / ((second[i] * corrections.1).sqrt() + EPSILON);
                let moved = value[i] - rate * (step + decay * value[i]);
                value[i] = moved.signum() * (moved.abs() - shrink).max(0.0);
                mean[i] += (1.0 - average) * (value[i] - mean[i]);
            }
        });
    }
}

/// How far a weight moves in one step.
#[derive(Clone, Copy)]
struct Move {
    /// What the gradient is multiplied by.
    clip: f32,
    rate: f32,
    decay: f32,
    /// Soft threshold (Donoho 1995) after the step.
    shrink: f32,
    corrections: (f32, f32),
    /// Decay of the running average.
    average: f32,
}

/// Peak rate of a weight, and its soft threshold as a share of the rate.
fn rate_and_threshold(settings: &TrainSettings, name: &str) -> (f32, f32) {
    match name {
        "head.age-sex" => (settings.schedule.age_sex_rate, 0.0),
        LINEAR => (settings.facts.rate, settings.facts.linear_threshold),
        STATE => (settings.facts.rate, settings.facts.wide_threshold),
        _ => (settings.schedule.rate, 0.0),
    }
}

impl Optimiser {
    /// Moves every weight against its gradient. `progress` is the share of the run that is done, 0 to 1.
    pub fn step(&mut self, grads: &GradStore, settings: &TrainSettings, progress: f64) -> Result<()> {
        let schedule = &settings.schedule;
        let grads: Vec<Vec<f32>> = self
            .weights
            .iter()
            .map(|weight| match grads.get(&weight.var) {
                Some(grad) => grad.flatten_all()?.to_vec1(),
                None => candle_core::bail!("weight `{}` received no gradient", weight.name),
            })
            .collect::<Result<_>>()?;
        let square: f64 = grads.iter().map(|grad| grad.iter().map(|&g| g as f64 * g as f64).sum::<f64>()).sum();
        if !square.is_finite() {
            candle_core::bail!("the gradient is not finite at step {}", self.step);
        }
        let clip = (schedule.clip as f64 / square.sqrt().max(1e-12)).min(1.0) as f32;
        self.step += 1;
        let corrections = (correction(BETA_1, self.step), correction(BETA_2, self.step));
        let share = rate_share(schedule, progress);
        let average = schedule.average.min((1.0 + self.step as f32) / (10.0 + self.step as f32));
        for (weight, grad) in self.weights.iter_mut().zip(grads) {
            let (rate, threshold) = rate_and_threshold(settings, &weight.name);
            let rate = rate * share;
            let decay = schedule.decay * decay_share(&weight.name, weight.var.dims().len());
            weight.move_by(&grad, Move { clip, rate, decay, shrink: rate * threshold, corrections, average });
            weight.var.set(&Tensor::from_slice(&weight.value, weight.var.shape(), &Device::Cpu)?)?;
        }
        Ok(())
    }
}

fn correction(beta: f32, step: u64) -> f32 {
    1.0 / (1.0 - (beta as f64).powf(step as f64)) as f32
}

/// Warm-up, then a cosine down to `schedule.last`.
fn rate_share(schedule: &Schedule, progress: f64) -> f32 {
    let warm = if schedule.warmup > 0.0 { (progress / schedule.warmup).min(1.0) } else { 1.0 };
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos());
    (warm * (schedule.last as f64 + (1.0 - schedule.last as f64) * cosine)) as f32
}
