//! What is answered: the readers' risks moved along the calibration line and kept from falling with a longer horizon, each
//! with its average, its interval and its silence.

use super::Model;
use crate::prediction::answer::{Abstention, Answer, AskPair, PairRisk, Question, Risk};
use crate::prediction::network::{Hazards, History, Reading};
use crate::prediction::pairs::KnownPair;
use crate::prediction::phenotype::Standing;
use crate::prediction::vocabulary::EncodedChart;

/// A risk moved along its line, with its interval where the package knows one.
#[derive(Clone, Copy)]
pub(super) struct Calibrated {
    pub risk: f64,
    interval: Option<(f64, f64)>,
}

impl Calibrated {
    /// Raised to a shorter horizon's risk, interval and all.
    fn at_least(self, shorter: &Self) -> Self {
        let raise = |own: (f64, f64), other: (f64, f64)| (own.0.max(other.0), own.1.max(other.1));
        let interval = match (self.interval, shorter.interval) {
            (Some(own), Some(other)) => Some(raise(own, other)),
            (own, _) => own,
        };
        Self { risk: self.risk.max(shorter.risk), interval }
    }
}

impl Model {
    /// The risks of which the readers say `raw`, in the order of [`crate::prediction::answer::Oracle::outcomes`].
    pub(super) fn calibrated(&self, raw: &[f64]) -> Vec<Calibrated> {
        let mut all: Vec<Calibrated> = Vec::with_capacity(self.computed.len());
        for (index, (computed, &raw)) in self.computed.iter().zip(raw).enumerate() {
            let fitted = &computed.fitted;
            let interval = fitted.spread.map(|spread| spread.interval(&fitted.line, raw));
            let mut one = Calibrated { risk: fitted.line.apply(raw), interval };
            // Horizons of one outcome stand in rising order, each calibrated by itself: a longer one cannot be rarer.
            if index > 0 && self.computed[index - 1].outcome == computed.outcome {
                one = one.at_least(&all[index - 1]);
            }
            all.push(one);
        }
        all
    }

    /// Answers the question of one row of a batch.
    pub(super) fn answer_one(
        &self,
        question: &Question,
        history: &History,
        (by_reader, row): (&[Vec<Hazards>], usize),
    ) -> candle_core::Result<Answer> {
        let chart = &question.chart;
        let raw = &self.averages(by_reader, row);
        let age = history.age_years(chart.as_of_day) as f64;
        let risks: Vec<Risk> = self
            .computed
            .iter()
            .zip(&self.outcomes)
            .zip(self.calibrated(raw))
            .map(|((computed, outcome), Calibrated { risk, interval })| Risk {
                phenotype: outcome.phenotype.clone(),
                horizon_days: outcome.horizon_days,
                risk,
                interval,
                baseline_risk: computed.fitted.baseline.rate(age, chart.sex),
                abstained: match chart.standing.get(computed.outcome) {
                    _ if outcome.silent == Some(Abstention::NotActionable) => outcome.silent,
                    Some(Standing::Present) => Some(Abstention::AlreadyPresent),
                    Some(Standing::NotEligible) | None => Some(Abstention::NotEligible),
                    Some(Standing::AtRisk) => outcome.silent,
                },
            })
            .collect();
        let abstained = self.abstention(chart, history, raw);
        let reasons = match abstained {
            None => self.reasons(question, history, &risks)?,
            Some(_) => Vec::new(),
        };
        let known =
            |asked: &AskPair| self.pairs.iter().find(|pair| *pair.name == *asked.pair).zip(Some(asked.at_least));
        let mut pairs = Vec::new();
        for (pair, at_least) in question.pairs.iter().filter_map(known) {
            let raw = self.average(by_reader, row, pair.outcome, pair.bins);
            pairs.push(self.pair_risk(pair, pair.risk(chart, age, raw, abstained), at_least, question, history)?);
        }
        Ok(Answer { risks, reasons, pairs, abstained })
    }

    /// A pair's risk with the reasons behind it, if it is to be shown.
    fn pair_risk(
        &self,
        pair: &KnownPair,
        risk: Risk,
        at_least: f64,
        question: &Question,
        history: &History,
    ) -> candle_core::Result<PairRisk> {
        let reading = Reading { history, day: question.chart.as_of_day, without: &[] };
        let calibrated = |by_reader: &[Vec<Hazards>], row: usize| {
            pair.fitted.line.apply(self.average(by_reader, row, pair.outcome, pair.bins))
        };
        let reasons = match risk.abstained.is_none() && risk.risk >= at_least {
            true => self.reasons_of((pair.outcome, pair.bins), risk.risk, reading, calibrated)?,
            false => Vec::new(),
        };
        Ok(PairRisk { pair: pair.name.clone(), risk, reasons })
    }

    /// As [`crate::prediction::answer::Oracle::pair_risks`].
    pub(super) fn pair_risks_of(&self, charts: &[EncodedChart]) -> candle_core::Result<Vec<Vec<Risk>>> {
        let histories: Vec<History> =
            charts.iter().map(|chart| History::new(chart, &self.vocabulary, self.text_buckets)).collect();
        let readings: Vec<Reading> = histories
            .iter()
            .zip(charts)
            .map(|(h, chart)| Reading { history: h, day: chart.as_of_day, without: &[] })
            .collect();
        let by_reader = self.hazards(&readings)?;
        let of = |(row, chart): (usize, &EncodedChart)| {
            let abstained = self.abstention(chart, &histories[row], &self.averages(&by_reader, row));
            let age = f64::from(histories[row].age_years(chart.as_of_day));
            let raw = |pair: &KnownPair| self.average(&by_reader, row, pair.outcome, pair.bins);
            self.pairs.iter().map(|pair| pair.risk(chart, age, raw(pair), abstained)).collect()
        };
        Ok(charts.iter().enumerate().map(of).collect())
    }
}
