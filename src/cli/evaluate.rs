//! `prodrome evaluate`: judges a model package on test patients and writes JSON, Markdown and pictures.

use crate::decision_support::service_definition::{Catalogue, Known};
use crate::learning::evaluate::run::{Evaluation, Plan, Subject, evaluate};
use crate::learning::evaluate::{faithfulness, plot, report, stress};
use crate::learning::shard::{Dataset, Split};
use crate::learning::truncate::{Sent, Truncation};
use crate::platform::terminal::say;
use crate::prediction::answer::Oracle;
use crate::prediction::model::Model;
use crate::prediction::phenotype::Phenotypes;
use anyhow::{Context, bail};
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
    /// Only measure the reasons, on so many patients: how far the shown facts carry the risk, and which are shown
    /// most. Writes evidence.json and evidence.md
    #[arg(long, value_name = "PATIENTS", conflicts_with_all = ["labels", "train_labels", "beside"])]
    evidence: Option<usize>,
    /// Where evaluation.json, evaluation.md and the pictures go, a folder; made where it is missing.
    #[arg(long)]
    out: PathBuf,
    /// The dataset is of another site: fit nothing on it, and take the averages of age and sex from the package
    #[arg(long, conflicts_with = "train_labels")]
    foreign: bool,
    /// Definitions of the same outcomes in the site's own codes; the package's own when left out
    #[arg(long, value_name = "FILE")]
    phenotypes: Option<PathBuf>,
    /// Ask again about altered charts: events dropped, codes renamed, other units, late labs, other order.
    #[arg(long)]
    robustness: bool,
    /// Ask again about charts cut to what the prefetch templates of this service fetch, to a first page of each, and
    /// to the last years of record
    #[arg(long, value_name = "SERVICE", num_args = 0..=1, default_missing_value = "cds-services/early-detection")]
    as_prefetched: Option<PathBuf>,
    /// Bootstrap draws of patients.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    draws: u32,
    /// Seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// A split that nothing was fitted on.
pub(super) fn judged_split(text: &str) -> Result<Split, String> {
    let split = [Split::Test, Split::Validation].into_iter().find(|split| split.as_str() == text);
    split.ok_or_else(|| "write `test` or `validation`; the model was fitted on the others".into())
}

/// `NAME=FILE`
pub(super) fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write NAME=FILE, as in LightGBM=scores-test.csv.gz")?;
    Ok((name.to_owned(), PathBuf::from(path)))
}

impl Evaluate {
    /// Judges, writes, and says the most important on the terminal.
    pub fn run(&self) -> anyhow::Result<()> {
        if let Some(patients) = self.evidence {
            return self.measure_evidence(patients);
        }
        let evaluation = judge(self)?;
        say!("{}", report::short(&evaluation));
        say!("written to {}", self.out.display());
        Ok(())
    }
}

impl Evaluate {
    fn measure_evidence(&self, patients: usize) -> anyhow::Result<()> {
        let model = Model::load(&self.model)?;
        let dataset = Dataset::open(&self.data)?;
        let progress = ProgressBar::new(0)
            .with_style(ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {elapsed}, {eta} left")?);
        let plan = (patients, self.draws as usize, self.seed);
        let words = (&model as &dyn Oracle, &model.vocabulary, &model.phenotypes);
        let found = faithfulness::faithfulness(words, &dataset, self.split, plan, &progress)?;
        progress.finish_and_clear();
        let page = faithfulness::page(model.identity(), self.split, &found);
        write_files(
            &self.out,
            &[("evidence.json", serde_json::to_string_pretty(&found)?), ("evidence.md", page.clone())],
        )?;
        say!("{}", page.split("## Facts").next().unwrap_or_default());
        say!("written to {}", self.out.display());
        Ok(())
    }
}

fn judge(arguments: &Evaluate) -> anyhow::Result<Evaluation> {
    let model = Model::load(&arguments.model)?;
    let dataset = Dataset::open(&arguments.data)?;
    let own = arguments.phenotypes.as_deref().map(|path| outcomes(path, &model.phenotypes)).transpose()?;
    let phenotypes = own.as_ref().unwrap_or(&model.phenotypes);
    let subject = Subject { oracle: &model, vocabulary: &model.vocabulary, phenotypes };
    let mut altered = if arguments.robustness { stress::robustness() } else { Vec::new() };
    if let Some(service) = &arguments.as_prefetched {
        altered.extend(stress::as_prefetched(&templates(service, Known::of(&model))?));
    }
    let plan = Plan {
        labels: arguments.labels.as_deref(),
        train_labels: arguments.train_labels.as_deref(),
        split: arguments.split,
        beside: &arguments.beside,
        foreign: arguments.foreign,
        altered: &altered,
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

/// A site's definitions of the outcomes that the package answers for.
fn outcomes(path: &Path, packaged: &Phenotypes) -> anyhow::Result<Phenotypes> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    let own = Phenotypes::parse(&text).with_context(|| format!("`{}`", path.display()))?;
    let names = |phenotypes: &Phenotypes| phenotypes.outcomes.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(&own) != names(packaged) || own.horizons_days != packaged.horizons_days {
        bail!("`{}` has other outcomes or horizons than the package; define the same ones", path.display());
    }
    Ok(own)
}

/// What each prefetch template of a service fetches, by resource type.
fn templates(service: &Path, known: Known<'_>) -> anyhow::Result<Vec<(String, Sent)>> {
    let id = service.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = service.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let catalogue = Catalogue::load(folder, known)?;
    let service = catalogue.find(&id).with_context(|| format!("`{}` holds no service", service.display()))?;
    let types = service.prefetch.iter().filter_map(|key| {
        let resource_type =
            key.resource_type().filter(|name| Truncation::resource_types().any(|known| known == *name))?;
        let (newest, within_days) = key.limits();
        Some((resource_type.to_owned(), Sent { fetched: true, newest, within_days }))
    });
    Ok(types.collect())
}

/// Writes the report and its pictures.
fn write(evaluation: &Evaluation, folder: &Path) -> anyhow::Result<()> {
    let files = [
        ("evaluation.json", serde_json::to_string_pretty(evaluation)?),
        ("evaluation.md", report::markdown(evaluation)),
        ("auroc.svg", plot::forest(evaluation)),
        ("reliability.svg", plot::reliability(evaluation)),
        ("risks.svg", plot::risks(evaluation)),
        ("decision.svg", plot::decision(evaluation)),
    ];
    let altered = (!evaluation.stressed.is_empty()).then(|| ("altered.svg", plot::altered(evaluation)));
    write_files(folder, &files.into_iter().chain(altered).collect::<Vec<_>>())
}

pub(super) fn write_files(folder: &Path, files: &[(&str, String)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    Ok(())
}
