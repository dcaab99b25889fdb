//! `prodrome evaluate`: judges a model package on test patients and writes JSON, Markdown and pictures.

use crate::learning::evaluate::run::{Evaluation, Plan, Subject, evaluate};
use crate::learning::evaluate::{plot, report};
use crate::learning::shard::{Dataset, Split};
use crate::prediction::model::Model;
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};

/// Judge a model on patients that nothing was fitted on: AUROC, calibration, baselines, negative controls.
///
/// Index days and labels come from a file (`patient,as_of,TASK@DAYS,TASK@DAYS+0,...`), joined by the dataset's
/// identity.csv, or are drawn from the dataset's own test split. Both baselines, age and sex and a logistic regression
/// on counts, are fitted on training patients in the same run.
#[derive(Args)]
pub struct Evaluate {
    /// The model package, a folder.
    #[arg(long, default_value = "models/prodrome-s")]
    model: PathBuf,
    /// The dataset that `prodrome ingest` wrote, a folder.
    #[arg(long)]
    data: PathBuf,
    /// Index days and labels of test patients, `.csv` or `.csv.gz`; drawn from the test split when left out.
    #[arg(long)]
    labels: Option<PathBuf>,
    /// The same of training patients; drawn from the training split when left out.
    #[arg(long)]
    train_labels: Option<PathBuf>,
    /// Draw the index days from this split: `test`, or `validation` to choose by. A label file says by itself
    #[arg(long, default_value = "test", value_parser = judged_split, conflicts_with = "labels")]
    split: Split,
    /// Another model's scores for the same rows (`patient,day,TASK@DAYS,...`, see docs/guides/export.md): reports
    /// paired differences. May be repeated.
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    beside: Vec<(String, PathBuf)>,
    /// Where evaluation.json, evaluation.md and the pictures go, a folder; made where it is missing.
    #[arg(long)]
    out: PathBuf,
    /// Bootstrap draws of patients.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    draws: u32,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A split that nothing was fitted on.
fn judged_split(text: &str) -> Result<Split, String> {
    let split = [Split::Test, Split::Validation].into_iter().find(|split| split.as_str() == text);
    split.ok_or_else(|| "write `test` or `validation`; the model was fitted on the others".into())
}

/// `NAME=FILE`
fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write NAME=FILE, as in LightGBM=scores-test.csv.gz")?;
    Ok((name.to_owned(), PathBuf::from(path)))
}

impl Evaluate {
    /// Judges, writes, and says the most important on the terminal.
    pub fn run(&self) -> anyhow::Result<()> {
        let evaluation = judge(self)?;
        print!("{}", report::short(&evaluation));
        println!("written to {}", self.out.display());
        Ok(())
    }
}

fn judge(arguments: &Evaluate) -> anyhow::Result<Evaluation> {
    let model = Model::load(&arguments.model)?;
    let dataset = Dataset::open(&arguments.data)?;
    let subject = Subject { oracle: &model, vocabulary: &model.vocabulary, phenotypes: &model.phenotypes };
    let plan = Plan {
        labels: arguments.labels.as_deref(),
        train_labels: arguments.train_labels.as_deref(),
        split: arguments.split,
        beside: &arguments.beside,
        draws: arguments.draws as usize,
        seed: arguments.seed,
    };
    // Hidden by itself where the error stream is no terminal.
    let progress = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}, {eta} left")?);
    let evaluation = evaluate(subject, &dataset, &plan, &progress)?;
    progress.finish_and_clear();
    write(&evaluation, &arguments.out)?;
    Ok(evaluation)
}

/// Writes the report and its pictures.
fn write(evaluation: &Evaluation, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    let files = [
        ("evaluation.json", serde_json::to_string_pretty(evaluation)?),
        ("evaluation.md", report::markdown(evaluation)),
        ("auroc.svg", plot::forest(evaluation)),
        ("reliability.svg", plot::reliability(evaluation)),
        ("risks.svg", plot::risks(evaluation)),
        ("decision.svg", plot::decision(evaluation)),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    Ok(())
}
