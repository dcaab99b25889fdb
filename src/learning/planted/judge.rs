//! A model held against the truth: how far from the best that can be known, how far each risk from the true one, and
//! what it makes of a drug about to be begun.
//!
//! Owns these figures. The AUROC of the true probability on the same rows is the Bayes limit: nothing that reads the
//! record ranks better, but for the luck of these rows. What a model says when a drug is drafted is an association;
//! here, and only here, the effect is known and the two can be compared.

use super::asked::{Asked, Subject, ask};
use super::held::{Held, Trial};
use super::plant::NOTICE;
use super::scores::Scores;
use super::world::Drug;
use crate::learning::evaluate::labels::{LabelFile, identities};
use crate::learning::evaluate::metrics::{interval, patient_draws};
use crate::learning::shard::Dataset;
use crate::prediction::phenotype::Group;
use indicatif::ProgressBar;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

/// Outcomes with fewer events are left out of means.
pub const LEAST_EVENTS: usize = 20;

/// What the model is judged by.
pub struct Case<'a> {
    pub truth: &'a Scores,
    pub labels: &'a LabelFile,
    /// Other models by name.
    pub beside: &'a [(String, Scores)],
    /// Bootstrap draws of patients.
    pub draws: usize,
    pub seed: u64,
}

/// `judgement.json`
#[derive(Clone, Debug, Serialize)]
pub struct Judgement {
    pub notice: &'static str,
    /// Name and content hash of the model.
    pub model: String,
    /// SHA-256 of the dataset's shards.
    pub dataset: String,
    pub patients: usize,
    pub rows: usize,
    pub draws: usize,
    pub seed: u64,
    pub means: Vec<Mean>,
    pub tasks: Vec<Task>,
    pub what_if: Vec<Change>,
}

/// One outcome within one horizon.
#[derive(Clone, Debug, Serialize)]
pub struct Task {
    pub outcome: String,
    pub title: String,
    pub group: Group,
    pub horizon_days: u32,
    /// Rows at risk after the gap, followed up.
    pub rows: usize,
    pub events: usize,
    /// Mean true probability after the gap on these rows, to be held beside `events / rows`.
    pub true_mean: f64,
    /// AUROC of the true probability after the gap; `None` without both events and others.
    pub limit: Option<f64>,
    /// The model, then those beside it.
    pub models: Vec<Held>,
}

/// Means over outcomes that are no controls and have [`LEAST_EVENTS`].
#[derive(Clone, Debug, Serialize)]
pub struct Mean {
    pub name: String,
    pub tasks: usize,
    pub limit: f64,
    pub auroc: f64,
    pub from_limit: f64,
    pub interval: Option<(f64, f64)>,
    pub calibration_error: Option<f64>,
}

/// What a model's risk does when a drug is drafted, beside what beginning it truly does.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    pub drug: &'static str,
    pub outcome: String,
    pub horizon_days: u32,
    pub rows: usize,
    /// Mean true change, an effect.
    pub effect: f64,
    /// Mean change of the model's risk, an association.
    pub association: f64,
    /// Mean of association minus effect.
    pub bias: f64,
    /// Mean absolute distance of the two, row by row.
    pub error: f64,
    /// Share of rows where both point the same way, among those with an effect of 0.005 or more.
    pub same_direction: Option<f64>,
}

/// Judges a model on a world's rows.
pub fn judge(
    subject: Subject<'_>,
    dataset: &Dataset,
    case: &Case<'_>,
    progress: &ProgressBar,
) -> anyhow::Result<Judgement> {
    let identities = identities(&dataset.folder.join("identity.csv"))?;
    let rows = ask(subject, dataset, case.labels, &identities, case.truth, progress)?;
    let patients = rows.last().map_or(0, |row| row.patient as usize + 1);
    let draws = patient_draws(patients, case.draws, &mut ChaCha8Rng::seed_from_u64(case.seed));
    progress.set_message("judging");
    let outcomes = subject.oracle.outcomes();
    let tasks = (0..outcomes.len()).into_par_iter().map(|place| task(subject, case, &rows, place, &draws));
    let tasks: Vec<Task> = tasks.collect::<anyhow::Result<_>>()?;
    let changes = |drug: usize| (0..outcomes.len()).map(move |place| (drug, place));
    let what_if = (0..Drug::ALL.len()).flat_map(changes);
    Ok(Judgement {
        notice: NOTICE,
        model: subject.oracle.identity().to_owned(),
        dataset: dataset.sha256.clone(),
        patients,
        rows: rows.len(),
        draws: case.draws,
        seed: case.seed,
        means: means(&tasks, case.draws),
        what_if: what_if.filter_map(|(drug, place)| change(subject, case, &rows, drug, place)).collect(),
        tasks,
    })
}

fn task(
    subject: Subject<'_>,
    case: &Case<'_>,
    rows: &[Asked],
    place: usize,
    draws: &[Vec<u16>],
) -> anyhow::Result<Task> {
    let outcome = &subject.oracle.outcomes()[place];
    let trial = Trial::new(outcome, case.truth, case.labels, rows)?;
    let mut models = vec![trial.ours(place, draws)?];
    for (name, scores) in case.beside {
        models.push(trial.other(name, scores, draws)?);
    }
    let (rows, events) = trial.counts();
    Ok(Task {
        outcome: outcome.phenotype.to_string(),
        title: outcome.title.clone(),
        group: outcome.group,
        horizon_days: outcome.horizon_days,
        rows,
        events,
        true_mean: trial.true_mean(),
        limit: trial.limit(),
        models,
    })
}

/// The mean over counted outcomes, for every model that has them all.
fn means(tasks: &[Task], draws: usize) -> Vec<Mean> {
    let counted: Vec<&Task> = tasks
        .iter()
        .filter(|task| task.group != Group::Control && task.events >= LEAST_EVENTS && task.limit.is_some())
        .collect();
    let n = counted.len() as f64;
    let models = counted.first().map_or(0, |task| task.models.len());
    let mean = |model: usize| {
        let held = || counted.iter().map(move |task| &task.models[model]);
        let of = |value: &dyn Fn(&Held) -> Option<f64>| Some(held().map(value).sum::<Option<f64>>()? / n);
        let drawn = |draw: usize| of(&|held| held.drawn[draw]);
        Some(Mean {
            name: held().next()?.name.clone(),
            tasks: counted.len(),
            limit: counted.iter().filter_map(|task| task.limit).sum::<f64>() / n,
            auroc: of(&|held| held.auroc)?,
            from_limit: of(&|held| held.from_limit)?,
            interval: interval((0..draws).map(drawn)),
            calibration_error: of(&|held| held.calibration_error),
        })
    };
    (0..models).filter_map(mean).collect()
}

fn change(subject: Subject<'_>, case: &Case<'_>, rows: &[Asked], drug: usize, place: usize) -> Option<Change> {
    let outcome = &subject.oracle.outcomes()[place];
    let column = format!("{}@{}+0", outcome.phenotype, outcome.horizon_days);
    let word = Drug::ALL[drug].word();
    let started = format!("start {}:{column}", word.code);
    let pairs: Vec<(f64, f64)> = rows
        .iter()
        .filter_map(|row| {
            let effect = case.truth.get(&row.who, &started)? - case.truth.get(&row.who, &column)?;
            Some((effect, row.drafted[drug].as_ref()?[place] - row.risks[place]))
        })
        .collect();
    let n = (!pairs.is_empty()).then_some(pairs.len() as f64)?;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let clear: Vec<&(f64, f64)> = pairs.iter().filter(|pair| pair.0.abs() >= 0.005).collect();
    let same = clear.iter().filter(|pair| pair.0 * pair.1 > 0.0).count() as f64;
    Some(Change {
        drug: word.display,
        outcome: outcome.phenotype.to_string(),
        horizon_days: outcome.horizon_days,
        rows: pairs.len(),
        effect: mean(&|pair| pair.0),
        association: mean(&|pair| pair.1),
        bias: mean(&|pair| pair.1 - pair.0),
        error: mean(&|pair| (pair.1 - pair.0).abs()),
        same_direction: (!clear.is_empty()).then(|| same / clear.len() as f64),
    })
}
