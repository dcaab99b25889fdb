//! Asking a model about many charts, in batches, and keeping what it said.

use crate::prediction::answer::{Abstention, Oracle, Question};
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};
use anyhow::bail;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Charts that are asked about together.
const BATCH: usize = 64;

/// What a model said, by row.
#[derive(Default)]
pub struct Said {
    /// Risks in the order of the model's outcomes.
    pub risks: Vec<Vec<f64>>,
    /// The averages of the same age and sex that the package knows, likewise.
    pub baselines: Vec<Vec<f64>>,
    /// Why nothing would have been shown at all.
    pub abstained: Vec<Option<Abstention>>,
    read: Read,
}

/// What all charts together held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub entries: u64,
    /// Entries whose code the vocabulary does not know.
    pub unknown: u64,
    /// Entries with a number that the vocabulary knows.
    pub numbers: u64,
}

impl Said {
    /// The risks of one of the model's outcomes, by row.
    pub fn outcome(&self, place: usize) -> Vec<f64> {
        self.risks.iter().map(|row| row[place]).collect()
    }

    /// The averages of the same age and sex, likewise.
    pub fn baseline(&self, place: usize) -> Vec<f64> {
        self.baselines.iter().map(|row| row[place]).collect()
    }

    /// Share of rows about which nothing would have been shown, by reason.
    pub fn silent(&self) -> BTreeMap<&'static str, f64> {
        let mut silent: BTreeMap<&'static str, f64> = BTreeMap::new();
        for why in self.abstained.iter().flatten() {
            *silent.entry(why.as_str()).or_default() += 1.0 / self.abstained.len() as f64;
        }
        silent
    }

    /// What the charts held.
    pub fn read(&self) -> Read {
        self.read
    }
}

/// How well the model could read the charts.
#[derive(Clone, Debug, Serialize)]
pub struct Reading {
    /// Chart entries per row.
    pub entries: f64,
    /// Share of entries whose code the vocabulary does not know.
    pub unknown: f64,
    /// Share of rows about which nothing would have been shown, by reason.
    pub silent: BTreeMap<&'static str, f64>,
}

impl Reading {
    pub fn of(said: &Said) -> Self {
        let (read, rows) = (said.read(), said.abstained.len().max(1));
        Self {
            entries: read.entries as f64 / rows as f64,
            unknown: read.unknown as f64 / read.entries.max(1) as f64,
            silent: said.silent(),
        }
    }
}

/// Collects charts and asks about them when there are enough.
pub struct Asker<'a> {
    oracle: &'a dyn Oracle,
    known_keys: u32,
    waiting: Vec<Question>,
    said: Said,
}

impl<'a> Asker<'a> {
    /// Nothing asked yet.
    pub fn new(oracle: &'a dyn Oracle, vocabulary: &Vocabulary) -> Self {
        let known_keys = vocabulary.keys.len() as u32;
        Self { oracle, known_keys, waiting: Vec::new(), said: Said::default() }
    }

    /// Takes one more chart.
    ///
    /// # Errors
    /// When the model gives no probability for each of its outcomes.
    pub fn ask(&mut self, chart: EncodedChart) -> anyhow::Result<()> {
        let read = &mut self.said.read;
        read.entries += chart.events.len() as u64;
        read.unknown += chart.events.iter().filter(|event| event.key >= self.known_keys).count() as u64;
        read.numbers += chart.events.iter().filter(|event| event.number.is_some()).count() as u64;
        self.waiting.push(Question {
            chart: Arc::new(chart),
            explain: Arc::from([]),
            max_explained: 0,
            pairs: Arc::from([]),
        });
        if self.waiting.len() == BATCH { self.answer() } else { Ok(()) }
    }

    /// Everything said, in the order of asking.
    pub fn finish(mut self) -> anyhow::Result<Said> {
        self.answer()?;
        Ok(self.said)
    }

    fn answer(&mut self) -> anyhow::Result<()> {
        let answers = self.oracle.answer(&self.waiting);
        if answers.len() != self.waiting.len() {
            bail!("the model gave {} answers to {} questions", answers.len(), self.waiting.len());
        }
        for answer in answers {
            let row: Vec<f64> = answer.risks.iter().map(|risk| risk.risk).collect();
            if row.len() != self.oracle.outcomes().len() || row.iter().any(|risk| !(0.0..=1.0).contains(risk)) {
                bail!("the model gave no probability for one of its outcomes");
            }
            self.said.risks.push(row);
            self.said.baselines.push(answer.risks.iter().map(|risk| risk.baseline_risk).collect());
            self.said.abstained.push(answer.abstained);
        }
        self.waiting.clear();
        Ok(())
    }
}
