//! A training run in a TOML file. Every key has a default; a misspelt one is an error.

use crate::learning::evaluate::cohort::Draw;
use anyhow::{Context, bail};
use fused_ops::{Bf16Unit, Precision, bf16_unit};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// All that decides a run besides the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    pub format: u32,
    pub seed: u64,
    pub reader: ReaderKind,
    pub network: Shape,
    pub facts: FactsShape,
    pub trees: TreesShape,
    pub data: Data,
    pub schedule: Schedule,
    pub loss: Loss,
    pub dropout: DropoutShares,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            format: 1,
            seed: 0,
            reader: ReaderKind::Days,
            facts: FactsShape::default(),
            trees: TreesShape::default(),
            network: Shape::default(),
            data: Data::default(),
            schedule: Schedule::default(),
            loss: Loss::default(),
            dropout: DropoutShares::default(),
        }
    }
}

/// Which reader is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReaderKind {
    /// Reader (A): facts of the whole life.
    Facts,
    /// Reader (B): attention over active days.
    Days,
    /// Reader (C): boosted trees on plain columns of the whole life.
    Trees,
}

/// Shape of reader (A).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FactsShape {
    pub wide: usize,
    pub width: usize,
    pub rank: usize,
    /// Inputs that fewer than this share of index days show are left out.
    pub least_share: f64,
    /// Rate of both wide tables.
    pub rate: f32,
    /// After every step a weight of the linear table is drawn towards 0 by its rate times this, which keeps only
    /// weights whose gradient has a mean above this share of its root mean square.
    pub linear_threshold: f32,
    /// The same for the table that the network starts from.
    pub wide_threshold: f32,
}

impl Default for FactsShape {
    fn default() -> Self {
        Self {
            wide: 256,
            width: 128,
            rank: 64,
            least_share: 0.01,
            rate: 1e-2,
            linear_threshold: 0.4,
            wide_threshold: 0.6,
        }
    }
}

/// How reader (C) is fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TreesShape {
    /// Index days per patient.
    pub index_days: usize,
    /// Rows without the event that are kept for each one with it, and rows kept in any case.
    pub others_per_event: usize,
    pub least_rows: usize,
    /// Columns that fewer than this share of index days show are left out.
    pub least_share: f64,
    /// Trees per ensemble at most, and rounds without a better validation loss that end it.
    pub rounds: usize,
    pub patience: usize,
    /// Ridge on the leaves, and the least sum of second derivatives in one.
    pub ridge: f32,
    pub least_leaf: f32,
    /// Share of the columns that each tree may use.
    pub columns: f64,
    /// Ensembles whose log odds are averaged.
    pub ensembles: Vec<Ensemble>,
}

/// One of the ensembles of an outcome and horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    pub start: Start,
    pub rate: f32,
    pub leaves: usize,
}

/// What an ensemble starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The rate of the outcome.
    Rate,
    /// What age and sex alone say, so that the trees need not spend their splits on it.
    AgeAndSex,
}

impl Default for TreesShape {
    fn default() -> Self {
        Self {
            index_days: 12,
            others_per_event: 8,
            least_rows: 12_000,
            least_share: 0.007,
            rounds: 400,
            patience: 30,
            ridge: 5.0,
            least_leaf: 4.0,
            columns: 0.1,
            ensembles: vec![
                Ensemble { start: Start::Rate, rate: 0.05, leaves: 15 },
                Ensemble { start: Start::AgeAndSex, rate: 0.06, leaves: 7 },
            ],
        }
    }
}

/// Shape of reader (B).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shape {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub hidden: usize,
    pub rank: usize,
    pub context: usize,
    pub text_buckets: usize,
    pub text_width: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            width: 128,
            layers: 3,
            heads: 4,
            hidden: 320,
            rank: 64,
            context: 128,
            text_buckets: 8192,
            text_width: 64,
        }
    }
}

/// What is read of the patients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Index days drawn per patient and epoch.
    pub index_days: usize,
    /// Only index days of the last so many years of follow-up: older care was recorded otherwise.
    pub within_years: u32,
    /// Fewer of a life with fewer years to draw from, as in care; `false`: as many of each life. Not written where
    /// `false`: runs begun before there was this setting go on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_length: bool,
    /// Share of them that are occasions, such as a discharge, where a life has any.
    pub occasion_share: f64,
    /// Read-outs per window.
    pub read_outs: usize,
    /// An older read-out keeps at least this share of the window before it, unless the window holds the whole life.
    pub least_context: f32,
    /// Share of the charts that are cut as a real call might bring them (see `learning::truncate`).
    pub cut_share: f64,
    /// Only so many training patients (0: all), for learning curves.
    pub patients: usize,
    /// Outcomes that the run is not taught, so that a probe can ask later what its state knows of them. Not written
    /// where empty: runs begun before there was this setting go on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<String>,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            index_days: 32,
            within_years: 26,
            by_length: false,
            occasion_share: 0.15,
            read_outs: 16,
            least_context: 0.25,
            cut_share: 0.25,
            patients: 0,
            leave_out: Vec::new(),
        }
    }
}

impl Data {
    /// The draw of so many index days per patient.
    pub fn draw(&self, per_patient: usize) -> Draw {
        Draw { per_patient, within_years: self.within_years, by_length: self.by_length }
    }
}

/// How weights move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    pub epochs: f64,
    /// Windows per step (reader A: index days).
    pub batch: usize,
    pub rate: f32,
    /// Rate of the age-and-sex term, which must settle before the rest explains it away.
    pub age_sex_rate: f32,
    /// Share of the steps over which the rate rises.
    pub warmup: f64,
    /// Share of the rate that is left at the end of the cosine.
    pub last: f32,
    /// Weight decay of matrices; tables have none, gains and biases a tenth.
    pub decay: f32,
    /// Largest norm of the gradient.
    pub clip: f32,
    /// Decay of the averaged weights, which are the ones that are kept.
    pub average: f32,
    /// Validate after so many epochs.
    pub validate_epochs: f64,
    /// Stop after so many validations without a better one (0: never).
    pub patience: usize,
    /// Of reader (B)'s products while it learns; validation and serving are always `f32`.
    #[serde(with = "PrecisionName")]
    pub precision: Precision,
    /// Compute the inside of reader (B)'s blocks again in the backward pass instead of keeping it: the same bits, less
    /// memory, more time.
    pub recompute: bool,
}

/// How a precision is written.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Precision", rename_all = "lowercase")]
enum PrecisionName {
    F32,
    Bf16,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            epochs: 5.0,
            batch: 16,
            rate: 2e-3,
            age_sex_rate: 2e-2,
            warmup: 0.05,
            last: 0.05,
            decay: 0.1,
            clip: 1.0,
            average: 0.995,
            validate_epochs: 1.25,
            patience: 4,
            precision: Precision::F32,
            recompute: false,
        }
    }
}

/// What is foreseen and how much it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Loss {
    /// Weight of foreseeing the next active day's keys.
    pub next_day: f32,
    /// Days per window whose successor is foreseen.
    pub next_days: usize,
    /// Weight of auxiliary first occurrences.
    pub auxiliary: f32,
    /// A task counts by (events per row + 0.001) to the power of minus this.
    pub rarity: f32,
}

impl Default for Loss {
    fn default() -> Self {
        Self { next_day: 1.0, next_days: 48, auxiliary: 0.3, rarity: 0.4 }
    }
}

/// Shares set to zero while training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DropoutShares {
    pub blocks: f32,
    pub head: f32,
    /// Known keys hidden behind their text.
    pub keys: f32,
    /// Facts left out (reader A).
    pub facts: f32,
}

impl Default for DropoutShares {
    fn default() -> Self {
        Self { blocks: 0.1, head: 0.3, keys: 0.1, facts: 0.0 }
    }
}

impl TrainSettings {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let settings: Self = toml::from_str(&text).with_context(|| format!("`{}`", path.display()))?;
        settings.check().with_context(|| format!("`{}`", path.display()))?;
        Ok(settings)
    }

    /// Refuses values that cannot work.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.format != 1 {
            bail!("`format` {} is not known; this version reads format 1", self.format);
        }
        let DropoutShares { blocks, head, keys, facts } = self.dropout;
        let shares = [blocks, head, keys, facts];
        if shares.iter().any(|share| !(0.0..1.0).contains(share)) {
            bail!("every share under `[dropout]` must be at least 0 and below 1");
        }
        if !(0.0..=1.0).contains(&self.data.cut_share) {
            bail!("`data.cut_share` must be between 0 and 1");
        }
        if !(0.0..1.0).contains(&self.data.occasion_share) {
            bail!("`data.occasion_share` must be at least 0 and below 1");
        }
        if self.schedule.batch == 0 || self.data.index_days == 0 || self.data.read_outs == 0 {
            bail!("`schedule.batch`, `data.index_days` and `data.read_outs` must be at least 1");
        }
        if self.schedule.epochs <= 0.0 || self.schedule.validate_epochs <= 0.0 {
            bail!("`schedule.epochs` and `schedule.validate_epochs` must be above 0");
        }
        self.check_precision(bf16_unit())
    }

    /// Refuses what would have no effect, and bf16 where the processor would only imitate it.
    fn check_precision(&self, unit: Bf16Unit) -> anyhow::Result<()> {
        let Schedule { precision, recompute, .. } = self.schedule;
        if self.reader != ReaderKind::Days && (precision != Precision::F32 || recompute) {
            bail!("`schedule.precision` and `schedule.recompute` belong to `reader = \"days\"`; remove them");
        }
        if precision == Precision::Bf16 && unit == Bf16Unit::Portable {
            bail!(
                "`schedule.precision = \"bf16\"` needs a processor with AVX512-BF16, or with AMX under Linux; \
                 this one has neither and would be slower than with \"f32\": set that"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_file_states_the_defaults() {
        let file: TrainSettings = toml::from_str(include_str!("../../../config/train-s.toml")).unwrap();
        assert_eq!(file, TrainSettings::default());
    }

    #[test]
    fn the_file_of_reader_a_can_be_read() {
        let file: TrainSettings = toml::from_str(include_str!("../../../config/train-facts.toml")).unwrap();
        assert_eq!((file.reader, file.facts), (ReaderKind::Facts, FactsShape::default()));
    }

    #[test]
    fn bf16_is_refused_where_the_processor_would_only_imitate_it_and_where_it_has_no_effect() {
        let bf16: TrainSettings = toml::from_str("[schedule]\nprecision = \"bf16\"").unwrap();
        assert_eq!(bf16.schedule.precision, Precision::Bf16);
        let refused = bf16.check_precision(Bf16Unit::Portable).unwrap_err().to_string();
        assert!(refused.contains("needs a processor"), "{refused}");
        bf16.check_precision(Bf16Unit::Amx).unwrap();
        bf16.check_precision(Bf16Unit::Avx512).unwrap();
        TrainSettings::default().check_precision(Bf16Unit::Portable).unwrap();
        let facts = TrainSettings { reader: ReaderKind::Facts, ..bf16 };
        assert!(facts.check_precision(Bf16Unit::Amx).unwrap_err().to_string().contains("reader"));
        let again: TrainSettings = toml::from_str("reader = \"trees\"\n[schedule]\nrecompute = true").unwrap();
        assert!(again.check_precision(Bf16Unit::Amx).is_err());
        assert!(toml::from_str::<TrainSettings>("[schedule]\nprecision = \"f16\"").is_err());
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_it() {
        let error = toml::from_str::<TrainSettings>("[schedule]\nepoch = 3").unwrap_err().to_string();
        assert!(error.contains("epoch"), "{error}");
    }
}
