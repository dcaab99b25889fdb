//! Few labels, new outcomes: what a reader's state knows of an outcome that it was never taught.
//!
//! [`subject`] says whose state and which outcomes, [`value_set`] makes an outcome of a list of codes; [`draw`] chooses
//! the labelled training patients; [`states`] reads their states and those of the judged rows; [`ridge`] fits a few
//! labels; [`judge`] says how well that does and compares; [`report`] writes it down. Index days are those that
//! [`super::export`] writes, so that any other model can learn from the same patients on the same days. Weights of the
//! reader are never moved.

pub mod draw;
pub mod judge;
pub mod report;
pub mod ridge;
pub mod states;
pub mod subject;
pub mod value_set;

use self::draw::{Draw, draws, task_name};
use self::judge::{At, Case, Judged, judge};
use self::states::{Scale, States};
use self::subject::Subject;
use super::evaluate::beside::{Drawn, Pair, Scores};
use super::evaluate::figures::LEAST_EVENTS;
use super::evaluate::metrics::patient_draws;
use super::evaluate::panel::{Panel, Target, gather};
use super::evaluate::run::NOTICE;
use super::export::IndexDays;
use super::shard::{Dataset, Split};
use crate::prediction::phenotype::Phenotypes;
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Training patients on whom the scale of the state is measured, without a look at their labels.
const SCALE_PATIENTS: usize = 2_000;

/// What was drawn, in the folder of a probe.
pub const DRAWS: &str = "draws.csv";

/// How it is done.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// Whose rows are judged.
    pub split: Split,
    /// Labels per outcome, one or several numbers.
    pub labels: &'a [usize],
    /// Draws of each.
    pub repeats: usize,
    /// Names and files of other models' scores on the same draws.
    pub beside: &'a [(String, PathBuf)],
    /// Bootstrap draws of patients.
    pub draws: usize,
    pub seed: u64,
}

/// One outcome within one horizon.
#[derive(Clone, Debug, Serialize)]
pub struct Task {
    pub outcome: String,
    pub title: String,
    pub horizon_days: u32,
    /// Taught outcomes that count the same codes: what the state was told of them it was told of this one.
    pub taught: Vec<String>,
    /// Judged rows and events among them.
    pub rows: usize,
    pub events: usize,
    /// Training patients with an event to draw from.
    pub training_patients_with_event: usize,
    /// By number of labels; empty where events are too few.
    pub at: Vec<At>,
}

/// The mean over all judged tasks.
#[derive(Clone, Debug, Serialize)]
pub struct Mean {
    pub labels: usize,
    pub tasks: usize,
    pub other: String,
    /// Tasks in which ours is higher.
    pub above: usize,
    pub auroc: Pair,
}

/// All that was found. `probe.json` is this.
#[derive(Clone, Debug, Serialize)]
pub struct Probed {
    pub notice: &'static str,
    pub model: String,
    /// Outcomes that training left out.
    pub left_out: Vec<String>,
    pub dataset: String,
    pub split: Split,
    pub patients: usize,
    pub width: usize,
    pub repeats: usize,
    pub draws: usize,
    pub seed: u64,
    pub means: Vec<Mean>,
    pub tasks: Vec<Task>,
}

/// Draws labels, writes them into `out`, probes, and judges.
pub fn probe(
    subject: &Subject,
    dataset: &Dataset,
    phenotypes: &Phenotypes,
    plan: &Plan<'_>,
    out: &Path,
    progress: &ProgressBar,
) -> anyhow::Result<Probed> {
    if matches!(plan.split, Split::Train) {
        bail!("training patients are labelled; judge on validation or test patients");
    }
    let others = plan.beside.iter().map(|(name, path)| Scores::open(name, path));
    let others: Vec<Scores> = others.collect::<anyhow::Result<_>>()?;
    let days = IndexDays::drawn(plan.seed);
    let panel = |split: Split| {
        progress.set_message(format!("index days of the {} split", split.as_str()));
        progress.set_position(0);
        gather(dataset, &subject.vocabulary, phenotypes, &days.source(split), progress, |_, _| Ok(()))
            .with_context(|| format!("the {} split", split.as_str()))
    };
    let (train, judged) = (panel(Split::Train)?, panel(plan.split)?);
    let mut tasks = tasks(subject, phenotypes, &train, &judged);
    let drawn: Vec<Vec<Draw>> = tasks
        .iter()
        .zip(&train.targets)
        .map(|(task, target)| {
            let name = task_name(&task.outcome, task.horizon_days);
            draws(&train, target, &name, plan.labels, if task.can_be_judged() { plan.repeats } else { 0 }, plan.seed)
        })
        .collect();
    std::fs::create_dir_all(out).with_context(|| format!("`{}` cannot be made", out.display()))?;
    let each = tasks.iter().zip(&drawn);
    let each = each.flat_map(|(task, all)| all.iter().map(|draw| (task.outcome.as_str(), task.horizon_days, draw)));
    draw::write(&out.join(DRAWS), &train, each)?;
    if drawn.iter().all(Vec::is_empty) {
        bail!(
            "no outcome has {LEAST_EVENTS} events among the judged rows and a training patient with it: nothing can be \
             judged; take more patients or commoner outcomes"
        );
    }
    let (train_states, states) = read_states(subject, dataset, (&train, &judged), &drawn, plan.seed, progress)?;
    progress.set_message("fitting and judging");
    progress.set_length(tasks.len() as u64);
    progress.set_position(0);
    let patients = patient_draws(judged.keys.len(), plan.draws, &mut ChaCha8Rng::seed_from_u64(plan.seed));
    let case = Case { train: &train_states, states: &states, panel: &judged, others: &others, patients: &patients };
    let mut compared = Vec::new();
    for ((task, target), draws) in tasks.iter_mut().zip(&judged.targets).zip(&drawn) {
        progress.inc(1);
        if draws.is_empty() {
            continue;
        }
        let name = task_name(&task.outcome, task.horizon_days);
        if let Some(Judged { at, drawn }) = judge(&case, target, &name, draws)? {
            task.at = at;
            compared.push(drawn);
        }
    }
    Ok(Probed {
        notice: NOTICE,
        model: subject.name.clone(),
        left_out: subject.left_out.clone(),
        dataset: dataset.sha256.clone(),
        split: plan.split,
        patients: judged.keys.len(),
        width: states.width,
        repeats: plan.repeats,
        draws: plan.draws,
        seed: plan.seed,
        means: means(&tasks, &compared),
        tasks,
    })
}

impl Task {
    /// Events enough among the judged rows, and somebody to learn from.
    fn can_be_judged(&self) -> bool {
        self.events >= LEAST_EVENTS && self.training_patients_with_event > 0
    }
}

/// Every outcome and horizon, not judged yet.
fn tasks(subject: &Subject, phenotypes: &Phenotypes, train: &Panel, judged: &Panel) -> Vec<Task> {
    let taught = subject.taught_of(phenotypes);
    let task = |(of_train, target): (&Target, &Target)| {
        let (outcome, phenotype) = &phenotypes.outcomes[target.outcome];
        let happened = of_train.after_gap.iter().enumerate().filter(|(_, label)| **label == Some(true));
        let with_event: BTreeSet<u32> = happened.map(|(row, _)| train.rows[row].patient).collect();
        Task {
            outcome: outcome.clone(),
            title: phenotype.title.clone(),
            horizon_days: target.horizon_days,
            taught: taught[target.outcome].clone(),
            rows: target.after_gap.iter().flatten().count(),
            events: target.after_gap.iter().flatten().filter(|&&event| event).count(),
            training_patients_with_event: with_event.len(),
            at: Vec::new(),
        }
    };
    train.targets.iter().zip(&judged.targets).map(task).collect()
}

/// Scaled states of the labelled training rows and of all judged rows with a label.
fn read_states(
    subject: &Subject,
    dataset: &Dataset,
    (train, judged): (&Panel, &Panel),
    drawn: &[Vec<Draw>],
    seed: u64,
    progress: &ProgressBar,
) -> anyhow::Result<(States, States)> {
    let measured = one_row_each(train, seed);
    let mut wanted: BTreeSet<usize> =
        drawn.iter().flatten().flat_map(|draw| draw.rows.iter().map(|row| row.0)).collect();
    wanted.extend(&measured);
    progress.set_message("states of training patients");
    let train = States::read(subject, dataset, train, &wanted.into_iter().collect::<Vec<_>>(), progress)?;
    let asked: Vec<usize> = (0..judged.rows.len())
        .filter(|&row| {
            let judged = judged.targets.iter().zip(drawn).filter(|(_, draws)| !draws.is_empty());
            judged.into_iter().any(|(target, _)| target.after_gap[row].is_some())
        })
        .collect();
    progress.set_message("states of the judged patients");
    let judged = States::read(subject, dataset, judged, &asked, progress)?;
    let scale = Scale::of(&train, &measured);
    Ok((train.scaled(&scale), judged.scaled(&scale)))
}

/// One row of each of some patients.
fn one_row_each(panel: &Panel, seed: u64) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rows: Vec<usize> = (0..panel.rows.len()).collect();
    let by_patient = rows.chunk_by(|&a, &b| panel.rows[a].patient == panel.rows[b].patient);
    let mut one_each: Vec<usize> = by_patient.filter_map(|rows| rows.choose(&mut rng).copied()).collect();
    one_each.shuffle(&mut rng);
    one_each.truncate(SCALE_PATIENTS);
    one_each
}

/// Means over the judged tasks, for every number of labels and every other. `compared[task][size][other]`.
fn means(tasks: &[Task], compared: &[Vec<Vec<Drawn>>]) -> Vec<Mean> {
    let mut all = Vec::new();
    let Some(first) = tasks.iter().find(|task| !task.at.is_empty()) else { return all };
    for (size, at) in first.at.iter().enumerate() {
        for (place, other) in at.others.iter().enumerate() {
            let each: Vec<&Drawn> = compared.iter().map(|sizes| &sizes[size][place]).collect();
            let above = each.iter().filter(|drawn| drawn.here.0 > drawn.here.1).count();
            if let Some(auroc) = Drawn::mean(&each).and_then(|mean| mean.pair()) {
                all.push(Mean { labels: at.labels, tasks: each.len(), other: other.name.clone(), above, auroc });
            }
        }
    }
    all
}
