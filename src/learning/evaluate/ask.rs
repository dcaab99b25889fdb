//! Asking a model about many charts, in batches, and keeping what it said.

use crate::prediction::answer::{Abstention, Oracle, Question};
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};
use anyhow::bail;
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
    /// Chart entries, and those whose code the vocabulary does not know.
    pub entries: Vec<(u32, u32)>,
}

impl Said {
    /// The risks of one of the model's outcomes, by row.
    pub fn outcome(&self, place: usize) -> Vec<f64> {
        self.risks.iter().map(|row| row[place]).collect()
    }

    /// Share of rows about which the model would have been silent.
    pub fn silent_share(&self) -> f64 {
        self.abstained.iter().flatten().count() as f64 / self.abstained.len().max(1) as f64
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
        let unknown = chart.events.iter().filter(|event| event.key >= self.known_keys).count();
        self.said.entries.push((chart.events.len() as u32, unknown as u32));
        self.waiting.push(Question { chart: Arc::new(chart), explain: Arc::from([]), max_explained: 0 });
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
