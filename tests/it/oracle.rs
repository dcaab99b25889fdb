//! A small real model for tests of everything around a model: each risk is a logistic curve over age.

use prodrome::patient_record::timeline::{Second, Timeline};
use prodrome::prediction::answer::{Abstention, Answer, Explain, Oracle, Question, Reason, Reasons, Risk};
use prodrome::prediction::model::Outcome;
use prodrome::prediction::phenotype::{DEFAULT, Phenotypes, Standing};
use prodrome::prediction::vocabulary::{EncodedChart, Vocabulary, encode_timeline};
use std::time::Duration;

/// Risk one half at this age, from then on above every threshold.
const TURNING_AGE: f64 = 60.0;

/// A model that knows ages alone.
pub struct AgeOracle {
    phenotypes: Phenotypes,
    vocabulary: Vocabulary,
    outcomes: Vec<Outcome>,
    /// How long a batch takes.
    pace: Duration,
}

impl AgeOracle {
    pub fn new(pace: Duration) -> Self {
        let phenotypes = Phenotypes::parse(DEFAULT).expect("the compiled-in phenotypes");
        let outcome = |name: &str, title: &str, group, horizon_days| Outcome {
            phenotype: name.into(),
            title: title.into(),
            group,
            horizon_days,
            alert_threshold: 0.5,
            false_alerts: Vec::new(),
            silent: None,
        };
        let outcomes = phenotypes
            .outcomes
            .iter()
            .flat_map(|(name, phenotype)| {
                phenotypes.horizons_days.iter().map(move |&days| outcome(name, &phenotype.title, phenotype.group, days))
            })
            .collect();
        Self { phenotypes, vocabulary: Vocabulary::new(vec![], vec![], vec![]), outcomes, pace }
    }

    fn answer_one(&self, question: &Question) -> Answer {
        let chart = &question.chart;
        let age = chart.birth_day.map(|birth| f64::from(chart.as_of_day - birth) / 365.25);
        let risk = 1.0 / (1.0 + ((TURNING_AGE - age.unwrap_or(0.0)) / 10.0).exp());
        let abstained = match age {
            None => Some(Abstention::AgeOutOfRange),
            Some(_) if chart.deceased => Some(Abstention::Deceased),
            Some(_) if chart.events.is_empty() => Some(Abstention::ThinChart),
            Some(_) => None,
        };
        let risks = self.outcomes.iter().enumerate().map(|(index, outcome)| Risk {
            phenotype: outcome.phenotype.clone(),
            horizon_days: outcome.horizon_days,
            risk,
            interval: None,
            baseline_risk: risk / 2.0,
            abstained: match chart.standing.get(index / self.phenotypes.horizons_days.len()) {
                Some(Standing::AtRisk) => None,
                Some(Standing::Present) => Some(Abstention::AlreadyPresent),
                Some(Standing::NotEligible) | None => Some(Abstention::NotEligible),
            },
        });
        let explained = question.explain.iter().filter(|explain| risk >= explain.at_least);
        let reasons = explained.take(question.max_explained).map(|explain| reasons(explain, chart, risk)).collect();
        Answer { risks: risks.collect(), reasons, abstained }
    }
}

fn reasons(explain: &Explain, chart: &EncodedChart, risk: f64) -> Reasons {
    let last = chart.events.len().checked_sub(1).map(|last| last as u32);
    let reason = |event| Reason { event, occurrences: 1, risk_without: risk * 0.8 };
    Reasons {
        phenotype: explain.phenotype.as_str().into(),
        horizon_days: explain.horizon_days,
        reasons: last.map(reason).into_iter().collect(),
    }
}

impl Oracle for AgeOracle {
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart {
        encode_timeline(timeline, &self.vocabulary, &self.phenotypes, as_of)
    }

    fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn answer(&self, batch: &[Question]) -> Vec<Answer> {
        std::thread::sleep(self.pace);
        batch.iter().map(|question| self.answer_one(question)).collect()
    }

    fn tokens(&self, question: &Question) -> usize {
        question.chart.events.len().min(128)
    }

    fn identity(&self) -> &str {
        "age-oracle@0"
    }
}
