//! A model of which everything is known: it reads one thing.

use super::population::{OUTCOMES, vocabulary};
use crate::learning::evaluate::run::{Evaluation, Plan, Subject, evaluate};
use crate::learning::shard::Dataset;
use crate::patient_record::timeline::{Second, Timeline};
use crate::prediction::answer::{Answer, Oracle, Question, Reason, Reasons, Risk};
use crate::prediction::calibration::{AgeSexTable, Line};
use crate::prediction::false_alerts::FalseAlerts;
use crate::prediction::interval::Spread;
use crate::prediction::model::Outcome;
use crate::prediction::package::FittedPair;
use crate::prediction::pairs::KnownPair;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::{EncodedChart, Vocabulary, encode_timeline};
use indicatif::ProgressBar;
use std::sync::Arc;

/// Reads one thing from a chart: whether a key is in it (or, without a key, the age), as a risk for every outcome.
pub struct OneThing {
    pub vocabulary: Vocabulary,
    pub phenotypes: Phenotypes,
    outcomes: Vec<Outcome>,
    pairs: Vec<KnownPair>,
    key: Option<u32>,
}

impl OneThing {
    pub fn new(key: Option<&str>) -> Self {
        let (vocabulary, phenotypes) = (vocabulary(), Phenotypes::parse(OUTCOMES).unwrap());
        let outcomes = phenotypes.outcomes.iter().flat_map(|(name, phenotype)| {
            phenotypes.horizons_days.iter().map(move |&horizon_days| Outcome {
                phenotype: Arc::from(name.as_str()),
                title: phenotype.title.clone(),
                group: phenotype.group,
                horizon_days,
                alert_threshold: 0.15,
                false_alerts: vec![FalseAlerts { alpha: 0.55, threshold: Some(0.2), by_stratum: vec![Some(0.2); 4] }],
                silent: None,
            })
        });
        let outcomes = outcomes.collect();
        let key = key.map(|key| vocabulary.key(key).unwrap());
        let fitted = FittedPair {
            pair: "anxiety-90".into(),
            line: Line::UNCHANGED,
            spread: Spread { slope: 0.0, intercept: 0.0, both: 0.0 },
            baseline: AgeSexTable::fit([].into_iter()),
            silent: None,
            skill: None,
        };
        let pairs = KnownPair::new(fitted, &phenotypes).into_iter().collect();
        Self { vocabulary, phenotypes, outcomes, pairs, key }
    }

    /// The same in a package that asks nothing on occasions.
    pub fn without_pairs(self) -> Self {
        Self { pairs: Vec::new(), ..self }
    }

    fn risk(&self, chart: &EncodedChart) -> f64 {
        match self.key {
            Some(key) if chart.events.iter().any(|event| event.key == key) => 0.22,
            Some(_) => 0.05,
            None => f64::from(chart.as_of_day) / 365.25 / 100.0,
        }
    }

    pub fn judge(&self, dataset: &Dataset, plan: &Plan<'_>) -> anyhow::Result<Evaluation> {
        let subject = Subject { oracle: self, vocabulary: &self.vocabulary, phenotypes: &self.phenotypes };
        evaluate(subject, dataset, plan, &ProgressBar::hidden())
    }
}

impl Oracle for OneThing {
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart {
        encode_timeline(timeline, &self.vocabulary, &self.phenotypes, as_of)
    }

    fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn pairs(&self) -> &[KnownPair] {
        &self.pairs
    }

    fn pair_risks(&self, charts: &[EncodedChart]) -> Vec<Vec<Risk>> {
        let each = |chart| self.pairs.iter().map(|pair| pair.risk(chart, 50.0, self.risk(chart) / 4.0, None)).collect();
        charts.iter().map(each).collect()
    }

    fn answer(&self, batch: &[Question]) -> Vec<Answer> {
        let answer = |question: &Question| {
            let risks = self.outcomes.iter().map(|outcome| Risk {
                phenotype: outcome.phenotype.clone(),
                horizon_days: outcome.horizon_days,
                risk: self.risk(&question.chart),
                interval: None,
                baseline_risk: 0.1,
                abstained: None,
            });
            let place = question.chart.events.iter().position(|event| Some(event.key) == self.key);
            let reason = |place: usize| Reason { event: place as u32, occurrences: 1, risk_without: 0.05 };
            let reasons = question.explain.iter().take(question.max_explained).filter_map(|explain| {
                Some(Reasons {
                    phenotype: explain.phenotype.as_str().into(),
                    horizon_days: explain.horizon_days,
                    reasons: vec![reason(place?)],
                })
            });
            Answer { risks: risks.collect(), reasons: reasons.collect(), pairs: vec![], abstained: None }
        };
        batch.iter().map(answer).collect()
    }

    fn tokens(&self, question: &Question) -> usize {
        question.chart.events.len()
    }

    fn identity(&self) -> &str {
        "one-thing@0"
    }
}
