//! Do the facts shown as reasons carry the risk that they are shown for?
//!
//! Alerts are asked about again with facts taken out of the chart. **Comprehensiveness**: by how much the log odds fall
//! when the shown facts are gone together, beside the fall when as many other facts, drawn by chance, are gone.
//! **Sufficiency**: of the log odds above the average of the same age and sex, the share that is left when the shown facts
//! are all that is kept. Also counted: which facts are shown most, for who decides what is never to be shown. It measures
//! the reasons of this model, not what causes anything.

use super::cohort::index_days;
use super::figures::Estimate;
use super::metrics::{interval, patient_draws};
use crate::learning::life::ShardReader;
use crate::learning::shard::{Dataset, Split};
use crate::prediction::answer::{Answer, Explain, Oracle, Question};
use crate::prediction::calibration::logit;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};
use indicatif::ProgressBar;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// Reasons on a card, and the least change that is worth one: as cards have them.
const SHOWN: usize = 5;
const LEAST_CHANGE: f64 = 0.0005;
/// Outcomes explained per chart.
const EXPLAINED: usize = 3;
/// Index days tried per patient.
const DAYS: usize = 3;
/// Draws of other facts per alert.
const CHANCE_DRAWS: usize = 3;
/// Drivers listed.
const LISTED: usize = 60;

/// A fact and on how many alerts it was shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Driver {
    pub key: String,
    pub display: String,
    pub alerts: usize,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Faithfulness {
    pub patients: usize,
    pub alerts: usize,
    /// Facts shown per alert.
    pub shown: f64,
    /// Fall of the log odds without the shown facts.
    pub comprehensiveness: Option<Estimate>,
    /// Fall without as many others.
    pub by_chance: Option<Estimate>,
    /// First minus second, alert by alert.
    pub beyond_chance: Option<Estimate>,
    /// Share of the log odds above the average that the shown facts alone keep.
    pub sufficiency: Option<Estimate>,
    /// The same of as many others.
    pub sufficiency_by_chance: Option<Estimate>,
    /// Facts that raise a risk, those shown most first.
    pub drivers: Vec<Driver>,
}

/// One alert with its log odds: as asked, without the shown, without others, with the shown only, with others only,
/// and of the average of the same age and sex.
struct Alert {
    patient: usize,
    asked: f64,
    without_shown: f64,
    without_others: f64,
    only_shown: f64,
    only_others: f64,
    average: f64,
}

/// Asks about up to `most` patients of a split.
pub fn faithfulness(
    model: (&dyn Oracle, &Vocabulary, &Phenotypes),
    dataset: &Dataset,
    split: Split,
    (most, draws, seed): (usize, usize, u64),
    progress: &ProgressBar,
) -> anyhow::Result<Faithfulness> {
    let (oracle, vocabulary, phenotypes) = model;
    let explain: Arc<[Explain]> = explained(oracle);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut alerts, mut shown, mut patients) = (Vec::new(), Vec::new(), 0);
    progress.set_message("leaving reasons out");
    progress.set_length(most as u64);
    for shard in dataset.shards() {
        let shard = shard?;
        let reader = ShardReader::new(&shard, vocabulary, phenotypes);
        for row in shard.patients.iter().filter(|row| row.split == split) {
            let days = index_days(row, &reader.visit_days(row), DAYS, &mut rng);
            if days.is_empty() || patients == most {
                continue;
            }
            let outcomes = reader.outcome_days(row);
            let charts = days.into_iter().map(|day| Arc::new(reader.chart(row, &outcomes, day)));
            for chart in charts {
                let question = Question {
                    chart: chart.clone(),
                    explain: explain.clone(),
                    max_explained: EXPLAINED,
                    pairs: Arc::from([]),
                };
                for answer in oracle.answer(&[question]) {
                    taken_out(oracle, patients, &chart, &answer, &mut rng, (&mut alerts, &mut shown));
                }
            }
            patients += 1;
            progress.set_position(patients as u64);
        }
    }
    let draws = patient_draws(patients, draws, &mut rng);
    let drivers = drivers(&shown, vocabulary);
    let facts: usize = shown.len();
    Ok(summed(patients, &alerts, facts, drivers, &draws))
}

/// Every outcome that may be shown, at its alert threshold.
fn explained(oracle: &dyn Oracle) -> Arc<[Explain]> {
    let may = oracle.outcomes().iter().filter(|outcome| outcome.silent.is_none());
    may.map(|outcome| Explain {
        phenotype: outcome.phenotype.to_string(),
        horizon_days: outcome.horizon_days,
        at_least: outcome.alert_threshold,
    })
    .collect()
}

/// The chart with only those events whose key passes.
fn filtered(chart: &EncodedChart, keep: impl Fn(u32) -> bool) -> Arc<EncodedChart> {
    let events = chart.events.iter().filter(|event| keep(event.key)).copied().collect();
    Arc::new(EncodedChart { events, ..chart.clone() })
}

fn taken_out(
    oracle: &dyn Oracle,
    patient: usize,
    chart: &EncodedChart,
    answer: &Answer,
    rng: &mut impl Rng,
    (alerts, shown_keys): (&mut Vec<Alert>, &mut Vec<u32>),
) {
    let all: Vec<u32> = chart.events.iter().map(|event| event.key).collect::<BTreeSet<_>>().into_iter().collect();
    for reasons in &answer.reasons {
        let place = answer
            .risks
            .iter()
            .position(|risk| risk.phenotype == reasons.phenotype && risk.horizon_days == reasons.horizon_days);
        let Some(place) = place else { continue };
        let risk = &answer.risks[place];
        let raises =
            reasons.reasons.iter().filter(|reason| risk.risk - reason.risk_without >= LEAST_CHANGE).take(SHOWN);
        let shown: BTreeSet<u32> =
            raises.filter_map(|reason| Some(chart.events.get(reason.event as usize)?.key)).collect();
        let mut others: Vec<u32> = all.iter().filter(|key| !shown.contains(key)).copied().collect();
        if shown.is_empty() || others.len() < shown.len() {
            continue;
        }
        others.shuffle(rng);
        let chance: Vec<BTreeSet<u32>> =
            (0..CHANCE_DRAWS).map(|_| others.choose_multiple(rng, shown.len()).copied().collect()).collect();
        let mut charts =
            vec![filtered(chart, |key| !shown.contains(&key)), filtered(chart, |key| shown.contains(&key))];
        for drawn in &chance {
            charts.push(filtered(chart, |key| !drawn.contains(&key)));
            charts.push(filtered(chart, |key| drawn.contains(&key)));
        }
        let question = |chart: Arc<EncodedChart>| Question {
            chart,
            explain: Arc::from([]),
            max_explained: 0,
            pairs: Arc::from([]),
        };
        let questions: Vec<Question> = charts.into_iter().map(question).collect();
        let odds: Vec<f64> = oracle.answer(&questions).iter().map(|answer| logit(answer.risks[place].risk)).collect();
        let mean = |from: usize| odds.iter().skip(from).step_by(2).sum::<f64>() / CHANCE_DRAWS as f64;
        alerts.push(Alert {
            patient,
            asked: logit(risk.risk),
            without_shown: odds[0],
            only_shown: odds[1],
            without_others: mean(2),
            only_others: mean(3),
            average: logit(risk.baseline_risk),
        });
        shown_keys.extend(shown);
    }
}

fn drivers(shown: &[u32], vocabulary: &Vocabulary) -> Vec<Driver> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    shown.iter().for_each(|&key| *counts.entry(key).or_default() += 1);
    let named = |(key, alerts): (u32, usize)| {
        // A key that the vocabulary does not know may be a sender's own text: it is counted, not named.
        let entry = vocabulary.keys.get(key as usize)?;
        Some(Driver { key: entry.key.clone(), display: entry.display.clone(), alerts })
    };
    let mut drivers: Vec<Driver> = counts.into_iter().filter_map(named).collect();
    drivers.sort_by(|a, b| b.alerts.cmp(&a.alerts).then_with(|| a.key.cmp(&b.key)));
    drivers.truncate(LISTED);
    drivers
}

fn summed(patients: usize, alerts: &[Alert], facts: usize, drivers: Vec<Driver>, draws: &[Vec<u16>]) -> Faithfulness {
    // A ratio of sums, so that one alert just above the average cannot decide it; the second sum is 1 for a mean.
    let estimate = |above: &dyn Fn(&Alert) -> f64, below: &dyn Fn(&Alert) -> f64| {
        let ratio = |weight: &dyn Fn(usize) -> f64| {
            let sum = |f: &dyn Fn(&Alert) -> f64| alerts.iter().map(|one| weight(one.patient) * f(one)).sum::<f64>();
            let whole = sum(below);
            (whole.abs() > 1e-9).then(|| sum(above) / whole)
        };
        let value = ratio(&|_| 1.0)?;
        let (low, high) = interval(draws.iter().map(|draw| ratio(&|patient| f64::from(draw[patient]))))?;
        Some(Estimate { value, low, high })
    };
    let one = |_: &Alert| 1.0;
    let above_average = |alert: &Alert| alert.asked - alert.average;
    Faithfulness {
        patients,
        alerts: alerts.len(),
        shown: facts as f64 / alerts.len().max(1) as f64,
        comprehensiveness: estimate(&|alert| alert.asked - alert.without_shown, &one),
        by_chance: estimate(&|alert| alert.asked - alert.without_others, &one),
        beyond_chance: estimate(&|alert| alert.without_others - alert.without_shown, &one),
        sufficiency: estimate(&|alert| alert.only_shown - alert.average, &above_average),
        sufficiency_by_chance: estimate(&|alert| alert.only_others - alert.average, &above_average),
        drivers,
    }
}

/// `evidence.md`
pub fn page(model: &str, split: Split, found: &Faithfulness) -> String {
    let figure = |estimate: &Option<Estimate>| {
        estimate.as_ref().map_or_else(|| "–".to_owned(), |e| format!("{:.2} ({:.2} to {:.2})", e.value, e.low, e.high))
    };
    let mut text = format!(
        "# Reasons of {model}\n\n**{}**\n\n{} patients of the {} split, {} alerts at the package's thresholds, {:.1} facts \
         shown that raise the risk. Intervals: middle 95 % of draws of whole patients.\n\n\
         | | shown facts | as many others, by chance |\n|---|---|---|\n\
         | fall of the log odds without them (comprehensiveness) | {} | {} |\n\
         | share of the log odds above the average that they alone keep (sufficiency) | {} | {} |\n\n\
         Fall beyond chance: {}.\n\n## Facts shown most\n\n| alerts | key | |\n|---|---|---|\n",
        super::run::NOTICE,
        found.patients,
        split.as_str(),
        found.alerts,
        found.shown,
        figure(&found.comprehensiveness),
        figure(&found.by_chance),
        figure(&found.sufficiency),
        figure(&found.sufficiency_by_chance),
        figure(&found.beyond_chance),
    );
    for driver in &found.drivers {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | `{}` | {} |", driver.alerts, driver.key, driver.display.replace('|', "/"));
    }
    text
}
