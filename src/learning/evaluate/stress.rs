//! The model on altered charts beside itself on whole ones: the same rows, labels and draws of patients.
//!
//! Owns which alterations are asked about and how much each costs. Baselines are not asked: the question is what
//! the model loses, and whether it falls silent where it loses.

use super::altered::{Alteration, AlteredShard};
use super::ask::{Asker, Said};
use super::figures::{Estimate, LEAST_EVENTS};
use super::metrics::{Ranking, interval};
use super::panel::{Panel, Target};
use super::run::Subject;
use crate::learning::life::ShardReader;
use crate::learning::shard::Dataset;
use crate::learning::truncate::{Sent, Truncation};
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Index days per patient that are asked about again: each alteration costs as much as the evaluation itself.
pub const DAYS_PER_PATIENT: usize = 3;

/// What kind of question an alteration answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Does it survive a bad record?
    Robustness,
    /// What does each of our prefetch templates bring?
    Prefetch,
    /// How much of a life does it need?
    LookBack,
}

/// One alteration and what it is called.
#[derive(Clone, Debug)]
pub struct Asked {
    pub question: Question,
    pub name: String,
    pub alteration: Alteration,
}

/// What an alteration costs.
#[derive(Clone, Debug, Serialize)]
pub struct Stressed {
    pub question: Question,
    pub name: String,
    /// Accepted outcomes with enough events in these rows.
    pub outcomes: usize,
    /// Mean AUROC on altered charts, and minus that on whole ones.
    pub auroc: Option<Estimate>,
    pub above_whole: Option<Estimate>,
    /// Share of rows about which the model falls silent, by reason.
    pub silent: BTreeMap<&'static str, f64>,
    /// Of whole charts: entries and numbers that are left.
    pub entries_left: f64,
    pub numbers_left: f64,
    /// Entries with a code that the vocabulary does not know, of those that are left.
    pub unknown: f64,
    /// Over all rows and accepted outcomes: the largest change of a risk, and the mean.
    pub largest_change: f64,
    pub mean_change: f64,
}

/// The alterations of model robustness.
pub fn robustness() -> Vec<Asked> {
    let ask = |name: &str, alteration| Asked { question: Question::Robustness, name: name.to_owned(), alteration };
    vec![
        ask("10 % of events dropped", Alteration::Dropped(0.1)),
        ask("30 % of events dropped", Alteration::Dropped(0.3)),
        ask("50 % of events dropped", Alteration::Dropped(0.5)),
        ask("20 % of codes renamed, words kept", Alteration::Renamed { share: 0.2, keep_display: true }),
        ask("20 % of codes renamed, words lost", Alteration::Renamed { share: 0.2, keep_display: false }),
        ask("other units of the same quantity", Alteration::OtherUnits),
        ask("masses sent as amounts (mmol/L)", Alteration::MassesAsAmounts),
        ask("labs known 30 days later", Alteration::LateLabs(30)),
        ask("each day in another order", Alteration::Shuffled),
    ]
}

/// Resources on one page of a search, newest first.
const PAGES: [usize; 6] = [10, 20, 50, 100, 250, 1000];
const YEARS: [i32; 4] = [1, 2, 5, 10];

/// Charts cut to what templates fetch (`templates`: the cut of all of them, and that of each by its resource type),
/// to a first page of each, and to the last years.
pub fn as_prefetched(templates: &[(String, Sent)]) -> Vec<Asked> {
    let ask = |question, name: String, alteration| Asked { question, name, alteration };
    let published = templates.iter().fold(Truncation::of_all(Sent::NOTHING), |all, (name, sent)| all.with(name, *sent));
    let cut = |name: String, truncation| ask(Question::Prefetch, name, Alteration::Cut(Box::new(truncation)));
    let mut all = vec![cut("as published, every page".into(), published.clone())];
    for (name, sent) in templates {
        all.push(cut(format!("without {name}"), published.clone().with(name, Sent::NOTHING)));
        if *sent != Sent::WHOLE {
            all.push(cut(format!("{name} without its limits"), published.clone().with(name, Sent::WHOLE)));
        }
    }
    for page in PAGES {
        let of = |(name, sent): &(String, Sent)| {
            (name.clone(), Sent { newest: Some(sent.newest.map_or(page, |own| own.min(page))), ..*sent })
        };
        let one_page = templates.iter().map(of).fold(published.clone(), |all, (name, sent)| all.with(&name, sent));
        all.push(cut(format!("newest {page} resources of each type"), one_page));
    }
    for years in YEARS {
        let sent = Sent { fetched: true, within_days: Some(years * 1461 / 4), newest: None };
        let name = if years == 1 { "last year".into() } else { format!("last {years} years") };
        all.push(ask(Question::LookBack, name, Alteration::Cut(Box::new(Truncation::of_all(sent)))));
    }
    all
}

/// Asks about the first index days of every patient, whole and under each alteration.
pub fn stress(
    subject: Subject<'_>,
    dataset: &Dataset,
    panel: &Panel,
    asked: &[Asked],
    draws: &[Vec<u16>],
    progress: &ProgressBar,
) -> anyhow::Result<Vec<Stressed>> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let rows = first_days(panel);
    let mut said = ask_all(subject, dataset, panel, &rows, asked, progress)?.into_iter();
    let Some(whole) = said.next() else { return Ok(Vec::new()) };
    let tasks = accepted(subject, panel, &rows)?;
    let whole_aurocs = aurocs(&whole, &tasks, draws);
    Ok(asked
        .iter()
        .zip(said)
        .map(|(asked, said)| compare(asked, (&whole, &whole_aurocs), &said, &tasks, draws))
        .collect())
}

/// Row numbers of each patient's first index days, in the order of the panel.
fn first_days(panel: &Panel) -> Vec<usize> {
    let mut taken: HashMap<u32, usize> = HashMap::new();
    let mut first = |row: &usize| {
        let taken = taken.entry(panel.rows[*row].patient).or_default();
        *taken += 1;
        *taken <= DAYS_PER_PATIENT
    };
    (0..panel.rows.len()).filter(|row| first(row)).collect()
}

/// What the model says of these rows: of whole charts first, then under each alteration.
fn ask_all(
    subject: Subject<'_>,
    dataset: &Dataset,
    panel: &Panel,
    rows: &[usize],
    asked: &[Asked],
    progress: &ProgressBar,
) -> anyhow::Result<Vec<Said>> {
    progress.set_message("asking about altered charts");
    progress.set_length((rows.len() * (asked.len() + 1)) as u64);
    progress.set_position(0);
    let mut by_patient: HashMap<_, Vec<usize>> = HashMap::new();
    for &row in rows {
        by_patient.entry(panel.keys[panel.rows[row].patient as usize]).or_default().push(row);
    }
    let alterations: Vec<&Alteration> =
        std::iter::once(&Alteration::Nothing).chain(asked.iter().map(|asked| &asked.alteration)).collect();
    let mut askers: Vec<Asker<'_>> =
        alterations.iter().map(|_| Asker::new(subject.oracle, subject.vocabulary)).collect();
    for shard in dataset.shards() {
        let shard = shard?;
        let truth = ShardReader::new(&shard, subject.vocabulary, subject.phenotypes);
        let ours: Vec<_> = shard.patients.iter().filter_map(|row| Some((row, by_patient.get(&row.key)?))).collect();
        let outcomes: Vec<_> = ours.iter().map(|(row, _)| truth.outcome_days(row)).collect();
        for (alteration, asker) in alterations.iter().zip(&mut askers) {
            let altered = AlteredShard::new(alteration, &shard);
            let reader = altered.reader(&shard, subject.vocabulary, subject.phenotypes);
            for ((patient, rows), outcomes) in ours.iter().zip(&outcomes) {
                for &row in *rows {
                    let day = panel.rows[row].day;
                    asker.ask(altered.chart(&reader, (&shard, subject.vocabulary), (patient, outcomes), day))?;
                    progress.inc(1);
                }
            }
        }
    }
    askers.into_iter().map(Asker::finish).collect()
}

/// An accepted outcome on the rows that are asked about.
struct Accepted {
    /// Where the model answers for it.
    place: usize,
    /// Row of the asked, patient, event.
    rows: Vec<(usize, u32, bool)>,
}

fn accepted(subject: Subject<'_>, panel: &Panel, rows: &[usize]) -> anyhow::Result<Vec<Accepted>> {
    let counts = |target: &&Target| {
        super::accepted::is_accepted(&subject.phenotypes.outcomes[target.outcome].0, target.horizon_days)
    };
    let some = panel.targets.iter().any(|target| counts(&target));
    let mut all = Vec::new();
    for target in panel.targets.iter().filter(|target| !some || counts(target)) {
        let labelled = rows.iter().enumerate();
        let labelled =
            labelled.filter_map(|(place, &row)| Some((place, panel.rows[row].patient, target.after_gap[row]?)));
        let labelled: Vec<(usize, u32, bool)> = labelled.collect();
        if labelled.iter().filter(|row| row.2).count() >= LEAST_EVENTS {
            all.push(Accepted { place: subject.place(target)?, rows: labelled });
        }
    }
    Ok(all)
}

/// The mean AUROC on all rows, then on every draw.
fn aurocs(said: &Said, tasks: &[Accepted], draws: &[Vec<u16>]) -> Vec<Option<f64>> {
    let rankings: Vec<(Ranking, Vec<usize>)> = tasks
        .iter()
        .map(|task| {
            let events: Vec<bool> = task.rows.iter().map(|row| row.2).collect();
            let scores: Vec<f64> = task.rows.iter().map(|row| said.risks[row.0][task.place]).collect();
            (Ranking::new(&events, &scores), task.rows.iter().map(|row| row.1 as usize).collect())
        })
        .collect();
    let mean = |draw: Option<&Vec<u16>>| {
        let weight = |patient: usize| draw.map_or(1.0, |draw| f64::from(draw[patient]));
        let each = rankings.iter().map(|(ranking, patients)| ranking.auroc(|row| weight(patients[row])));
        let sum: f64 = each.sum::<Option<f64>>()?;
        (!rankings.is_empty()).then(|| sum / rankings.len() as f64)
    };
    let draws: Vec<Option<&Vec<u16>>> = std::iter::once(None).chain(draws.iter().map(Some)).collect();
    draws.into_par_iter().map(mean).collect()
}

fn estimate(values: &[Option<f64>]) -> Option<Estimate> {
    let (here, draws) = values.split_first()?;
    let (low, high) = interval(draws.iter().copied())?;
    Some(Estimate { value: (*here)?, low, high })
}

fn compare(
    asked: &Asked,
    (whole, whole_aurocs): (&Said, &[Option<f64>]),
    said: &Said,
    tasks: &[Accepted],
    draws: &[Vec<u16>],
) -> Stressed {
    let own = aurocs(said, tasks, draws);
    let differences: Vec<Option<f64>> =
        own.iter().zip(whole_aurocs).map(|(own, whole)| Some((*own)? - (*whole)?)).collect();
    let changes = tasks.iter().flat_map(|task| {
        whole.risks.iter().zip(&said.risks).map(|(whole, said)| (whole[task.place] - said[task.place]).abs())
    });
    let (mut largest, mut sum, mut n) = (0.0_f64, 0.0, 0.0);
    for change in changes {
        largest = largest.max(change);
        sum += change;
        n += 1.0;
    }
    let (before, after) = (whole.read(), said.read());
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    Stressed {
        question: asked.question,
        name: asked.name.clone(),
        outcomes: tasks.len(),
        auroc: estimate(&own),
        above_whole: estimate(&differences),
        silent: said.silent(),
        entries_left: share(after.entries, before.entries),
        numbers_left: share(after.numbers, before.numbers),
        unknown: share(after.unknown, after.entries),
        largest_change: largest,
        mean_change: sum / f64::max(n, 1.0),
    }
}
