//! A model asked about the rows that the truth is known of: as their charts stand, and with a drug drafted.
//!
//! Owns the way from a label file to the model's answers. A drafted drug is one more order on the index day, what a
//! clinician has on the screen before signing.

use super::scores::{Scores, Who};
use super::world::{Drug, HORIZONS, OUTCOMES, Which};
use crate::learning::evaluate::labels::{Identity, Key, LabelFile};
use crate::learning::life::ShardReader;
use crate::learning::shard::Dataset;
use crate::prediction::answer::{Oracle, Question};
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::{ChartEvent, EncodedChart, Vocabulary};
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use std::collections::HashMap;
use std::sync::Arc;

/// Charts that are asked about together.
const BATCH: usize = 64;

/// What is judged, and in whose words it reads.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub oracle: &'a dyn Oracle,
    pub vocabulary: &'a Vocabulary,
    pub phenotypes: &'a Phenotypes,
}

/// One row: a line of the label file and what the model said of it, in the order of the model's outcomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Number of the line among the labels.
    pub line: usize,
    pub who: Who,
    /// Number of the patient among those asked about.
    pub patient: u32,
    pub risks: Vec<f64>,
    /// With each drug drafted; `None` for who takes it already.
    pub drafted: [Option<Vec<f64>>; Drug::ALL.len()],
}

/// Asks about every line of the labels whose truth is known.
pub fn ask(
    subject: Subject<'_>,
    dataset: &Dataset,
    labels: &LabelFile,
    identities: &HashMap<String, Identity>,
    truth: &Scores,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<Asked>> {
    let mut lines: HashMap<Key, Vec<(usize, Who)>> = HashMap::new();
    for (number, line) in labels.lines.iter().enumerate() {
        let Some(identity) = identities.get(&line.patient) else { continue };
        let (key, day) = (identity.key, line.as_of_day - identity.birth_day);
        let who = Who { patient: line.patient.clone(), as_of_day: line.as_of_day, key, day };
        if truth.knows(&who) {
            lines.entry(key).or_default().push((number, who));
        }
    }
    progress.set_message("asking the model");
    progress.set_length(lines.values().map(|lines| lines.len() as u64).sum());
    let drugs = drug_keys(subject.vocabulary)?;
    let (mut rows, mut patients) = (Vec::new(), 0);
    for shard in dataset.shards() {
        let shard = shard?;
        let reader = ShardReader::new(&shard, subject.vocabulary, subject.phenotypes);
        for patient in &shard.patients {
            let Some(days) = lines.get(&patient.key) else { continue };
            let outcomes = reader.outcome_days(patient);
            let mut questions = Vec::new();
            for (line, who) in days {
                let chart = reader.chart(patient, &outcomes, who.day);
                for (place, key) in drugs.iter().enumerate() {
                    if truth.get(who, &started_column(Drug::ALL[place])).is_some() {
                        questions.push((rows.len(), Some(place), drafted(&chart, *key)));
                    }
                }
                questions.push((rows.len(), None, chart));
                let (risks, drafted) = Default::default();
                rows.push(Asked { line: *line, who: who.clone(), patient: patients, risks, drafted });
            }
            answer(subject.oracle, questions, &mut rows)?;
            patients += 1;
            progress.inc(days.len() as u64);
        }
    }
    if rows.is_empty() {
        bail!("dataset, labels and truth have no patient and day in common; are they of one world?");
    }
    Ok(rows)
}

/// A column of the truth that is filled wherever a drug can be begun: an outcome that everyone may have again.
fn started_column(drug: Drug) -> String {
    let always = &OUTCOMES[Which::CoinFlip as usize];
    format!("start {}:{}@{}+0", drug.word().code, always.name, HORIZONS[0])
}

fn drug_keys(vocabulary: &Vocabulary) -> anyhow::Result<[u32; Drug::ALL.len()]> {
    let mut keys = [0; Drug::ALL.len()];
    for (place, drug) in Drug::ALL.into_iter().enumerate() {
        let key = format!("MED|X:{}", drug.word().code);
        keys[place] = vocabulary
            .key(&key)
            .with_context(|| format!("the model does not know `{key}`; was it trained on a planted world?"))?;
    }
    Ok(keys)
}

/// The chart with one more order on its last day.
fn drafted(chart: &EncodedChart, key: u32) -> EncodedChart {
    let mut chart = chart.clone();
    let event = chart.events_read as u32;
    chart.events.push(ChartEvent { day: chart.as_of_day, key, number: None, event });
    chart.events_read += 1;
    chart
}

fn answer(
    oracle: &dyn Oracle,
    questions: Vec<(usize, Option<usize>, EncodedChart)>,
    rows: &mut [Asked],
) -> anyhow::Result<()> {
    for batch in questions.chunks(BATCH) {
        let asked: Vec<Question> = batch
            .iter()
            .map(|(_, _, chart)| Question {
                chart: Arc::new(chart.clone()),
                explain: Arc::from([]),
                max_explained: 0,
                pairs: Arc::from([]),
            })
            .collect();
        let answers = oracle.answer(&asked);
        if answers.len() != batch.len() {
            bail!("the model gave {} answers to {} questions", answers.len(), batch.len());
        }
        for ((row, drug, _), answer) in batch.iter().zip(answers) {
            let risks: Vec<f64> = answer.risks.iter().map(|risk| risk.risk).collect();
            if risks.len() != oracle.outcomes().len() || risks.iter().any(|risk| !(0.0..=1.0).contains(risk)) {
                bail!("the model gave no probability for one of its outcomes");
            }
            match drug {
                Some(drug) => rows[*row].drafted[*drug] = Some(risks),
                None => rows[*row].risks = risks,
            }
        }
    }
    Ok(())
}
