//! `prodrome train`: a dataset and a TOML to a run folder.

use crate::learning::train::{TrainSettings, train};
use crate::prediction::phenotype::DEFAULT;
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

/// Train the network on an ingested dataset.
///
/// Shows losses, speed and time left, validates as it goes, and keeps a checkpoint in the run folder: stop it at
/// any time and give the same command again to go on exactly where it stood. `prodrome package` makes a model
/// package of a finished run.
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
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.unwrap_or(0))
            .start_handler(|_| fused_ops::flush_denormals())
            .build_global()?;
        fused_ops::flush_denormals();
        let best = train(&self.data, &phenotypes, &settings, &self.run, None)?;
        println!("best validation: mean AUROC {:.4} at epoch {:.1}, step {}", best.auroc, best.epoch, best.step);
        Ok(())
    }
}
