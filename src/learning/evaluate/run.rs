//! One evaluation from dataset and labels to all figures.
//!
//! Owns the order of the steps: ask the model about every test row, fit both baselines on training rows, judge.
//! Refuses test patients that are also among the training rows.

use super::agreement::Agreement;
use super::ask::{Asker, Reading, Said};
use super::audit::Audit;
use super::beside::{self, Beside};
use super::cohort::Draw;
use super::counts::{SparseRows, cells, width};
use super::figures::{Scores, Task};
use super::labels::{LabelFile, identities};
use super::metrics::patient_draws;
use super::pairs::{JudgedPair, judge_pairs};
use super::panel::{Panel, Source, Target, WHOLE_LIFE, gather};
use super::plain::{Fitting, Plain, plain};
use super::promises::{Promise, promises};
use super::stress::{Asked, Stressed, stress};
use super::subgroups::{Subgroup, subgroups};
use super::summary::{Calibrated, Control, Judged, Mean, Worthwhile, calibrated, controls, means, worthwhile};
use crate::learning::shard::{Dataset, Split};
use crate::prediction::answer::Oracle;
use crate::prediction::model::Outcome;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Vocabulary;
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

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
    /// Another site: nothing is fitted, and the averages of age and sex are the package's own.
    pub foreign: bool,
    /// Alterations of the charts to ask about as well.
    pub altered: &'a [Asked],
    /// Bootstrap draws of patients.
    pub draws: usize,
    pub seed: u64,
}

/// Index days per patient where they are drawn here.
const DRAWN_PER_PATIENT: usize = 12;
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
    /// `None` at another site: nothing was fitted here.
    pub training: Option<Population>,
    pub reading: Reading,
    pub draws: usize,
    pub seed: u64,
    pub means: Vec<Mean>,
    pub calibrated: Vec<Calibrated>,
    pub worthwhile: Vec<Worthwhile>,
    pub controls: Vec<Control>,
    pub subgroups: Vec<Subgroup>,
    pub tasks: Vec<Task>,
    /// The model on altered charts.
    pub stressed: Vec<Stressed>,
    /// False-alert thresholds on these rows.
    pub promises: Vec<Promise>,
    /// Outcomes after a discharge or the start of a drug; empty where the package has no pairs.
    pub pairs: Vec<JudgedPair>,
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
    let drawn = |split| Source::Drawn { split, draw: Draw::even(DRAWN_PER_PATIENT, WHOLE_LIFE), seed: plan.seed };
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
    let trained = if plan.foreign { None } else { Some(training(subject, dataset, &train_source, &panel, progress)?) };
    let scores = scores(subject, &panel, &asked, trained.as_ref(), progress)?;
    progress.set_message("drawing patients again and again");
    let draws = patient_draws(panel.keys.len(), plan.draws, &mut ChaCha8Rng::seed_from_u64(plan.seed));
    let audit = Audit::open(&dataset.folder.join("audit.csv"))?;
    let judged = judge(subject.phenotypes, &panel, scores, &draws, progress);
    Ok(Evaluation {
        notice: NOTICE,
        model: subject.oracle.identity().to_owned(),
        dataset: dataset.sha256.clone(),
        test: population(plan.labels, &panel),
        training: trained.as_ref().map(|trained| population(plan.train_labels, &trained.panel)),
        reading: Reading::of(&asked.said),
        draws: plan.draws,
        seed: plan.seed,
        means: means(&judged),
        calibrated: calibrated(&panel, &judged, &draws),
        worthwhile: worthwhile(&judged),
        controls: controls(&judged),
        subgroups: subgroups(&panel, &judged, audit.as_ref(), &draws),
        stressed: stress(subject, dataset, &panel, plan.altered, &draws, progress)?,
        promises: promises(subject, &panel, &judged, &draws)?,
        pairs: judge_pairs(subject, dataset, (&panel.keys, &draws), plan.seed, progress)?,
        beside: beside::compare(&others, &panel, &judged, &draws)?,
        tasks: judged.into_iter().map(|one| one.task).collect(),
        label_agreement: agreement(&panel, trained.as_ref().map(|trained| &trained.panel)),
    })
}

fn open(path: Option<&Path>) -> anyhow::Result<Option<LabelFile>> {
    path.map(LabelFile::open).transpose()
}

/// The comparison over test and training rows together.
fn agreement(test: &Panel, train: Option<&Panel>) -> BTreeMap<String, Agreement> {
    let mut all = test.agreement.clone();
    for (column, found) in train.iter().flat_map(|train| &train.agreement) {
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

/// What asking gave, by row: the model's answers, and the plain counts.
struct Answered {
    said: Said,
    counts: SparseRows,
}

/// Asks the model about every row.
fn ask(
    subject: Subject<'_>,
    dataset: &Dataset,
    source: &Source<'_>,
    progress: &ProgressBar,
) -> anyhow::Result<(Panel, Answered)> {
    let mut counts = SparseRows::new(width(subject.vocabulary));
    let mut asker = Asker::new(subject.oracle, subject.vocabulary);
    let panel = gather(dataset, subject.vocabulary, subject.phenotypes, source, progress, |row, chart| {
        counts.push(cells(row, &chart, subject.vocabulary));
        asker.ask(chart)
    })?;
    Ok((panel, Answered { said: asker.finish()?, counts }))
}

/// Scores of the model and both baselines, for every target that the model answers for.
fn scores(
    subject: Subject<'_>,
    panel: &Panel,
    asked: &Answered,
    trained: Option<&Trained>,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<(usize, Outcome, Scores)>> {
    progress.set_message("fitting the regression on counts");
    progress.set_position(0);
    let mut fitted = trained.map(|trained| plain(panel, &asked.counts, trained.fitting(), progress).into_iter());
    let mut all = Vec::new();
    for (index, target) in panel.targets.iter().enumerate() {
        let place = subject.place(target)?;
        let fitted = fitted.as_mut().and_then(Iterator::next);
        let Plain { age_sex, regression, served_age_sex, served_regression } =
            fitted.unwrap_or_else(|| Plain::of_package(asked.said.baseline(place)));
        let model = asked.said.outcome(place);
        let scores = Scores { model, age_sex, regression, served_age_sex, served_regression };
        all.push((index, subject.oracle.outcomes()[place].clone(), scores));
    }
    Ok(all)
}

impl Subject<'_> {
    /// Where the model answers for a target.
    pub fn place(&self, target: &Target) -> anyhow::Result<usize> {
        let name = &self.phenotypes.outcomes[target.outcome].0;
        let same = |outcome: &Outcome| *outcome.phenotype == **name && outcome.horizon_days == target.horizon_days;
        let place = self.oracle.outcomes().iter().position(same);
        place.with_context(|| format!("the model has no answer for `{name}`"))
    }
}

/// Training rows, for the baselines.
struct Trained {
    panel: Panel,
    counts: SparseRows,
}

impl Trained {
    fn fitting(&self) -> Fitting<'_> {
        Fitting { panel: &self.panel, counts: &self.counts }
    }
}

/// Reads the training rows; refuses test patients among them.
fn training(
    subject: Subject<'_>,
    dataset: &Dataset,
    source: &Source<'_>,
    test: &Panel,
    progress: &ProgressBar,
) -> anyhow::Result<Trained> {
    progress.set_message("reading training patients");
    progress.set_position(0);
    let mut counts = SparseRows::new(width(subject.vocabulary));
    let panel = gather(dataset, subject.vocabulary, subject.phenotypes, source, progress, |row, chart| {
        counts.push(cells(row, &chart, subject.vocabulary));
        Ok(())
    })?;
    let trained_on: HashSet<_> = panel.keys.iter().collect();
    if test.keys.iter().any(|key| trained_on.contains(key)) {
        bail!("a test patient is also a training patient: the labels or the dataset's splits are mixed up");
    }
    Ok(Trained { panel, counts })
}

/// Judges every target, several at once.
fn judge<'a>(
    phenotypes: &Phenotypes,
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
            let recurrent = !phenotypes.outcomes[target.outcome].1.first_only;
            let (task, drawn) = Task::judge(panel, target, (&outcome, recurrent), &scores, draws);
            progress.inc(1);
            Judged { target, scores, threshold: outcome.alert_threshold, task, drawn }
        })
        .collect()
}
