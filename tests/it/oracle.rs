//! A small real model for tests of everything around a model: each risk is a logistic curve over age.

use prodrome::patient_record::timeline::Sex;
use prodrome::patient_record::timeline::{Second, Timeline};
use prodrome::prediction::answer::{Abstention, Answer, Explain, Oracle, PairRisk, Question, Reason, Reasons, Risk};
use prodrome::prediction::calibration::{AgeSexTable, Line};
use prodrome::prediction::interval::Spread;
use prodrome::prediction::model::Outcome;
use prodrome::prediction::occasion::Occasions;
use prodrome::prediction::package::FittedPair;
use prodrome::prediction::pairs::KnownPair;
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
    pairs: Vec<KnownPair>,
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
        let pairs = pairs(&phenotypes);
        Self { phenotypes, vocabulary: Vocabulary::new(vec![], vec![], vec![]), outcomes, pairs, pace }
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
        let pairs = question.pairs.iter().filter_map(|asked| {
            let pair = self.pairs.iter().find(|pair| pair.name == asked.pair)?;
            let years = age.unwrap_or(0.0);
            Some(PairRisk { pair: pair.name.clone(), risk: pair.risk(chart, years, risk, abstained), reasons: vec![] })
        });
        Answer { risks: risks.collect(), reasons, pairs: pairs.collect(), abstained }
    }
}

/// Every pair of the phenotypes, as sure as the model of ages is; those of metformin have no skill.
fn pairs(phenotypes: &Phenotypes) -> Vec<KnownPair> {
    let average = AgeSexTable::fit((30..90).map(|age| (f64::from(age), Sex::Female, age % 4 == 0)));
    let fitted = |name: &str| FittedPair {
        pair: name.into(),
        line: Line::UNCHANGED,
        spread: Spread { slope: 0.01, intercept: 0.01, both: 0.0 },
        baseline: average.clone(),
        silent: name.starts_with("metformin").then_some(Abstention::NoSkill),
        skill: None,
    };
    let known = |name: &String| KnownPair::new(fitted(name), phenotypes).expect("a pair of the phenotypes");
    phenotypes.occasions.pairs.iter().map(|(name, _)| known(name)).collect()
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

    fn pairs(&self) -> &[KnownPair] {
        &self.pairs
    }

    fn occasions(&self) -> Option<&Occasions> {
        Some(&self.phenotypes.occasions)
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
