//! The vocabulary of a model: known keys, and the quantile knots of each number. Learned on training patients only.

use crate::patient_record::timeline::Kind;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Quantile knots of a number, from the 0th to the 100th percentile in equal steps.
pub const KNOTS: usize = 33;

/// A known key with its kind and display.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// `COND|S:44054006`
    pub key: String,
    pub kind: Kind,
    pub display: String,
    /// Training patients who have it.
    pub patients: u32,
}

/// How the values of one code in one unit are spread over the training patients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// Prefixed code, `L:4548-4`.
    pub code: String,
    /// Canonical unit; values in another unit are another number.
    pub unit: String,
    pub knots: Vec<f32>,
    pub mean: f32,
    pub sd: f32,
}

impl Number {
    /// The quantile of a value, 0 to 1, by linear interpolation between knots; a run of equal knots stands for
    /// the middle of its quantiles.
    pub fn quantile(&self, value: f64) -> f32 {
        let knots = &self.knots;
        let value = value as f32;
        let last = knots.len() - 1;
        let below = knots.partition_point(|&knot| knot < value);
        let not_above = knots.partition_point(|&knot| knot <= value);
        if below < not_above {
            return (below + not_above - 1) as f32 / 2.0 / last as f32;
        }
        match below {
            0 => 0.0,
            n if n > last => 1.0,
            n => {
                let (low, high) = (knots[n - 1], knots[n]);
                ((n - 1) as f32 + (value - low) / (high - low)) / last as f32
            }
        }
    }

    /// Between which knots a value lies: the lower one (0 to `KNOTS - 2`) and the share of the upper, 0 to 1.
    pub fn knot(&self, value: f64) -> (u32, f32) {
        let place = self.quantile(value).clamp(0.0, 1.0) * (KNOTS - 1) as f32;
        let knot = (place as u32).min(KNOTS as u32 - 2);
        (knot, place - knot as f32)
    }

    /// Standardised value, clamped to four standard deviations.
    pub fn standardised(&self, value: f64) -> f32 {
        ((value as f32 - self.mean) / self.sd).clamp(-4.0, 4.0)
    }
}

/// Everything needed to write a timeline in the model's words.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Vocabulary {
    pub format: u32,
    pub keys: Vec<KeyEntry>,
    pub numbers: Vec<Number>,
    /// Keys whose first occurrence the network also learns to foresee.
    pub auxiliary: Vec<String>,
    #[serde(skip)]
    index: HashMap<String, u32>,
    #[serde(skip)]
    number_index: HashMap<(String, String), u32>,
}

impl Vocabulary {
    /// A vocabulary of these words, ready for look-ups.
    pub fn new(keys: Vec<KeyEntry>, numbers: Vec<Number>, auxiliary: Vec<String>) -> Self {
        Self { format: 1, keys, numbers, auxiliary, ..Self::default() }.indexed()
    }

    /// Builds the look-ups; call after reading from disk.
    pub fn indexed(mut self) -> Self {
        self.index = self.keys.iter().enumerate().map(|(i, entry)| (entry.key.clone(), i as u32)).collect();
        self.number_index = self
            .numbers
            .iter()
            .enumerate()
            .map(|(i, number)| ((number.code.clone(), number.unit.clone()), i as u32))
            .collect();
        self
    }

    /// Says what cannot be read of a vocabulary from disk.
    pub fn check(&self) -> Result<(), String> {
        if self.format != 1 {
            return Err(format!("vocabulary format {} is not known; this version reads format 1", self.format));
        }
        let rising = |knots: &[f32]| knots.iter().all(|x| x.is_finite()) && knots.is_sorted();
        let broken = |number: &&Number| {
            number.knots.len() != KNOTS || !rising(&number.knots) || !number.sd.is_normal() || !number.mean.is_finite()
        };
        match self.numbers.iter().find(broken) {
            Some(number) => Err(format!("the knots of `{}` are not {KNOTS} rising numbers with a spread", number.code)),
            None => Ok(()),
        }
    }

    /// The index of a key.
    pub fn key(&self, key: &str) -> Option<u32> {
        self.index.get(key).copied()
    }

    /// The index of a number by code and canonical unit.
    pub fn number(&self, code: &str, unit: &str) -> Option<u32> {
        self.number_index.get(&(code.to_owned(), unit.to_owned())).copied()
    }
}
