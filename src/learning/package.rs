//! From finished runs to a model package: calibration, baselines, thresholds, skill, limits, model card.
//!
//! Calibration and thresholds are fitted on the calibration split only, baselines on the training split, and what
//! may be shown is decided on the validation split. The test split is never opened here.

use super::card::{Described, Origin, chai, page};
use super::evaluate::metrics::{Ranking, auroc, interval, patient_draws};
use super::judged::{Judged, Row, Weighed, line};
use super::members::{Member, weigh};
use super::pairs::{Patients, fit_pairs, silence_untaught};
use super::shard::{Dataset, Split};
use super::train::left_out::LeftOut;
use super::train::lives::{Life, Words, lives};
use super::train::run::RunFile;
use super::train::validate::{LEAST_EVENTS, Moment, moments};
use crate::platform::terminal::remark;
use crate::prediction::answer::Abstention;
use crate::prediction::calibration::{AgeSexTable, Line};
use crate::prediction::distance::Distance;
use crate::prediction::false_alerts::{ALPHAS, FalseAlerts, NonEvent, Stratum};
use crate::prediction::network::{NetworkConfig, ReaderConfig};
use crate::prediction::package::{
    CALIBRATION, CARD, CARD_XML, DISTANCE, Fitted, Limits, Manifest, OCCASIONS, ORIGIN, PACKAGE_FORMAT, PHENOTYPES,
    Skill, VOCABULARY, write,
};
use crate::prediction::phenotype::Phenotypes;
use anyhow::{Context, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Share of index days on which an outcome may alert.
const ALERT_RATE: f64 = 0.05;
pub(super) const DAYS_PER_LIFE: usize = 24;
const DRAWS: usize = 500;
pub(super) const SEED: u64 = 20_260_102;

/// Makes a package of one run or of several whose risks are averaged.
pub fn package(data: &Path, runs: &[PathBuf], out: &Path, name: &str, progress: &dyn Fn(&str)) -> anyhow::Result<()> {
    let dataset = Dataset::open(data)?;
    let vocabulary = dataset.vocabulary()?;
    let files = runs.iter().map(|run| RunFile::read(run)).collect::<anyhow::Result<Vec<_>>>()?;
    let first = files.first().context("give at least one `--run`")?;
    if files.iter().any(|file| file.phenotypes != first.phenotypes || file.data_sha256 != dataset.sha256) {
        bail!("the runs differ in phenotypes or were trained on other data than `{}`", data.display());
    }
    let phenotypes = Phenotypes::parse(&first.phenotypes)?;
    if files.iter().any(|file| file.settings.data.leave_out != first.settings.data.leave_out) {
        bail!("the runs differ in `data.leave_out`; an average would hold what one of them was taught");
    }
    let left_out = LeftOut::of(&first.settings.data.leave_out, &phenotypes, &vocabulary)?;
    let window = window(&files)?;
    let words = Words { vocabulary: &vocabulary, phenotypes: &phenotypes, text_buckets: window.text_buckets };
    let mut members = Vec::new();
    for (number, (run, file)) in runs.iter().zip(&files).enumerate() {
        members.push(Member::of(run, file, number, &vocabulary)?);
    }
    let lives = |split| lives(&dataset, split, &words, &|_| ());
    let (training, validation, calibration) =
        (lives(Split::Train)?, lives(Split::Validation)?, lives(Split::Calibration)?);
    let patients = Patients { training: &training, calibration: &calibration, validation: Some(&validation) };
    let days = |lives: &[Life]| moments(lives, first.settings.data.draw(DAYS_PER_LIFE), SEED);
    let say = |reader: usize, n: usize| progress(&format!("validation: reader {reader}, {n} index days"));
    let mut validation = Judged::read(&validation, days(&validation), &weighed(&members), &say)?;
    let tried = weigh(&mut members, &phenotypes, &left_out, &validation);
    for one in &tried {
        remark!("validation: {}", one.text());
    }
    validation.weights = members.iter().map(|member| member.packaged.weight).collect();
    let say = |reader: usize, n: usize| progress(&format!("calibration: reader {reader}, {n} index days"));
    let calibration = Judged::read(&calibration, days(&calibration), &weighed(&members), &say)?;
    progress("baselines");
    let training = Judged::unread(&training, days(&training));
    let mut fitted = Vec::new();
    for outcome in 0..phenotypes.outcomes.len() {
        for &horizon_days in &phenotypes.horizons_days {
            progress(&format!("fitting `{}` at {horizon_days} days", phenotypes.outcomes[outcome].0));
            let shorter = fitted.last();
            let mut one = fit(&phenotypes, outcome, horizon_days, shorter, &training, &calibration, &validation)?;
            if left_out.is(outcome) {
                (one.silent, one.skill) = (one.silent.or(Some(Abstention::NoSkill)), None);
            }
            fitted.push(one);
        }
    }
    let readers = weighed(&members);
    let mut pairs = fit_pairs(&phenotypes, &patients, &readers, first.within_years, &[], progress)?;
    silence_untaught(&mut pairs, &phenotypes, &first.settings.data.leave_out);
    let (limits, distance) = limits(&calibration, &phenotypes, vocabulary.keys.len(), window.context);
    let mut parts = BTreeMap::new();
    if let Some(distance) = distance {
        parts.insert(DISTANCE.to_owned(), serde_json::to_vec(&distance)?);
    }
    if !pairs.is_empty() {
        parts.insert(OCCASIONS.to_owned(), serde_json::to_vec(&pairs)?);
    }
    let origin = Origin::of(name, &dataset, runs, &files, &tried);
    let card = Described {
        origin: &origin,
        phenotypes: &phenotypes,
        vocabulary: &vocabulary,
        fitted: &fitted,
        pairs: &pairs,
        limits: &limits,
    };
    parts.insert(CARD.to_owned(), page::markdown(&card).into_bytes());
    parts.insert(CARD_XML.to_owned(), chai::xml(&card).into_bytes());
    parts.insert(ORIGIN.to_owned(), serde_json::to_vec_pretty(&origin)?);
    parts.insert(VOCABULARY.to_owned(), serde_json::to_vec(&vocabulary)?);
    parts.insert(PHENOTYPES.to_owned(), first.phenotypes.clone().into_bytes());
    parts.insert(CALIBRATION.to_owned(), serde_json::to_vec(&fitted)?);
    for member in members.iter_mut().filter(|member| member.packaged.weight > 0.0) {
        parts.insert(member.packaged.file.clone(), std::mem::take(&mut member.bytes));
    }
    let manifest = Manifest {
        format: PACKAGE_FORMAT,
        name: name.to_owned(),
        readers: members.iter().map(|member| member.packaged.clone()).filter(|one| one.weight > 0.0).collect(),
        data_sha256: dataset.sha256.clone(),
        limits,
        files: BTreeMap::new(),
    };
    write(out, manifest, parts).with_context(|| format!("`{}` cannot be written", out.display()))
}

/// The readers of the package to be, as they are asked.
fn weighed(members: &[Member]) -> Vec<Weighed<'_>> {
    members.iter().map(|member| (&*member.reader, member.packaged.weight)).collect()
}

/// How much of a history the runs' transformers read, all alike.
struct Window {
    text_buckets: usize,
    context: usize,
}

/// Text buckets that the runs' histories are prepared with.
pub(super) fn text_buckets(files: &[RunFile]) -> anyhow::Result<usize> {
    Ok(window(files)?.text_buckets)
}

fn window(files: &[RunFile]) -> anyhow::Result<Window> {
    let mut all = files.iter().filter_map(|file| match &file.reader {
        ReaderConfig::Days(config) => Some((config.text_buckets, config.context)),
        ReaderConfig::Facts(_) | ReaderConfig::Trees(_) => None,
    });
    let (text_buckets, context) = all.next().unwrap_or((1, usize::MAX));
    if all.any(|other| other != (text_buckets, context)) {
        bail!("the runs differ in `text_buckets` or `context`; runs of one shape can be averaged");
    }
    Ok(Window { text_buckets, context })
}

/// Fits one outcome within one horizon. `shorter`: what was fitted just before, for the served risk is never below that
/// of a shorter horizon of the same outcome.
pub(super) fn fit(
    phenotypes: &Phenotypes,
    outcome: usize,
    horizon_days: u32,
    shorter: Option<&Fitted>,
    training: &Judged,
    calibration: &Judged,
    validation: &Judged,
) -> anyhow::Result<Fitted> {
    let (name, phenotype) = &phenotypes.outcomes[outcome];
    let baseline = training.table(&training.rows(phenotypes, outcome, horizon_days)?);
    let rows = calibration.rows(phenotypes, outcome, horizon_days)?;
    let (line, spread) = line(&rows, calibration.level);
    let shorter = shorter.filter(|shorter| shorter.phenotype == *name);
    let false_alerts = false_alerts(calibration, &rows, outcome, &line, shorter);
    let mut risks: Vec<f64> = rows.iter().map(|row| line.apply(row.raw)).collect();
    risks.sort_by(f64::total_cmp);
    let at = ((risks.len() as f64 * (1.0 - ALERT_RATE)) as usize).min(risks.len().saturating_sub(1));
    let alert_threshold = risks.get(at).copied().unwrap_or(1.0);
    let skill = skill(validation, &validation.rows(phenotypes, outcome, horizon_days)?, &baseline);
    let silent = match (phenotype.group, &skill) {
        (group, _) if !group.may_be_shown() => Some(Abstention::NotActionable),
        (_, Some(skill)) if skill.difference.0 > 0.0 => None,
        _ => Some(Abstention::NoSkill),
    };
    let (phenotype, spread) = (name.clone(), Some(spread));
    Ok(Fitted { phenotype, horizon_days, line, baseline, alert_threshold, silent, spread, false_alerts, skill })
}

/// Thresholds for the risk as it is served, from the rows without the event.
fn false_alerts(
    calibration: &Judged,
    rows: &[Row],
    outcome: usize,
    line: &Line,
    shorter: Option<&Fitted>,
) -> Vec<FalseAlerts> {
    let floor = shorter.and_then(|shorter| Some((shorter.line, NetworkConfig::bins_within(shorter.horizon_days)?)));
    let served = |row: &Row| {
        let shorter = floor.map_or(0.0, |(line, bins)| line.apply(calibration.raw(row.at, outcome, bins)));
        line.apply(row.raw).max(shorter)
    };
    let non_events: Vec<NonEvent> = rows
        .iter()
        .filter(|row| !row.event)
        .map(|row| {
            let stratum = Stratum::of(row.age, calibration.lives[row.life].sex);
            NonEvent { patient: row.life, stratum, risk: served(row) }
        })
        .collect();
    ALPHAS.iter().map(|&alpha| FalseAlerts::fit(&non_events, alpha)).collect()
}

/// How much better than age and sex, with draws of whole patients.
pub(super) fn skill(validation: &Judged, rows: &[Row], baseline: &AgeSexTable) -> Option<Skill> {
    let events: Vec<bool> = rows.iter().map(|row| row.event).collect();
    let happened = events.iter().filter(|&&event| event).count();
    if happened < LEAST_EVENTS {
        return None;
    }
    let ours: Vec<f64> = rows.iter().map(|row| row.raw).collect();
    let theirs: Vec<f64> = rows.iter().map(|row| baseline.rate(row.age, validation.lives[row.life].sex)).collect();
    let (a, b) = (Ranking::new(&events, &ours), Ranking::new(&events, &theirs));
    let draws = patient_draws(validation.lives.len(), DRAWS, &mut ChaCha8Rng::seed_from_u64(SEED));
    let differences = draws.iter().map(|draw| {
        let weight = |row: usize| draw[rows[row].life] as f64;
        Some(a.auroc(weight)? - b.auroc(weight)?)
    });
    Some(Skill {
        events: happened,
        rows: rows.len(),
        auroc: auroc(&events, &ours)?,
        baseline_auroc: auroc(&events, &theirs)?,
        difference: interval(differences)?,
    })
}

/// Bounds outside of which nothing is shown: ages that were trained on, a year of record, and a share of unknown
/// codes and a distance from the others that not one in a hundred calibration charts has.
pub(super) fn limits(
    calibration: &Judged,
    phenotypes: &Phenotypes,
    keys: usize,
    context: usize,
) -> (Limits, Option<Distance>) {
    let share = |moment: &Moment| {
        let history = &calibration.lives[moment.life].history;
        let known = history.known_days(moment.day);
        let days = &history.days[known.saturating_sub(context.saturating_sub(1))..known];
        let entries: Vec<_> =
            days.iter().flat_map(|day| &history.entries[day.start as usize..day.end as usize]).collect();
        let unknown = entries.iter().filter(|entry| entry.key as usize >= keys).count();
        unknown as f64 / entries.len().max(1) as f64
    };
    let mut shares: Vec<f64> = calibration.moments.iter().map(share).collect();
    shares.sort_by(f64::total_cmp);
    let at = (shares.len() * 99 / 100).min(shares.len().saturating_sub(1));
    let raw = calibration.all_raw(phenotypes);
    let distance = Distance::fit(&raw);
    let mut distances: Vec<f64> = distance.iter().flat_map(|distance| raw.iter().map(|raw| distance.of(raw))).collect();
    distances.sort_by(f64::total_cmp);
    let limits = Limits {
        least_age_years: 30.0,
        most_age_years: 105.0,
        least_active_days: 5,
        least_history_days: 365,
        most_unknown_share: shares.get(at).copied().unwrap_or(0.0).max(0.10),
        most_distance: distances.get(at).copied(),
    };
    (limits, distance)
}
