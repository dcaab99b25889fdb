//! Reader (B): a transformer over active days, each the sum of its events' embeddings, read out by rows that
//! ask what is known at a moment and are never seen themselves.
//!
//! Pre-norm blocks with RMSNorm, SwiGLU and QK-norm; rotary angles turn half of each head with the index of the
//! active day and half with days. Two heads: which keys the next active day holds, and hazards per bin and outcome.

use super::block::{Block, block_weights};
use super::config::{BINS, NetworkConfig};
use super::head::{Head, Masks};
use super::packed::{Asked, Packed, SCALARS};
use super::parameters::{Parameters, check_parameters, transformer_weights};
use super::{Entry, Hazards, Reader, Reading};
use crate::prediction::vocabulary::KNOTS;
use candle_core::{D, Device, Result, Tensor, Var, bail};
use fused_ops::{Bags, LOG_HAZARD_MAX, LOG_HAZARD_MIN, Precision, linear, recomputed, rms_norm, sum_bags};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Shares of numbers set to zero while training, and the seed that draws them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropout {
    pub blocks: f32,
    pub head: f32,
    pub seed: u64,
}

/// How a pass is computed. Serving and validation read with the default: nothing dropped, nothing rounded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pass {
    pub dropout: Dropout,
    /// Of all products but those of times and of age and sex, which are few and want their digits.
    pub precision: Precision,
    /// Whether the backward pass computes the inside of blocks again instead of keeping it.
    pub recompute: bool,
}

/// The network with its weights.
pub struct Transformer {
    pub config: NetworkConfig,
    parameters: Parameters,
    /// Text pieces and kind of every known key.
    key_text: Arc<Bags>,
    key_kind: Vec<usize>,
    /// The known part of the key table, kept once weights no longer change.
    frozen: Option<[Tensor; 2]>,
}

/// What one pass gives.
pub struct Output {
    /// (rows, width): the state of every row after the last block.
    pub states: Tensor,
    /// (read-outs, width): what the head makes of the states of read-outs before outcomes are asked.
    pub read_out: Tensor,
    /// (read-outs, BINS * outcomes), bins outermost, not clamped.
    pub log_hazards: Tensor,
}

/// Bags of one row each.
fn one_each(rows: &[usize]) -> Arc<Bags> {
    let mut bags = Bags::new();
    for &row in rows {
        bags.push(row as u32, 1.0);
        bags.close();
    }
    Arc::new(bags)
}

impl Transformer {
    /// Joins a shape, its weights, and what the known keys are called: per key its kind and text pieces.
    pub fn new(config: NetworkConfig, parameters: Parameters, keys: &[(usize, Vec<u32>)]) -> Result<Self> {
        if let Err(why) = config.check().and_then(|()| check_parameters(&transformer_weights(&config), &parameters)) {
            bail!("{why}");
        }
        if keys.len() != config.keys {
            bail!("{} keys instead of {}", keys.len(), config.keys);
        }
        let mut key_text = Bags::new();
        for (_, pieces) in keys {
            pieces.iter().for_each(|&piece| key_text.push(piece, 1.0 / pieces.len() as f32));
            key_text.close();
        }
        let key_kind = keys.iter().map(|(kind, _)| *kind).collect();
        Ok(Self { config, parameters, key_text: Arc::new(key_text), key_kind, frozen: None })
    }

    /// Prepares for reading only: computes the key table once.
    pub fn freeze(mut self) -> Result<Self> {
        self.frozen = Some(self.known_keys(Precision::F32)?);
        Ok(self)
    }

    fn weight(&self, name: &str) -> &Tensor {
        &self.parameters[name] // every name was checked in `new`
    }

    /// What pieces of text say of keys.
    fn text(&self, text: &Arc<Bags>, precision: Precision) -> Result<Tensor> {
        linear(&sum_bags(self.weight("text.pieces"), text)?, self.weight("text.project"), precision)
    }

    /// What text and kind say of keys: the embedding of a code that is not known by itself.
    fn fallback(&self, text: &Arc<Bags>, kinds: &[usize], precision: Precision) -> Result<Tensor> {
        self.text(text, precision)? + sum_bags(self.weight("kind"), &one_each(kinds))?
    }

    /// Embeddings of the known keys, and their fallbacks. (keys, width) each.
    fn known_keys(&self, precision: Precision) -> Result<[Tensor; 2]> {
        if let Some(frozen) = &self.frozen {
            return Ok(frozen.clone());
        }
        let text = self.text(&self.key_text, precision)?;
        let fallback = (&text + sum_bags(self.weight("kind"), &one_each(&self.key_kind))?)?;
        Ok([(self.weight("key") + text)?, fallback])
    }

    /// The key table of a batch: known keys, their fallbacks, the batch's unknown keys.
    fn key_table(&self, packed: &Packed, precision: Precision) -> Result<(Tensor, Tensor)> {
        let [known, fallback] = self.known_keys(precision)?;
        let mut parts = vec![known.clone(), fallback];
        if !packed.unknown_kind.is_empty() {
            parts.push(self.fallback(&Arc::new(packed.unknown_text.clone()), &packed.unknown_kind, precision)?);
        }
        Ok((Tensor::cat(&parts, 0)?, known))
    }

    /// (rows, width): the sum of each row's events.
    fn day_sums(&self, packed: &Packed, key_table: &Tensor) -> Result<Tensor> {
        let keys = sum_bags(key_table, &packed.keys)?;
        let numbers = sum_bags(self.weight("number.scale"), &packed.numbers)?;
        keys + numbers + sum_bags(self.weight("number.knots"), &packed.knots)?
    }

    /// (rows, width): each row's events summed and normalised, so that a busy day does not shout.
    fn days(&self, packed: &Packed, key_table: &Tensor) -> Result<Tensor> {
        rms_norm(&self.day_sums(packed, key_table)?, self.weight("day.norm"))
    }

    /// From normalised days to states and hazards.
    fn read(&self, packed: &Packed, days: &Tensor, pass: Pass) -> Result<Output> {
        let rows = packed.rows();
        let mut masks = Masks::new(pass.dropout.seed);
        let scalars = Tensor::from_vec(packed.scalars.clone(), (rows, SCALARS), &Device::Cpu)?;
        let mut x = (days + linear(days, self.weight("day.mix"), pass.precision)?)?;
        let times = linear(&scalars, self.weight("scalars"), Precision::F32)?;
        x = (x + times.broadcast_add(self.weight("scalars.bias"))?)?;
        for layer in 0..self.config.layers {
            let seeds = [masks.next_seed(), masks.next_seed()];
            let plan = packed.plan.clone();
            let block = Block { plan, precision: pass.precision, share: pass.dropout.blocks, seeds };
            let weights = block_weights(&self.parameters, layer);
            x = match pass.recompute {
                true => recomputed(&x, &weights, move |x, weights| block.read(x, weights))?,
                false => block.read(&x, &weights)?,
            };
        }
        let states = rms_norm(&x, self.weight("final.norm"))?;
        let asked = Tensor::from_vec(packed.read_outs.clone(), packed.read_outs.len(), &Device::Cpu)?;
        let head = self.head(pass.precision);
        let state = head.state(&self.parameters, &states.index_select(&asked, 0)?, pass.dropout.head, &mut masks)?;
        let log_hazards = head.log_hazards(&self.parameters, &state, &packed.age_sex)?;
        Ok(Output { log_hazards, states, read_out: state })
    }

    fn head(&self, precision: Precision) -> Head {
        Head { width: self.config.width, rank: self.config.rank, outcomes: self.config.outcomes, precision }
    }

    /// One training pass: states, hazards, and logits of the keys that follow the given rows.
    pub fn forward(&self, packed: &Packed, next_after: &[u32], pass: Pass) -> Result<(Output, Tensor)> {
        let (table, known) = self.key_table(packed, pass.precision)?;
        let output = self.read(packed, &self.days(packed, &table)?, pass)?;
        let rows = Tensor::from_vec(next_after.to_vec(), next_after.len(), &Device::Cpu)?;
        let logits = linear(&output.states.index_select(&rows, 0)?, &known, pass.precision)?;
        Ok((output, logits.broadcast_add(self.weight("next.bias"))?))
    }

    fn asked<'a>(&self, readings: &[Reading<'a>]) -> Vec<Asked<'a>> {
        readings.iter().map(|r| Asked::at(r.history, r.day, self.config.context, r.without)).collect()
    }

    /// One pass over windows, nothing dropped.
    fn pass(&self, asked: &[Asked]) -> Result<Output> {
        let packed = Packed::new(asked, &self.config, &mut || false);
        let (table, _) = self.key_table(&packed, Precision::F32)?;
        self.read(&packed, &self.days(&packed, &table)?, Pass::default())
    }

    /// Hazards of the named outcomes for every read-out of a batch, in the order asked.
    pub fn read_hazards(&self, asked: &[Asked]) -> Result<Vec<Hazards>> {
        let log_hazards = self.pass(asked)?.log_hazards;
        let hazards = log_hazards.clamp(LOG_HAZARD_MIN, LOG_HAZARD_MAX)?.exp()?;
        let hazards = hazards.reshape((log_hazards.dim(0)?, BINS, self.config.outcomes))?;
        hazards.narrow(D::Minus1, 0, self.config.named)?.contiguous()?.to_vec3()
    }
}

impl Reader for Transformer {
    fn hazards(&self, readings: &[Reading]) -> Result<Vec<Hazards>> {
        if readings.is_empty() {
            return Ok(Vec::new());
        }
        self.read_hazards(&self.asked(readings))
    }

    fn states(&self, readings: &[Reading]) -> Result<Vec<Vec<f32>>> {
        if readings.is_empty() {
            return Ok(Vec::new());
        }
        self.pass(&self.asked(readings))?.read_out.to_vec2()
    }

    fn influence(&self, reading: Reading, outcome: usize, bins: usize) -> Result<Vec<(u32, f32)>> {
        let asked = [Asked::at(reading.history, reading.day, self.config.context, reading.without)];
        let packed = Packed::new(&asked, &self.config, &mut || false);
        let (table, _) = self.key_table(&packed, Precision::F32)?;
        let sums = self.day_sums(&packed, &table)?;
        let days = Var::from_tensor(&rms_norm(&sums, self.weight("day.norm"))?)?;
        let log_hazards = self.read(&packed, &days, Pass::default())?.log_hazards;
        let summed = log_hazards.reshape((BINS, self.config.outcomes))?.narrow(0, 0, bins)?.narrow(1, outcome, 1)?;
        let grads = summed.exp()?.sum_all()?.backward()?;
        let Some(grad) = grads.get(&days) else { bail!("the hazard does not depend on the days") };
        self.entry_effects(reading, &packed, &grad.to_vec2()?, &sums.to_vec2()?, &table)
    }
}

impl Transformer {
    /// The gradient of a day times what leaving an entry out changes in it. The day is normalised with and without
    /// the entry: the gradient of the sum itself would be blind to a day's only event.
    fn entry_effects(
        &self,
        reading: Reading,
        packed: &Packed,
        grads: &[Vec<f32>],
        sums: &[Vec<f32>],
        table: &Tensor,
    ) -> Result<Vec<(u32, f32)>> {
        let embeddings = Embeddings {
            keys: table.to_vec2()?,
            scale: self.weight("number.scale").to_vec2()?,
            knots: self.weight("number.knots").to_vec2()?,
            known: self.config.keys,
        };
        let gain: Vec<f32> = self.weight("day.norm").to_vec1()?;
        let along = |grad: &[f32], sum: &[f32]| {
            let mean_square = sum.iter().map(|x| x * x).sum::<f32>() / sum.len() as f32;
            let product: f32 = grad.iter().zip(&gain).zip(sum).map(|((g, gain), x)| g * gain * x).sum();
            product / (mean_square + 1e-6).sqrt()
        };
        let mut effects: BTreeMap<u32, f32> = BTreeMap::new();
        for &(_, day, row) in &packed.day_rows {
            let day = reading.history.days[day];
            let with = along(&grads[row], &sums[row]);
            for index in day.start as usize..day.end as usize {
                let entry = reading.history.entries[index];
                if !reading.without.contains(&entry.key) {
                    let rest = embeddings.without(&sums[row], &entry);
                    *effects.entry(entry.key).or_default() += with - along(&grads[row], &rest);
                }
            }
        }
        Ok(effects.into_iter().collect())
    }
}

/// The tables that an entry's embedding is a sum of, row by row.
struct Embeddings {
    keys: Vec<Vec<f32>>,
    scale: Vec<Vec<f32>>,
    knots: Vec<Vec<f32>>,
    /// Known keys: fallbacks follow them in `keys`, then the batch's unknown ones.
    known: usize,
}

impl Embeddings {
    /// A day's sum with one entry taken out.
    fn without(&self, sum: &[f32], entry: &Entry) -> Vec<f32> {
        let mut rest = sum.to_vec();
        let mut take = |weight: f32, row: &[f32]| rest.iter_mut().zip(row).for_each(|(x, y)| *x -= weight * y);
        let key = entry.key as usize;
        take(1.0, &self.keys[if key < self.known { key } else { key + self.known }]);
        if let Some(number) = entry.number {
            let knot = number.number as usize * KNOTS + number.knot as usize;
            take(number.standardised, &self.scale[number.number as usize]);
            take(1.0 - number.share, &self.knots[knot]);
            take(number.share, &self.knots[knot + 1]);
        }
        rest
    }
}
