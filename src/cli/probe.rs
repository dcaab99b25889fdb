//! `prodrome probe`: a few labels of new outcomes on the frozen state of a model.

use super::evaluate::{judged_split, named_file, write_files};
use crate::learning::probe::subject::Subject;
use crate::learning::probe::{DRAWS, Plan, probe, report, value_set};
use crate::learning::shard::{Dataset, Split};
use crate::platform::terminal::say;
use crate::prediction::phenotype::Phenotypes;
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

/// Ask what a few labels make of a model's state: outcomes that it was never taught.
///
/// For each outcome and horizon draws so many labelled training patients, fits a ridge regression on the frozen
/// read-out state, age and sex, and judges it on all rows of the judged split: probe.md, probe.json, and draws.csv with
/// the labelled patients and days. Train another model on the same draws (benchmarks/baselines/few_labels.py does so
/// with LightGBM), then give this command again with `--beside`. Leave outcomes out of training with `data.leave_out`.
#[derive(Args)]
pub struct Probe {
    /// The model package, a folder
    #[arg(long, required_unless_present = "runs")]
    model: Option<PathBuf>,
    /// Run folder on this dataset instead of a package; repeat to put several states side by side
    #[arg(long = "run", value_name = "RUN", conflicts_with = "model")]
    runs: Vec<PathBuf>,
    /// Dataset folder made by `prodrome ingest`
    #[arg(long)]
    data: PathBuf,
    /// Probe this outcome; may be repeated. Without it those that training left out, or all of `--phenotypes`
    #[arg(long = "outcome", value_name = "NAME")]
    outcomes: Vec<String>,
    /// Definitions of new outcomes (TOML, as config/phenotypes.toml); without it those of the model
    #[arg(long, value_name = "FILE")]
    phenotypes: Option<PathBuf>,
    /// A FHIR ValueSet (JSON): the first time that something with one of its codes is done, found or given is an
    /// outcome, named after the file; may be repeated
    #[arg(long = "value-set", value_name = "FILE")]
    value_sets: Vec<PathBuf>,
    /// Labelled patients per outcome and horizon, one or several numbers
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', default_values_t = [10, 50, 100], value_parser = clap::value_parser!(u32).range(2..=2000))]
    labels_per: Vec<u32>,
    /// Draws of each number of labels
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Judge on this split: `validation`, or `test` once at the end
    #[arg(long, default_value = "validation", value_parser = judged_split)]
    split: Split,
    /// Another model's scores on the same draws (`patient,day,TASK@DAYS/LABELS/REPEAT,...`); may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    beside: Vec<(String, PathBuf)>,
    /// Where probe.json, probe.md and draws.csv go, a folder; made where it is missing
    #[arg(long)]
    out: PathBuf,
    /// Bootstrap draws of patients
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    draws: u32,
    /// Seed of everything that is drawn; `prodrome export` with the same seed writes the same index days
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads (default: one per core)
    #[arg(long)]
    threads: Option<usize>,
}

impl Probe {
    /// Probes, writes, and says the means on the terminal.
    pub fn run(&self) -> anyhow::Result<()> {
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.unwrap_or(0))
            .start_handler(|_| fused_ops::flush_denormals())
            .build_global()?;
        fused_ops::flush_denormals();
        let dataset = Dataset::open(&self.data)?;
        let subject = match &self.model {
            Some(folder) => Subject::package(folder)?,
            None => Subject::runs(&self.runs, &dataset)?,
        };
        let defined = self.phenotypes.as_ref().map(|path| {
            let text = std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
            Phenotypes::parse(&text).with_context(|| format!("`{}`", path.display()))
        });
        let value_sets = self.value_sets.iter().map(|path| value_set::outcome(path));
        let value_sets = value_sets.collect::<anyhow::Result<_>>()?;
        let phenotypes = subject.asked(defined.transpose()?, value_sets, &self.outcomes)?;
        let labels: Vec<usize> = self.labels_per.iter().map(|&labels| labels as usize).collect();
        let plan = Plan {
            split: self.split,
            labels: &labels,
            repeats: self.repeats as usize,
            beside: &self.beside,
            draws: self.draws as usize,
            seed: self.seed,
        };
        // Hidden by itself where the error stream is no terminal.
        let progress = ProgressBar::new(0)
            .with_style(ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}, {eta} left")?);
        let probed = probe(&subject, &dataset, &phenotypes, &plan, &self.out, &progress)?;
        progress.finish_and_clear();
        let files = [("probe.json", serde_json::to_string_pretty(&probed)?), ("probe.md", report::markdown(&probed))];
        write_files(&self.out, &files)?;
        say!("{}", report::short(&probed));
        say!("written to {}; the labels are in {DRAWS}", self.out.display());
        Ok(())
    }
}
