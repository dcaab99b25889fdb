//! One evaluation from dataset and labels to all figures.
//!
//! Owns the order of the steps: ask the model about every test row, fit both baselines on training rows, judge.
//! Refuses test patients that are also among the training rows.

use super::beside::{self, Beside};
use super::counts::{PLAIN_COLUMNS, SparseRows, cells, width};
use super::figures::{Scores, Task};
use super::labels::{LabelFile, identities};
use super::metrics::patient_draws;
use super::panel::{Agreement, Panel, Source, gather};
use super::regression::{Effort, Regression};
use super::summary::{Control, Judged, Mean, Subgroup, controls, means, subgroups};
use crate::learning::shard::{Dataset, Split};
use crate::prediction::answer::{Oracle, Question};
use crate::prediction::calibration::AgeSexTable;
use crate::prediction::model::Outcome;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is judged, and in whose words it reads.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub oracle: &'a dyn Oracle,
    pub vocabulary: &'a Vocabulary,
    pub phenotypes: &'a Phenotypes,
}

/// How it is judged.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Index days and labels of test patients; drawn from the dataset's test split where there is no file.
    pub labels: Option<&'a Path>,
    /// The same of training patients, for the baselines.
    pub train_labels: Option<&'a Path>,
    /// The split that index days are drawn from where there is no label file: test, or validation to choose by.
    pub split: Split,
    /// Names and files of other models' scores for the same rows.
    pub beside: &'a [(String, PathBuf)],
    /// Bootstrap draws of patients.
    pub draws: usize,
    pub seed: u64,
}

/// Index days per patient where they are drawn here.
const DRAWN_PER_PATIENT: usize = 12;
/// Charts that are asked about together.
const BATCH: usize = 64;
/// Training events below which no regression is fitted for an outcome.
const LEAST_TRAINING_EVENTS: usize = 20;
/// Ridge and passes of the regression. The ridge was chosen on validation patients among 10, 30, 100, 300 and 1000;
/// passes beyond 40 changed nothing there.
const RIDGE: f64 = 1000.0;
const PASSES: usize = 60;

/// Who was asked about.
#[derive(Clone, Debug, Serialize)]
pub struct Population {
    /// File name of the labels, or that they are our own.
    pub labels: String,
    pub patients: usize,
    pub rows: usize,
    /// Patients by the split that the dataset gives them.
    pub splits: BTreeMap<Split, usize>,
    pub lines_without_patient: usize,
}

/// All that was found. `evaluation.json` is this.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    pub notice: &'static str,
    /// Name and content hash of the model.
    pub model: String,
    /// SHA-256 of the dataset's shards.
    pub dataset: String,
    pub test: Population,
    pub training: Population,
    pub draws: usize,
    pub seed: u64,
    pub means: Vec<Mean>,
    pub controls: Vec<Control>,
    pub subgroups: Vec<Subgroup>,
    pub tasks: Vec<Task>,
    /// Other models on the same rows.
    pub beside: Vec<Beside>,
    /// Foreign labels against our own, by column.
    pub label_agreement: BTreeMap<String, Agreement>,
}

/// Stands at the head of everything that shows these figures.
pub const NOTICE: &str = "These figures were made with synthetic patients. They show that the machinery works; \
                          they say nothing about real patients or about medicine.";

/// Judges a model on a dataset.
pub fn evaluate(
    subject: Subject<'_>,
    dataset: &Dataset,
    plan: &Plan<'_>,
    progress: &ProgressBar,
) -> anyhow::Result<Evaluation> {
    let others = plan.beside.iter().map(|(name, path)| beside::Scores::open(name, path));
    let others: Vec<_> = others.collect::<anyhow::Result<_>>()?;
    let test = open(plan.labels)?;
    let train = open(plan.train_labels)?;
    let known = match (&test, &train) {
        (None, None) => Default::default(),
        _ => identities(&dataset.folder.join("identity.csv"))?,
    };
    let drawn = |split| Source::Drawn { split, per_patient: DRAWN_PER_PATIENT, seed: plan.seed };
    let test_source = test.as_ref().map_or(drawn(plan.split), |file| Source::File(file, &known));
    let train_source = train.as_ref().map_or(drawn(Split::Train), |file| Source::File(file, &known));
    progress.set_message("asking the model about test patients");
    let (panel, asked) = ask(subject, dataset, &test_source, progress)?;
    if let Some((split, patients)) =
        panel.splits.iter().find(|(split, _)| matches!(split, Split::Train | Split::Calibration))
    {
        bail!(
            "{patients} patients of the labels are of the {} split, which the model was fitted on; give labels of test patients",
            split.as_str()
        );
    }
    progress.set_message("reading training patients");
    progress.set_position(0);
    let mut counts = SparseRows::new(width(subject.vocabulary));
    let train_panel =
        gather(dataset, subject.vocabulary, subject.phenotypes, &train_source, progress, |row, chart| {
            counts.push(cells(row, &chart, subject.vocabulary));
            Ok(())
        })?;
    let trained_on: HashSet<_> = train_panel.keys.iter().collect();
    if panel.keys.iter().any(|key| trained_on.contains(key)) {
        bail!("a test patient is also a training patient: the labels or the dataset's splits are mixed up");
    }
    let scores = scores(subject, &panel, asked, &train_panel, &counts, progress)?;
    progress.set_message("drawing patients again and again");
    let draws = patient_draws(panel.keys.len(), plan.draws, &mut ChaCha8Rng::seed_from_u64(plan.seed));
    let judged = judge(&panel, scores, &draws, progress);
    Ok(Evaluation {
        notice: NOTICE,
        model: subject.oracle.identity().to_owned(),
        dataset: dataset.sha256.clone(),
        test: population(plan.labels, &panel),
        training: population(plan.train_labels, &train_panel),
        draws: plan.draws,
        seed: plan.seed,
        means: means(&judged),
        controls: controls(&judged),
        subgroups: subgroups(&panel, &judged, &draws),
        beside: beside::compare(&others, &panel, &judged, &draws)?,
        tasks: judged.into_iter().map(|one| one.task).collect(),
        label_agreement: agreement(&panel, &train_panel),
    })
}

fn open(path: Option<&Path>) -> anyhow::Result<Option<LabelFile>> {
    path.map(LabelFile::open).transpose()
}

/// The comparison over test and training rows together.
fn agreement(test: &Panel, train: &Panel) -> BTreeMap<String, Agreement> {
    let mut all = test.agreement.clone();
    for (column, found) in &train.agreement {
        all.entry(column.clone()).or_default().add(found);
    }
    all
}

fn population(labels: Option<&Path>, panel: &Panel) -> Population {
    let file = labels.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    Population {
        labels: file.unwrap_or_else(|| "drawn from the dataset".into()),
        patients: panel.keys.len(),
        rows: panel.rows.len(),
        splits: panel.splits.clone(),
        lines_without_patient: panel.lines_without_patient,
    }
}

/// What asking gave, by row: the model's risks in the order of its outcomes, and the plain counts.
struct Asked {
    risks: Vec<Vec<f64>>,
    counts: SparseRows,
}

/// Asks the model about every row, in batches.
fn ask(
    subject: Subject<'_>,
    dataset: &Dataset,
    source: &Source<'_>,
    progress: &ProgressBar,
) -> anyhow::Result<(Panel, Asked)> {
    let mut asked = Asked { risks: Vec::new(), counts: SparseRows::new(width(subject.vocabulary)) };
    let mut waiting: Vec<Question> = Vec::new();
    let panel = gather(dataset, subject.vocabulary, subject.phenotypes, source, progress, |row, chart| {
        asked.counts.push(cells(row, &chart, subject.vocabulary));
        waiting.push(question(chart));
        if waiting.len() == BATCH {
            answer(subject.oracle, &mut waiting, &mut asked.risks)?;
        }
        Ok(())
    })?;
    answer(subject.oracle, &mut waiting, &mut asked.risks)?;
    Ok((panel, asked))
}

fn question(chart: EncodedChart) -> Question {
    Question { chart: Arc::new(chart), explain: Arc::from([]), max_explained: 0 }
}

fn answer(oracle: &dyn Oracle, waiting: &mut Vec<Question>, risks: &mut Vec<Vec<f64>>) -> anyhow::Result<()> {
    let answers = oracle.answer(waiting);
    if answers.len() != waiting.len() {
        bail!("the model gave {} answers to {} questions", answers.len(), waiting.len());
    }
    for answer in answers {
        let row: Vec<f64> = answer.risks.iter().map(|risk| risk.risk).collect();
        if row.len() != oracle.outcomes().len() || row.iter().any(|risk| !(0.0..=1.0).contains(risk)) {
            bail!("the model gave no probability for one of its outcomes");
        }
        risks.push(row);
    }
    waiting.clear();
    Ok(())
}

/// Scores of the model and both baselines, for every target that the model answers for.
fn scores(
    subject: Subject<'_>,
    panel: &Panel,
    asked: Asked,
    train: &Panel,
    train_counts: &SparseRows,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<(usize, Outcome, Scores)>> {
    progress.set_message("fitting the regression on counts");
    progress.set_position(0);
    let enough =
        |labels: &[Option<bool>]| labels.iter().filter(|&&label| label == Some(true)).count() >= LEAST_TRAINING_EVENTS;
    let fitted: Vec<usize> = (0..panel.targets.len()).filter(|&i| enough(&train.targets[i].after_gap)).collect();
    let labels: Vec<&[Option<bool>]> = fitted.iter().map(|&i| train.targets[i].after_gap.as_slice()).collect();
    let effort = Effort { ridge: RIDGE, free_columns: PLAIN_COLUMNS, passes: PASSES };
    let regression = Regression::fit(train_counts, &labels, effort, progress);
    let regressed: Vec<Vec<f64>> =
        (0..asked.counts.len()).into_par_iter().map(|row| regression.risks(asked.counts.row(row))).collect();
    let mut all = Vec::new();
    for (index, target) in panel.targets.iter().enumerate() {
        let name = &subject.phenotypes.outcomes[target.outcome].0;
        let place = subject
            .oracle
            .outcomes()
            .iter()
            .position(|outcome| *outcome.phenotype == **name && outcome.horizon_days == target.horizon_days);
        let place = place.with_context(|| format!("the model has no answer for `{name}`"))?;
        let rows = train.rows.iter().zip(&train.targets[index].after_gap);
        let table = AgeSexTable::fit(rows.filter_map(|(row, label)| Some((row.age_years(), row.sex, (*label)?))));
        let column = fitted.iter().position(|&fitted| fitted == index);
        let scores = Scores {
            model: asked.risks.iter().map(|row| row[place]).collect(),
            age_sex: panel.rows.iter().map(|row| table.rate(row.age_years(), row.sex)).collect(),
            regression: column.map(|column| regressed.iter().map(|row| row[column]).collect()),
        };
        all.push((index, subject.oracle.outcomes()[place].clone(), scores));
    }
    Ok(all)
}

/// Judges every target, several at once.
fn judge<'a>(
    panel: &'a Panel,
    scores: Vec<(usize, Outcome, Scores)>,
    draws: &[Vec<u16>],
    progress: &ProgressBar,
) -> Vec<Judged<'a>> {
    progress.set_length(scores.len() as u64);
    progress.set_position(0);
    scores
        .into_par_iter()
        .map(|(index, outcome, scores)| {
            let target = &panel.targets[index];
            let (task, drawn) = Task::judge(panel, target, &outcome, &scores, draws);
            progress.inc(1);
            Judged { target, scores, task, drawn }
        })
        .collect()
}
