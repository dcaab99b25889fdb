//! Reader (A): a sparse additive hazard on facts of the whole life, and a small network on the same facts.
//!
//! Log hazards are the sum of one weight per fact (the same in all bins), of what a low-rank network makes of the
//! facts, and of age and sex. It sees no order beyond what its facts say, resolves thresholds in single columns
//! that attention blurs, and is exact to explain. Its two wide tables are sparse once they are learned.

mod config;
mod extract;
mod survey;
mod table;
#[cfg(test)]
mod tests;

pub use config::{FactsConfig, LINEAR, SCALE, STATE, Words};
pub use extract::{Fact, facts};
pub use survey::Survey;
pub use table::{Sparse, Table};

use super::config::BINS;
use super::head::{Masks, age_sex_row};
use super::packed::Asked;
use super::parameters::{Parameters, check_parameters};
use super::{Hazards, Reader, Reading};
use candle_core::{D, Device, Result, Tensor, Var, bail};
use config::{PER_KEY, PER_NUMBER};
use fused_ops::{Bags, LOG_HAZARD_MAX, LOG_HAZARD_MIN, Precision, linear, rms_norm};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Scaled facts larger than this are taken as this large.
const LARGEST: f32 = 6.0;
/// An input is multiplied by this at most.
const LARGEST_SCALE: f32 = 1.0;

/// Smaller weights are left out of a sparse table: what the running average remembers of weights that the soft
/// threshold has set to zero again and again. The network adds up many more small ones than the linear table.
const LEAST_LINEAR: f32 = 1e-3;
const LEAST_STATE: f32 = 2e-4;

/// The reader with its weights.
pub struct Facts {
    pub config: FactsConfig,
    weights: Parameters,
    linear: Table,
    state: Table,
    scale: Vec<f32>,
    words: Arc<Words>,
}

/// Facts of several moments, ready for the network.
pub struct Gathered {
    pub bags: Arc<Bags>,
    age_sex: Vec<f32>,
}

/// What every input is multiplied by, so that its root mean square is at most 1 over these rows. Inputs that are
/// small stay as they are: scaled up they would drown the others. Inputs that fewer than `least_share` of the rows
/// show are left out (0): a weight on so few patients is a memory of them, not a finding.
pub fn scales<'a>(rows: impl Iterator<Item = &'a [Fact]>, inputs: usize, least_share: f64) -> Vec<f32> {
    let (mut squares, mut shown, mut n) = (vec![0f64; inputs], vec![0_usize; inputs], 0_usize);
    for row in rows {
        n += 1;
        for &(input, value) in row {
            squares[input as usize] += f64::from(value).powi(2);
            shown[input as usize] += 1;
        }
    }
    let n = n.max(1) as f64;
    let scale = |(square, shown): (f64, usize)| match shown as f64 >= least_share * n {
        true => (1.0 / (square / n).sqrt().max(1e-6)).min(f64::from(LARGEST_SCALE)) as f32,
        false => 0.0,
    };
    squares.into_iter().zip(shown).map(scale).collect()
}

impl Facts {
    /// Joins a shape and weights that are being learned; `weights` holds [`SCALE`] beside those of the shape.
    pub fn learning(config: FactsConfig, mut weights: Parameters, words: Arc<Words>) -> Result<Self> {
        let scale = take_scale(&config, &mut weights)?;
        if let Err(why) = config.check().and_then(|()| check_parameters(&config.weights(), &weights)) {
            bail!("{why}");
        }
        let table = |weights: &mut Parameters, name| weights.remove(name).map(Table::Dense);
        let (linear, state) = (table(&mut weights, LINEAR), table(&mut weights, STATE));
        let (Some(linear), Some(state)) = (linear, state) else { bail!("a table is missing") };
        Ok(Self { config, weights, linear, state, scale, words })
    }

    /// Prepares for reading only: keeps of both tables what is not zero.
    pub fn freeze(self) -> Result<Self> {
        let (linear, state) = (self.linear.sparse(LEAST_LINEAR)?, self.state.sparse(LEAST_STATE)?);
        Ok(Self { linear, state, ..self })
    }

    /// Joins a shape and the weights of a package, whose tables are sparse.
    pub fn packaged(config: FactsConfig, mut weights: Parameters, words: Arc<Words>) -> Result<Self> {
        let scale = take_scale(&config, &mut weights)?;
        let linear = Sparse::read(&mut weights, LINEAR, config.inputs(), config.outcomes)?;
        let state = Sparse::read(&mut weights, STATE, config.inputs(), config.wide)?;
        let dense: Vec<_> = config.weights().into_iter().filter(|(name, ..)| name != LINEAR && name != STATE).collect();
        if let Err(why) = config.check().and_then(|()| check_parameters(&dense, &weights)) {
            bail!("{why}");
        }
        Ok(Self { config, weights, linear: Table::Sparse(linear), state: Table::Sparse(state), scale, words })
    }

    /// The weights as a package keeps them, sparse tables as counts, columns and values.
    pub fn to_package(&self) -> Result<Parameters> {
        let mut all = self.weights.clone();
        all.insert(SCALE.to_owned(), Tensor::from_slice(&self.scale, self.scale.len(), &Device::Cpu)?);
        for (name, table, least) in [(LINEAR, &self.linear, LEAST_LINEAR), (STATE, &self.state, LEAST_STATE)] {
            match table {
                Table::Sparse(table) => all.extend(table.tensors(name)?),
                Table::Dense(table) => all.extend(Sparse::of(table, least)?.tensors(name)?),
            }
        }
        Ok(all)
    }

    /// Facts of every read-out of every window, scaled.
    pub fn gather(&self, asked: &[Asked], dropped: &mut dyn FnMut() -> bool) -> Gathered {
        let mut bags = Bags::new();
        let mut age_sex = Vec::new();
        for asked in asked {
            for &day in &asked.read_outs {
                for (input, value) in facts(asked, day, &self.config, &self.words) {
                    let value = (value * self.scale[input as usize]).clamp(-LARGEST, LARGEST);
                    if value != 0.0 && !dropped() {
                        bags.push(input, value);
                    }
                }
                bags.close();
                age_sex.extend(age_sex_row(asked.history, day));
            }
        }
        Gathered { bags: Arc::new(bags), age_sex }
    }

    /// Log hazards (rows, BINS * outcomes), bins outermost, not clamped. `share`: of the numbers dropped in training.
    pub fn forward(&self, gathered: &Gathered, share: f32, seed: u64) -> Result<Tensor> {
        let wide = self.state.sum(&gathered.bags)?;
        let additive = self.linear.sum(&gathered.bags)?;
        self.read_sums(&wide, &additive, &gathered.age_sex, share, seed)
    }

    /// What the head asks outcomes of: (rows, width).
    fn state_of(&self, wide: &Tensor, share: f32, seed: u64) -> Result<Tensor> {
        let (w, mut masks) = (&self.weights, Masks::new(seed));
        let h = masks.drop(&wide.broadcast_add(&w["wide.bias"])?.gelu_erf()?, share)?;
        let mixed = linear(&rms_norm(&h, &w["wide.norm"])?, &w["wide.mix"], Precision::F32)?;
        let mixed = mixed.broadcast_add(&w["wide.mix.bias"])?;
        let h = masks.drop(&(h + mixed)?.gelu_erf()?, share)?;
        let raw = linear(&h, &w["wide.out"], Precision::F32)?.broadcast_add(&w["wide.out.bias"])?;
        self.config.head().state(w, &raw, share, &mut masks)
    }

    fn read_sums(&self, wide: &Tensor, additive: &Tensor, age_sex: &[f32], share: f32, seed: u64) -> Result<Tensor> {
        let state = self.state_of(wide, share, seed)?;
        let (head, rows) = (self.config.head(), state.dim(0)?);
        let from_state =
            head.log_hazards(&self.weights, &state, age_sex)?.reshape((rows, BINS, self.config.outcomes))?;
        let additive = additive.reshape((rows, 1, self.config.outcomes))?;
        from_state.broadcast_add(&additive)?.reshape((rows, BINS * self.config.outcomes))
    }

    /// The key behind an input, by slot; numbers belong to the key that last carried them.
    fn owners(&self, reading: &Reading) -> BTreeMap<usize, u32> {
        let mut owners = BTreeMap::new();
        let history = reading.history;
        for day in &history.days[..history.known_days(reading.day)] {
            for entry in &history.entries[day.start as usize..day.end as usize] {
                if reading.without.contains(&entry.key) {
                    continue;
                }
                owners.insert(survey::slot(history, entry.key, &self.config), entry.key);
                if let Some(number) = entry.number {
                    owners.insert(self.config.slots() + number.number as usize, entry.key);
                }
            }
        }
        owners
    }

    /// Place of an input among [`Self::owners`]; `None` for what belongs to the patient at large.
    fn place(&self, input: usize) -> Option<usize> {
        match input.checked_sub(self.config.first_number()) {
            None => Some(input / PER_KEY),
            Some(rest) if input < self.config.first_plain() => Some(self.config.slots() + rest / PER_NUMBER),
            Some(_) => None,
        }
    }

    fn asked<'a>(reading: &Reading<'a>) -> Asked<'a> {
        let end = reading.history.known_days(reading.day);
        let Reading { history, day, without } = *reading;
        Asked { history, first: 0, end, read_outs: vec![day], without }
    }
}

fn take_scale(config: &FactsConfig, weights: &mut Parameters) -> Result<Vec<f32>> {
    let scale: Vec<f32> = match weights.remove(SCALE) {
        Some(scale) => scale.to_vec1()?,
        None => bail!("weight `{SCALE}` is missing"),
    };
    match scale.len() == config.inputs() {
        true => Ok(scale),
        false => bail!("weight `{SCALE}` has {} numbers instead of {}", scale.len(), config.inputs()),
    }
}

impl Reader for Facts {
    fn hazards(&self, readings: &[Reading]) -> Result<Vec<Hazards>> {
        if readings.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<Asked> = readings.iter().map(Self::asked).collect();
        let log_hazards = self.forward(&self.gather(&asked, &mut || false), 0.0, 0)?;
        let hazards = log_hazards.clamp(LOG_HAZARD_MIN, LOG_HAZARD_MAX)?.exp()?;
        let hazards = hazards.reshape((readings.len(), BINS, self.config.outcomes))?;
        hazards.narrow(D::Minus1, 0, self.config.named)?.contiguous()?.to_vec3()
    }

    /// Of the network; what the additive term says of outcomes is no part of it.
    fn states(&self, readings: &[Reading]) -> Result<Vec<Vec<f32>>> {
        if readings.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<Asked> = readings.iter().map(Self::asked).collect();
        let gathered = self.gather(&asked, &mut || false);
        self.state_of(&self.state.sum(&gathered.bags)?, 0.0, 0)?.to_vec2()
    }

    fn influence(&self, reading: Reading, outcome: usize, bins: usize) -> Result<Vec<(u32, f32)>> {
        let gathered = self.gather(&[Self::asked(&reading)], &mut || false);
        let wide = Var::from_tensor(&self.state.sum(&gathered.bags)?)?;
        let additive = Var::from_tensor(&self.linear.sum(&gathered.bags)?)?;
        let log_hazards = self.read_sums(&wide, &additive, &gathered.age_sex, 0.0, 0)?;
        let summed = log_hazards.reshape((BINS, self.config.outcomes))?.narrow(0, 0, bins)?.narrow(1, outcome, 1)?;
        let grads = summed.exp()?.sum_all()?.backward()?;
        let (Some(by_wide), Some(by_additive)) = (grads.get(&wide), grads.get(&additive)) else {
            bail!("the hazard does not depend on the facts")
        };
        let (by_wide, by_additive) = (by_wide.flatten_all()?.to_vec1()?, by_additive.flatten_all()?.to_vec1()?);
        let owners = self.owners(&reading);
        let mut effects: BTreeMap<u32, f32> = BTreeMap::new();
        for (input, value) in gathered.bags.bag(0) {
            let input = input as usize;
            if let Some(owner) = self.place(input).and_then(|place| owners.get(&place)) {
                let effect = self.state.along(input, &by_wide)? + self.linear.along(input, &by_additive)?;
                *effects.entry(*owner).or_default() += value * effect;
            }
        }
        Ok(effects.into_iter().collect())
    }
}
