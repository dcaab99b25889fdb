//! A run on disk: weights, moments, averages and the cursor in one safetensors file, written whole or not at all.

use super::optimiser::{Optimiser, Weight};
use anyhow::{Context, bail};
use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// Where a run stands. The random numbers of every step follow from seed and position, so this is all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    pub epoch: u64,
    /// Batches of this epoch already taken.
    pub batch: u64,
    pub validations: Vec<Validation>,
    pub since: Losses,
    /// SHA-256 of settings, data and vocabulary: a checkpoint goes on only with the ones it began with.
    pub run: String,
}

/// One validation of the averaged weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    pub step: u64,
    pub epoch: f64,
    /// Mean AUROC over outcomes that are not controls.
    pub auroc: f64,
    /// Mean loss of the time-to-event head over training since the validation before.
    pub train_hazard_loss: f64,
    pub train_next_day_loss: f64,
}

/// Sums of the losses since the last validation, in billionths: whole numbers come back from text as they went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    pub hazard: i64,
    pub next: i64,
    pub steps: u64,
    /// Day tokens read.
    pub rows: u64,
}

impl Losses {
    /// The losses of one step.
    pub fn of(hazard: f32, next: f32, rows: u64) -> Self {
        let billionths = |loss: f32| (loss as f64 * 1e9).round() as i64;
        Self { hazard: billionths(hazard), next: billionths(next), steps: 1, rows }
    }

    /// Adds the losses of a step.
    pub fn add(&mut self, other: &Losses) {
        self.hazard += other.hazard;
        self.next += other.next;
        self.steps += other.steps;
        self.rows += other.rows;
    }

    /// A sum per step.
    pub fn mean(&self, sum: i64) -> f64 {
        sum as f64 / 1e9 / self.steps.max(1) as f64
    }

    /// For a progress line.
    pub fn text(&self) -> String {
        format!("hazard loss {:.4}, next-day loss {:.3}", self.mean(self.hazard), self.mean(self.next))
    }
}

const METADATA: &str = "prodrome";

/// Writes a checkpoint beside the old one and then puts it in its place.
pub fn write(path: &Path, optimiser: &Optimiser, cursor: &Cursor) -> anyhow::Result<()> {
    let mut views = Vec::new();
    for weight in &optimiser.weights {
        for (what, numbers) in [
            ("value", &weight.value),
            ("first", &weight.first),
            ("second", &weight.second),
            ("average", &weight.average),
        ] {
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            views.push((format!("{what}/{}", weight.name), weight.var.dims().to_vec(), bytes));
        }
    }
    let views = views
        .iter()
        .map(|(name, shape, bytes)| Ok((name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let state = serde_json::to_string(&(optimiser.step, cursor))?;
    let bytes = safetensors::serialize(views, Some(HashMap::from([(METADATA.to_owned(), state)])))?;
    let fresh = path.with_extension("writing");
    std::fs::write(&fresh, bytes).with_context(|| format!("`{}` cannot be written", fresh.display()))?;
    std::fs::rename(&fresh, path).with_context(|| format!("`{}` cannot be written", path.display()))
}

/// Reads a checkpoint; `None` when there is none yet.
pub fn read(path: &Path) -> anyhow::Result<Option<(Optimiser, Cursor)>> {
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let context = || format!("`{}` is not a checkpoint; remove it to begin anew", path.display());
    let (_, metadata) = SafeTensors::read_metadata(&bytes).with_context(context)?;
    let state = metadata.metadata().as_ref().and_then(|map| map.get(METADATA)).with_context(context)?;
    let (step, cursor): (u64, Cursor) = serde_json::from_str(state).with_context(context)?;
    let tensors = SafeTensors::deserialize(&bytes).with_context(context)?;
    let mut names: Vec<&str> = tensors.names().into_iter().filter_map(|name| name.strip_prefix("value/")).collect();
    names.sort_unstable();
    let numbers = |what: &str, name: &str| -> anyhow::Result<(Vec<f32>, Vec<usize>)> {
        let view = tensors.tensor(&format!("{what}/{name}")).with_context(context)?;
        if view.dtype() != Dtype::F32 {
            bail!(context());
        }
        let numbers = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Ok((numbers, view.shape().to_vec()))
    };
    let weights = names
        .into_iter()
        .map(|name| {
            let (value, shape) = numbers("value", name)?;
            let mut weight = Weight::new(name, &Tensor::from_slice(&value, shape, &Device::Cpu)?)?;
            weight.first = numbers("first", name)?.0;
            weight.second = numbers("second", name)?.0;
            weight.average = numbers("average", name)?.0;
            Ok(weight)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Some((Optimiser { weights, step }, cursor)))
}
