//! `prodrome train`: a dataset and a TOML to a run folder.

use crate::learning::lint::{Check, LINT, before_training};
use crate::learning::train::{TrainSettings, train};
use crate::platform::terminal::say;
use crate::prediction::phenotype::DEFAULT;
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

/// Train the network on an ingested dataset.
///
/// Shows losses, speed and time left, validates as it goes, and keeps a checkpoint in the run folder: stop it at
/// any time and give the same command again to go on exactly where it stood. `prodrome package` makes a model
/// package of a finished run.
///
/// Before the first step the leakage linter looks at the data: facts from the future, fields written when a record
/// ended, outcomes on the index day, identifiers, what tells the record's end or the year, the same patient in two
/// splits, keys that predict negative controls. A finding stops the run with its evidence; `lint.json` in the run
/// folder keeps it.
#[derive(Args)]
pub struct Train {
    /// Dataset folder made by `prodrome ingest`
    #[arg(long)]
    data: PathBuf,
    /// Training settings (TOML); without it the defaults of `config/train-s.toml`
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of the run: checkpoint and best weights
    #[arg(long)]
    run: PathBuf,
    /// Outcome definitions (TOML); without it those of `config/phenotypes.toml`
    #[arg(long)]
    phenotypes: Option<PathBuf>,
    /// Threads (default: one per core)
    #[arg(long)]
    threads: Option<usize>,
    /// Only look for leaks in the data and say what was found; exit 1 where it would stop a run
    #[arg(long)]
    lint_only: bool,
    /// Go on although the leakage linter found this: future-dated, snapshot-field, label-on-index-day, identifier,
    /// record-end, calendar-time, duplicate-patient or negative-control; repeat for several. `lint.json` and the
    /// model card say so
    #[arg(long = "accept-finding", value_name = "NAME", value_parser = finding)]
    accept: Vec<Check>,
}

fn finding(name: &str) -> Result<Check, String> {
    let known = || Check::ALL.map(Check::as_str).join(", ");
    Check::ALL
        .into_iter()
        .find(|check| check.as_str() == name)
        .ok_or_else(|| format!("`{name}` is no check of the leakage linter; the checks are {}", known()))
}

impl Train {
    pub fn run(&self) -> anyhow::Result<()> {
        let settings = match &self.config {
            Some(path) => TrainSettings::read(path)?,
            None => TrainSettings::default(),
        };
        let phenotypes = match &self.phenotypes {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?,
            None => DEFAULT.to_owned(),
        };
        fused_ops::start_threads(self.threads.unwrap_or(0))?;
        before_training(&self.data, &phenotypes, &self.run, &self.accept)?;
        if self.lint_only {
            say!("nothing stops a run; findings are in `{}`", self.run.join(LINT).display());
            return Ok(());
        }
        let best = train(&self.data, &phenotypes, &settings, &self.run, None)?;
        say!("best validation: mean AUROC {:.4} at epoch {:.1}, step {}", best.auroc, best.epoch, best.step);
        Ok(())
    }
}
