//! `prodrome export`: a dataset as tables for any other model.

use crate::learning::export::{IndexDays, PER_PATIENT, PER_TRAINING_PATIENT, WITHIN_YEARS, export};
use crate::learning::shard::{Dataset, Split};
use crate::platform::terminal::say;
use crate::prediction::phenotype::{DEFAULT, Phenotypes};
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

/// Write a dataset as plain tables: patients, events, index days with their labels.
///
/// For training any other model on exactly the patients, days and labels that `prodrome train` and `prodrome evaluate`
/// use, and for comparing it with ours afterwards (`prodrome evaluate --beside`). Pseudonyms and days since birth
/// only. docs/guides/export.md describes the columns; benchmarks/baselines holds models that read them.
#[derive(Args)]
pub struct Export {
    /// Dataset folder made by `prodrome ingest`
    #[arg(long)]
    data: PathBuf,
    /// Folder of the tables; made where it is missing
    #[arg(long)]
    out: PathBuf,
    /// Index days and labels of one split from a file, `test=labels/test.csv.gz`; may be repeated. Drawn otherwise
    #[arg(long, value_name = "SPLIT=FILE", value_parser = of_split)]
    labels: Vec<(Split, PathBuf)>,
    /// Index days drawn per training patient, at most
    #[arg(long, default_value_t = PER_TRAINING_PATIENT, value_parser = clap::value_parser!(u16).range(1..=1000))]
    train_index_days: u16,
    /// Draw training days from the last so many years of follow-up only, as `prodrome train` does
    #[arg(long, default_value_t = WITHIN_YEARS, value_parser = clap::value_parser!(u16).range(1..=200))]
    within_years: u16,
    /// Draw fewer training days of a life with fewer years to draw from, as `data.by_length` of `prodrome train`
    #[arg(long)]
    by_length: bool,
    /// Index days drawn per patient of the other splits, at most
    #[arg(long, default_value_t = PER_PATIENT, value_parser = clap::value_parser!(u16).range(1..=1000))]
    index_days: u16,
    /// Seed of the draws; `prodrome evaluate` with the same seed asks about the same days
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Outcome definitions (TOML); without it those of `config/phenotypes.toml`
    #[arg(long)]
    phenotypes: Option<PathBuf>,
}

/// `SPLIT=FILE`
fn of_split(text: &str) -> Result<(Split, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write SPLIT=FILE, as in test=labels/test.csv.gz")?;
    let split = Split::ALL.into_iter().find(|split| split.as_str() == name);
    let split = split.ok_or_else(|| format!("`{name}` is no split; there are train, validation, calibration, test"))?;
    Ok((split, PathBuf::from(path)))
}

impl Export {
    /// Writes the tables and says what is in them.
    pub fn run(&self) -> anyhow::Result<()> {
        let dataset = Dataset::open(&self.data)?;
        let phenotypes = match &self.phenotypes {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?,
            None => DEFAULT.to_owned(),
        };
        let phenotypes = Phenotypes::parse(&phenotypes)?;
        let days = IndexDays {
            labels: self.labels.iter().cloned().collect(),
            per_training_patient: self.train_index_days.into(),
            per_patient: self.index_days.into(),
            within_years: self.within_years.into(),
            by_length: self.by_length,
            seed: self.seed,
        };
        // Hidden by itself where the error stream is no terminal.
        let progress = ProgressBar::new(0)
            .with_style(ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}, {eta} left")?);
        let written = export(&dataset, &phenotypes, &days, &self.out, &progress)?;
        progress.finish_and_clear();
        for (split, w) in &written.splits {
            let counts = format!("{} events; {} index days of {}", w.events, w.rows, w.asked);
            say!("{}: {} patients, {counts} patients ({})", split.as_str(), w.patients, w.labels);
        }
        say!("{} outcomes and horizons; written to {}", written.columns.len(), self.out.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_file_is_named_with_its_split() {
        assert_eq!(of_split("test=a=b.csv"), Ok((Split::Test, PathBuf::from("a=b.csv"))));
        assert!(of_split("labels.csv").unwrap_err().contains("SPLIT=FILE"));
        assert!(of_split("tset=labels.csv").unwrap_err().contains("tset"));
    }
}
