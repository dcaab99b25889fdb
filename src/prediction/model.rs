//! A loaded model: the package's parts joined into answers.
//!
//! Owns the way from an encoded chart to calibrated risks and reasons: every reader's hazards are averaged as
//! risks, moved along the calibration line, and kept from falling with a longer horizon. Reasons are found by
//! leaving facts out. Refuses to load a package whose parts do not match.

use super::answer::{Abstention, Answer, Explain, Oracle, Question, Reason, Reasons, Risk};
use super::network::{Hazards, History, NetworkConfig, Reader, Reading, Transformer, risk, text_buckets};
use super::package::{CALIBRATION, Fitted, Limits, PHENOTYPES, Package, VOCABULARY};
use super::phenotype::{Group, Phenotypes, Standing};
use super::vocabulary::{EncodedChart, Vocabulary, encode_timeline};
use crate::patient_record::timeline::{Second, Sex, Timeline};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

pub use super::package::PackageError;

/// Facts whose leaving-out is computed exactly, chosen by first-order influence.
const EXACT_REASONS: usize = 12;
/// Reasons given at most.
const MOST_REASONS: usize = 6;

/// What the package knows of one outcome within one horizon, apart from any patient.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub phenotype: Arc<str>,
    pub title: String,
    pub group: Group,
    pub horizon_days: u32,
    /// The calibrated risk above which 5 % of the calibration split's index dates lie.
    pub alert_threshold: f64,
    /// Why it is never shown, if so.
    pub silent: Option<Abstention>,
}

/// How one outcome within one horizon is computed.
struct Computed {
    /// Index among the phenotypes.
    outcome: usize,
    /// Bins that end within the horizon.
    bins: usize,
    fitted: Fitted,
}

/// A package in memory, ready to answer.
pub struct Model {
    pub vocabulary: Vocabulary,
    pub phenotypes: Phenotypes,
    readers: Vec<Box<dyn Reader>>,
    text_buckets: usize,
    context: usize,
    limits: Limits,
    outcomes: Vec<Outcome>,
    computed: Vec<Computed>,
    identity: String,
}

impl Model {
    /// Loads and checks a package folder (`models/prodrome-s`).
    pub fn load(folder: &Path) -> Result<Self, PackageError> {
        let package = Package::open(folder)?;
        let vocabulary: Vocabulary = package.json::<Vocabulary>(VOCABULARY)?.indexed();
        let phenotypes = Phenotypes::parse(package.text(PHENOTYPES)?).map_err(|e| package.misfit(e.to_string()))?;
        let config = package.manifest.network.clone();
        if config.keys != vocabulary.keys.len() || config.numbers != vocabulary.numbers.len() {
            return Err(package.misfit("the vocabulary is not the one that the network was trained with"));
        }
        if config.named != phenotypes.outcomes.len() || package.manifest.networks.is_empty() {
            return Err(package.misfit("the phenotypes are not those that the network was trained with"));
        }
        config.check().and_then(|()| vocabulary.check()).map_err(|why| package.misfit(why))?;
        let keys: Vec<(usize, Vec<u32>)> = vocabulary
            .keys
            .iter()
            .map(|key| (key.kind as usize, text_buckets(&key.display, config.text_buckets)))
            .collect();
        let mut readers: Vec<Box<dyn Reader>> = Vec::new();
        for file in &package.manifest.networks {
            let network = Transformer::new(config.clone(), package.parameters(file)?, &keys);
            let network =
                network.and_then(Transformer::freeze).map_err(|e| package.misfit(format!("`{file}`: {e}")))?;
            readers.push(Box::new(network));
        }
        let (outcomes, computed) = outcomes(&package, &phenotypes)?;
        let identity = format!("{}@{}", package.manifest.name, package.fingerprint);
        let limits = package.manifest.limits.clone();
        let (text_buckets, context) = (config.text_buckets, config.context);
        Ok(Self { vocabulary, phenotypes, readers, text_buckets, context, limits, outcomes, computed, identity })
    }

    /// Risk of each readings' outcomes, averaged over readers and calibrated: `[reading][computed]`.
    fn risks(&self, readings: &[Reading]) -> candle_core::Result<Vec<Vec<f64>>> {
        let by_reader: Vec<Vec<Hazards>> =
            self.readers.iter().map(|reader| reader.hazards(readings)).collect::<candle_core::Result<_>>()?;
        Ok((0..readings.len()).map(|row| self.calibrated(by_reader.iter().map(|hazards| &hazards[row]))).collect())
    }

    fn calibrated<'a>(&self, readers: impl Iterator<Item = &'a Hazards> + Clone) -> Vec<f64> {
        let n = self.readers.len() as f64;
        let mut risks: Vec<f64> = Vec::with_capacity(self.computed.len());
        for (index, computed) in self.computed.iter().enumerate() {
            let raw = readers.clone().map(|hazards| risk(hazards, computed.outcome, computed.bins)).sum::<f64>() / n;
            let mut calibrated = computed.fitted.line.apply(raw);
            // Horizons of one outcome stand in rising order, each calibrated by itself: a longer one cannot be rarer.
            if index > 0 && self.computed[index - 1].outcome == computed.outcome {
                calibrated = calibrated.max(risks[index - 1]);
            }
            risks.push(calibrated);
        }
        risks
    }

    /// Why nothing may be shown for a chart.
    fn abstention(&self, chart: &EncodedChart, history: &History) -> Option<Abstention> {
        let known = history.known_days(chart.as_of_day);
        let age = chart.birth_day.map(|_| history.age_years(chart.as_of_day) as f64);
        let first = history.days.first().map_or(chart.as_of_day, |day| day.day);
        let window = &history.days[known.saturating_sub(self.context - 1)..known];
        let entries =
            window.first().map_or(0, |day| day.start as usize)..window.last().map_or(0, |day| day.end as usize);
        let keys = self.vocabulary.keys.len() as u32;
        let unknown = history.entries[entries.clone()].iter().filter(|entry| entry.key >= keys).count();
        let limits = &self.limits;
        if chart.deceased {
            Some(Abstention::Deceased)
        } else if age.is_none_or(|age| age < limits.least_age_years || age > limits.most_age_years) {
            Some(Abstention::AgeOutOfRange)
        } else if chart.sex == Sex::Unknown {
            Some(Abstention::SexUnknown)
        } else if known < limits.least_active_days || chart.as_of_day - first < limits.least_history_days {
            Some(Abstention::ThinChart)
        } else if unknown as f64 > limits.most_unknown_share * entries.len().max(1) as f64 {
            Some(Abstention::UnfamiliarCodes)
        } else {
            None
        }
    }

    fn answer_one(&self, question: &Question, history: &History, risks: &[f64]) -> candle_core::Result<Answer> {
        let chart = &question.chart;
        let age = history.age_years(chart.as_of_day) as f64;
        let risks: Vec<Risk> = self
            .computed
            .iter()
            .zip(&self.outcomes)
            .zip(risks)
            .map(|((computed, outcome), &risk)| Risk {
                phenotype: outcome.phenotype.clone(),
                horizon_days: outcome.horizon_days,
                risk,
                baseline_risk: computed.fitted.baseline.rate(age, chart.sex),
                abstained: match chart.standing.get(computed.outcome) {
                    _ if outcome.silent == Some(Abstention::NotActionable) => outcome.silent,
                    Some(Standing::Present) => Some(Abstention::AlreadyPresent),
                    Some(Standing::NotEligible) | None => Some(Abstention::NotEligible),
                    Some(Standing::AtRisk) => outcome.silent,
                },
            })
            .collect();
        let abstained = self.abstention(chart, history);
        let reasons = match abstained {
            None => self.reasons(question, history, &risks)?,
            Some(_) => Vec::new(),
        };
        Ok(Answer { risks, reasons, abstained })
    }

    /// Reasons for the outcomes that were asked about and reach their bound, the farthest above it first.
    fn reasons(&self, question: &Question, history: &History, risks: &[Risk]) -> candle_core::Result<Vec<Reasons>> {
        let find = |explain: &Explain| {
            let same = |risk: &Risk| *risk.phenotype == *explain.phenotype && risk.horizon_days == explain.horizon_days;
            let index = risks.iter().position(same)?;
            let risk = &risks[index];
            let reached = risk.abstained.is_none() && risk.risk >= explain.at_least;
            reached.then(|| (index, risk.risk / explain.at_least.max(1e-9)))
        };
        let mut wanted: Vec<(usize, f64)> = question.explain.iter().filter_map(find).collect();
        wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
        wanted.truncate(question.max_explained);
        let reading = Reading { history, day: question.chart.as_of_day, without: None };
        wanted.into_iter().map(|(index, _)| self.reasons_for(index, risks[index].risk, reading)).collect()
    }

    fn reasons_for(&self, index: usize, with: f64, reading: Reading) -> candle_core::Result<Reasons> {
        let computed = &self.computed[index];
        let mut facts: HashMap<u32, Fact> = HashMap::new();
        for reader in &self.readers {
            for (entry, effect) in reader.influence(reading, computed.outcome, computed.bins)? {
                let fact = facts.entry(reading.history.entries[entry].key).or_default();
                fact.effect += effect;
                fact.latest = fact.latest.max(entry);
                fact.occurrences += 1;
            }
        }
        facts.retain(|key, _| !self.never_evidence(*key));
        let mut facts: Vec<(u32, Fact)> = facts.into_iter().collect();
        facts.sort_by(|a, b| b.1.effect.abs().total_cmp(&a.1.effect.abs()).then(a.0.cmp(&b.0)));
        facts.truncate(EXACT_REASONS);
        let readings: Vec<Reading> = facts.iter().map(|(key, _)| Reading { without: Some(*key), ..reading }).collect();
        let without = self.risks(&readings)?;
        let mut reasons: Vec<Reason> = facts
            .iter()
            .zip(without)
            .map(|((_, fact), risks)| Reason {
                event: fact.latest as u32,
                occurrences: fact.occurrences / self.readers.len() as u32,
                risk_without: risks[index],
            })
            .collect();
        reasons.sort_by(|a, b| (b.risk_without - with).abs().total_cmp(&(a.risk_without - with).abs()));
        reasons.truncate(MOST_REASONS);
        let outcome = &self.outcomes[index];
        Ok(Reasons { phenotype: outcome.phenotype.clone(), horizon_days: outcome.horizon_days, reasons })
    }

    /// Whether a key is one that says nothing to a clinician, such as a review that falls due at every visit.
    fn never_evidence(&self, key: u32) -> bool {
        let entry = self.vocabulary.keys.get(key as usize);
        entry.is_some_and(|entry| self.phenotypes.never_evidence.contains(&entry.key))
    }
}

/// A fact while its reasons are weighed.
#[derive(Default)]
struct Fact {
    effect: f32,
    latest: usize,
    occurrences: u32,
}

/// The package's outcomes in the order of the phenotypes and, within each, of rising horizons.
fn outcomes(package: &Package, phenotypes: &Phenotypes) -> Result<(Vec<Outcome>, Vec<Computed>), PackageError> {
    let mut fitted: Vec<Fitted> = package.json(CALIBRATION)?;
    let (mut outcomes, mut computed) = (Vec::new(), Vec::new());
    let mut horizons = phenotypes.horizons_days.clone();
    horizons.sort_unstable();
    for (index, (name, phenotype)) in phenotypes.outcomes.iter().enumerate() {
        for &horizon_days in &horizons {
            let at = fitted.iter().position(|fitted| fitted.phenotype == *name && fitted.horizon_days == horizon_days);
            let at = at.ok_or_else(|| package.misfit(format!("no calibration for `{name}` at {horizon_days} days")))?;
            let fitted = fitted.swap_remove(at);
            let bins = NetworkConfig::bins_within(horizon_days);
            let bins = bins.ok_or_else(|| package.misfit(format!("{horizon_days} days are no edge of the bins")))?;
            outcomes.push(Outcome {
                phenotype: name.as_str().into(),
                title: phenotype.title.clone(),
                group: phenotype.group,
                horizon_days,
                alert_threshold: fitted.alert_threshold,
                silent: if phenotype.group.may_be_shown() { fitted.silent } else { Some(Abstention::NotActionable) },
            });
            computed.push(Computed { outcome: index, bins, fitted });
        }
    }
    Ok((outcomes, computed))
}

impl Oracle for Model {
    fn encode(&self, timeline: &Timeline, as_of: Second) -> EncodedChart {
        encode_timeline(timeline, &self.vocabulary, &self.phenotypes, as_of)
    }

    fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    fn answer(&self, batch: &[Question]) -> Vec<Answer> {
        let prepare = |question: &Question| History::new(&question.chart, &self.vocabulary, self.text_buckets);
        let histories: Vec<History> = batch.iter().map(prepare).collect();
        let readings: Vec<Reading> = histories
            .iter()
            .zip(batch)
            .map(|(history, question)| Reading { history, day: question.chart.as_of_day, without: None })
            .collect();
        let answers = self.risks(&readings).and_then(|risks| {
            let each = batch.iter().zip(&histories).zip(&risks);
            each.map(|((question, history), risks)| self.answer_one(question, history, risks)).collect()
        });
        // Shapes were proved at loading and windows are built here: a failure is a fault of this program.
        answers.unwrap_or_else(|error| panic!("the network cannot read a window that was built for it: {error}"))
    }

    fn tokens(&self, question: &Question) -> usize {
        question.chart.events.len().min(self.context) + 2
    }

    fn identity(&self) -> &str {
        &self.identity
    }
}
