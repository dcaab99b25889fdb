//! `prodrome plant`: a world whose hazards are known, and `prodrome plant judge`: a model held against it.

use crate::learning::evaluate::labels::LabelFile;
use crate::learning::planted::asked::Subject;
use crate::learning::planted::judge::{Case, Judgement, judge};
use crate::learning::planted::plant::{Plan, plant};
use crate::learning::planted::report;
use crate::learning::planted::scores::Scores;
use crate::learning::shard::Dataset;
use crate::platform::terminal::say;
use crate::prediction::model::Model;
use anyhow::Context;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

/// Make a world of invented patients whose true risks are known
///
/// Writes a FHIR export (fhir/), outcome definitions (phenotypes.toml), realised labels (labels/) and the true
/// probability of every outcome on days of validation and test patients (truth.csv.gz), also were a drug begun that
/// day. Then, as for any export: `prodrome ingest OUT/fhir --split-by-folder --identity --export-date 2026-01-01`,
/// `prodrome train --phenotypes OUT/phenotypes.toml`, `prodrome package`, and `prodrome plant judge`.
/// docs/guides/planted-world.md tells what is planted.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Plant {
    #[command(subcommand)]
    then: Option<Then>,
    /// Where the world goes, a folder; made where it is missing
    #[arg(long, required = true)]
    out: Option<PathBuf>,
    /// Patients; of ten, six are for training, one each for validation and calibration, two for testing
    #[arg(long, default_value_t = 3000)]
    patients: u64,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Futures that each true probability is the mean of
    #[arg(long, default_value_t = 256)]
    draws: u32,
}

#[derive(Subcommand)]
enum Then {
    Judge(Judge),
}

/// Hold a model against the truth of a planted world
///
/// For every outcome: AUROC of the model and of the true probability (the Bayes limit) on the same rows, and how far
/// each risk is from the true one. For every drug: what the model's risk does when the drug is drafted, which is an
/// association, beside the true effect of beginning it.
#[derive(Args)]
struct Judge {
    /// The model package, trained on this world, a folder
    #[arg(long)]
    model: PathBuf,
    /// The dataset that `prodrome ingest --identity` made of this world, a folder
    #[arg(long)]
    data: PathBuf,
    /// The world, a folder that `prodrome plant` wrote
    #[arg(long)]
    world: PathBuf,
    /// Whose rows: validation while choosing, test for a figure that is reported
    #[arg(long, default_value = "validation", value_parser = ["validation", "test"])]
    split: String,
    /// Another model's probabilities, columns patient,as_of,TASK@DAYS (after the gap) and TASK@DAYS+0; repeat for several
    #[arg(long, value_name = "NAME=FILE", value_parser = named)]
    beside: Vec<(String, PathBuf)>,
    /// Where judgement.json, judgement.md and limit.svg go, a folder; made where it is missing
    #[arg(long)]
    out: PathBuf,
    /// Bootstrap draws of patients
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    draws: u32,
    /// Seed of the draws
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// `NAME=FILE`
fn named(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write NAME=FILE, as in lightgbm=scores.csv")?;
    Ok((name.to_owned(), file.into()))
}

/// Hidden by itself where the error stream is no terminal.
fn bar() -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}, {eta} left")?;
    Ok(ProgressBar::new(0).with_style(style))
}

impl Plant {
    /// Makes a world, or judges a model on one.
    pub fn run(&self) -> anyhow::Result<()> {
        match &self.then {
            Some(Then::Judge(arguments)) => arguments.run(),
            None => self.make(),
        }
    }

    fn make(&self) -> anyhow::Result<()> {
        let out = self.out.as_ref().context("say where the world goes: `--out DIR`")?;
        let progress = bar()?;
        let plan = Plan { patients: self.patients, seed: self.seed, draws: self.draws };
        let planted = plant(plan, out, &progress)?;
        progress.finish_and_clear();
        say!("{}", planted.notice);
        say!(
            "{} patients, {} deaths, {} events of care, {} resources; {} labelled days, {} with truth",
            planted.patients,
            planted.deaths,
            planted.events_of_care,
            planted.resources,
            planted.rows,
            planted.rows_with_truth
        );
        say!(
            "standard error of a true probability: mean {:.5}, largest {:.4} ({} futures)",
            planted.monte_carlo_error_mean,
            planted.monte_carlo_error_most,
            planted.draws
        );
        say!("written to {}", out.display());
        Ok(())
    }
}

impl Judge {
    fn run(&self) -> anyhow::Result<()> {
        let judgement = self.judge()?;
        std::fs::create_dir_all(&self.out).with_context(|| format!("`{}` cannot be made", self.out.display()))?;
        let files = [
            ("judgement.json", serde_json::to_string_pretty(&judgement)?),
            ("judgement.md", report::markdown(&judgement)),
            ("limit.svg", report::picture(&judgement)),
        ];
        for (name, text) in files {
            let path = self.out.join(name);
            std::fs::write(&path, text).with_context(|| format!("`{}` cannot be written", path.display()))?;
        }
        say!("{}", report::short(&judgement));
        say!("written to {}", self.out.display());
        Ok(())
    }

    fn judge(&self) -> anyhow::Result<Judgement> {
        let model = Model::load(&self.model)?;
        let dataset = Dataset::open(&self.data)?;
        let labels = self.world.join("labels").join(format!("{}.csv.gz", self.split));
        let (truth, labels) = (Scores::open(&self.world.join("truth.csv.gz"))?, LabelFile::open(&labels)?);
        let beside = self.beside.iter().map(|(name, path)| Ok((name.clone(), Scores::open(path)?)));
        let beside: Vec<(String, Scores)> = beside.collect::<anyhow::Result<_>>()?;
        let subject = Subject { oracle: &model, vocabulary: &model.vocabulary, phenotypes: &model.phenotypes };
        let case =
            Case { truth: &truth, labels: &labels, beside: &beside, draws: self.draws as usize, seed: self.seed };
        let progress = bar()?;
        let judgement = judge(subject, &dataset, &case, &progress)?;
        progress.finish_and_clear();
        Ok(judgement)
    }
}
