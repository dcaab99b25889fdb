//! A loaded model: the package's parts joined into answers.
//!
//! Owns the way from an encoded chart to calibrated risks and reasons: every reader's hazards are averaged as
//! risks, moved along the calibration line, and kept from falling with a longer horizon. Reasons are found by
//! leaving facts out. Refuses to load a package whose parts do not match.

use super::answer::{Abstention, Answer, AskPair, Explain, Oracle, PairRisk, Question, Reason, Reasons, Risk};
use super::distance::Distance;
use super::engine::AskError;
use super::false_alerts::FalseAlerts;
use super::network::{
    Facts, Hazards, History, NetworkConfig, Parameters, Reader, ReaderConfig, Reading, Transformer, Trees, facts, risk,
    text_buckets,
};
use super::occasion::Occasions;
use super::package::{CALIBRATION, DISTANCE, Fitted, Limits, PHENOTYPES, Package, VOCABULARY};
use super::pairs::{KnownPair, pairs};
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
    /// Thresholds that keep false alerts rare, by the share promised; empty where the package has none.
    pub false_alerts: Vec<FalseAlerts>,
    /// Why it is never shown, if so.
    pub silent: Option<Abstention>,
}

/// A risk moved along its line, with its interval where the package knows one.
#[derive(Clone, Copy)]
struct Calibrated {
    risk: f64,
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
    readers: Vec<WeightedReader>,
    text_buckets: usize,
    context: usize,
    limits: Limits,
    distance: Option<Distance>,
    outcomes: Vec<Outcome>,
    computed: Vec<Computed>,
    pairs: Vec<KnownPair>,
    identity: String,
}

impl Model {
    /// Loads and checks a package folder (`models/prodrome-s`).
    pub fn load(folder: &Path) -> Result<Self, PackageError> {
        let package = Package::open(folder)?;
        let vocabulary: Vocabulary = package.json::<Vocabulary>(VOCABULARY)?.indexed();
        let phenotypes = Phenotypes::parse(package.text(PHENOTYPES)?).map_err(|e| package.misfit(e.to_string()))?;
        vocabulary.check().map_err(|why| package.misfit(why))?;
        let readers = readers(&package, &vocabulary, phenotypes.outcomes.len())?;
        // Facts need neither text nor a window; a package without a transformer has no use for either number.
        let days = package.manifest.readers.iter().find_map(|packaged| match &packaged.reader {
            ReaderConfig::Days(config) => Some((config.text_buckets, config.context)),
            ReaderConfig::Facts(_) | ReaderConfig::Trees(_) => None,
        });
        let (text_buckets, context) = days.unwrap_or((1, usize::MAX));
        let (outcomes, computed) = outcomes(&package, &phenotypes)?;
        let identity = format!("{}@{}", package.manifest.name, package.fingerprint);
        let limits = package.manifest.limits.clone();
        let distance = distance(&package, computed.len())?;
        let pairs = pairs(&package, &phenotypes)?;
        Ok(Self {
            vocabulary,
            phenotypes,
            readers,
            text_buckets,
            context,
            limits,
            distance,
            outcomes,
            computed,
            pairs,
            identity,
        })
    }

    /// The readers whose risks are averaged, each with how much it counts.
    pub fn readers(&self) -> &[WeightedReader] {
        &self.readers
    }

    /// Text buckets that histories are prepared with, and the days of a window.
    pub fn reads(&self) -> (usize, usize) {
        (self.text_buckets, self.context)
    }

    /// Risk of each reading's outcomes averaged over readers, not calibrated: `[reading][outcome and horizon]`, in the
    /// order of [`Oracle::outcomes`]. For who calibrates anew; nobody is shown these.
    pub fn raw(&self, readings: &[Reading]) -> candle_core::Result<Vec<Vec<f64>>> {
        let by_reader = self.hazards(readings)?;
        Ok((0..readings.len()).map(|row| self.averages(&by_reader, row)).collect())
    }

    /// What every reader says: `[reader][reading]`.
    fn hazards(&self, readings: &[Reading]) -> candle_core::Result<Vec<Vec<Hazards>>> {
        self.readers.iter().map(|one| one.reader.hazards(readings)).collect()
    }

    /// One risk of a reading, averaged over readers.
    fn average(&self, by_reader: &[Vec<Hazards>], row: usize, outcome: usize, bins: usize) -> f64 {
        let whole: f64 = self.readers.iter().map(|one| one.weight).sum();
        let each = self.readers.iter().zip(by_reader);
        each.map(|(one, all)| one.weight * risk(&all[row], outcome, bins)).sum::<f64>() / whole
    }

    /// The risks of a reading, in the order of [`Oracle::outcomes`].
    fn averages(&self, by_reader: &[Vec<Hazards>], row: usize) -> Vec<f64> {
        let of = |computed: &Computed| self.average(by_reader, row, computed.outcome, computed.bins);
        self.computed.iter().map(of).collect()
    }

    fn pair_risks_of(&self, charts: &[EncodedChart]) -> candle_core::Result<Vec<Vec<Risk>>> {
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

    fn calibrated(&self, raw: &[f64]) -> Vec<Calibrated> {
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

    /// Why nothing may be shown for a chart of which the readers say `raw`.
    fn abstention(&self, chart: &EncodedChart, history: &History, raw: &[f64]) -> Option<Abstention> {
        let known = history.known_days(chart.as_of_day);
        let age = chart.birth_day.map(|_| history.age_years(chart.as_of_day) as f64);
        let first = history.days.first().map_or(chart.as_of_day, |day| day.day);
        let window = &history.days[known.saturating_sub(self.context.saturating_sub(1))..known];
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
        } else if self.is_far(raw) {
            Some(Abstention::UnlikeCalibration)
        } else {
            None
        }
    }

    /// Whether the readers say of a chart what they say of hardly any calibration chart.
    fn is_far(&self, raw: &[f64]) -> bool {
        let limit = self.limits.most_distance.zip(self.distance.as_ref());
        limit.is_some_and(|(limit, distance)| distance.of(raw) > limit)
    }

    /// Answers the question of one row of a batch.
    fn answer_one(
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
        let reading = Reading { history, day: question.chart.as_of_day, without: &[] };
        wanted.into_iter().map(|(index, _)| self.reasons_for(index, risks[index].risk, reading)).collect()
    }

    fn reasons_for(&self, index: usize, with: f64, reading: Reading) -> candle_core::Result<Reasons> {
        let computed = &self.computed[index];
        let calibrated = |by_reader: &[Vec<Hazards>], row: usize| {
            self.calibrated(&self.averages(by_reader, row)).get(index).map_or(with, |one| one.risk)
        };
        let reasons = self.reasons_of((computed.outcome, computed.bins), with, reading, calibrated)?;
        let outcome = &self.outcomes[index];
        Ok(Reasons { phenotype: outcome.phenotype.clone(), horizon_days: outcome.horizon_days, reasons })
    }

    /// The facts whose leaving-out moves the risk of an outcome within so many bins most. `with`: the risk with all of
    /// them; `calibrated`: the same risk of a row of hazards.
    fn reasons_of(
        &self,
        (outcome, bins): (usize, usize),
        with: f64,
        reading: Reading,
        calibrated: impl Fn(&[Vec<Hazards>], usize) -> f64,
    ) -> candle_core::Result<Vec<Reason>> {
        let mut effects: HashMap<u32, f64> = HashMap::new();
        for one in &self.readers {
            for (key, effect) in one.reader.influence(reading, outcome, bins)? {
                *effects.entry(key).or_default() += one.weight * f64::from(effect);
            }
        }
        effects.retain(|key, _| !self.never_evidence(*key));
        let mut effects: Vec<(u32, f64)> = effects.into_iter().collect();
        effects.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        effects.truncate(EXACT_REASONS);
        let keys: Vec<u32> = effects.into_iter().map(|(key, _)| key).collect();
        let readings: Vec<Reading> =
            keys.iter().map(|key| Reading { without: std::slice::from_ref(key), ..reading }).collect();
        let without = self.hazards(&readings)?;
        let occurring = reading.history.occurrences(reading.day, &keys);
        let mut reasons: Vec<Reason> = occurring
            .into_iter()
            .enumerate()
            .map(|(row, (latest, occurrences))| Reason {
                event: latest as u32,
                occurrences,
                risk_without: calibrated(&without, row),
            })
            .collect();
        reasons.sort_by(|a, b| (b.risk_without - with).abs().total_cmp(&(a.risk_without - with).abs()));
        reasons.truncate(MOST_REASONS);
        Ok(reasons)
    }

    /// Whether a key is one that says nothing to a clinician, such as a review that falls due at every visit.
    fn never_evidence(&self, key: u32) -> bool {
        let entry = self.vocabulary.keys.get(key as usize);
        entry.is_some_and(|entry| self.phenotypes.is_never_evidence(&entry.key))
    }
}

/// A reader and how much its risks count.
pub struct WeightedReader {
    pub reader: Box<dyn Reader>,
    pub weight: f64,
}

/// The package's readers, each proved to be made for this vocabulary and these outcomes.
fn readers(package: &Package, vocabulary: &Vocabulary, named: usize) -> Result<Vec<WeightedReader>, PackageError> {
    if package.manifest.readers.is_empty() {
        return Err(package.misfit("it holds no reader"));
    }
    let mut readers = Vec::new();
    for packaged in &package.manifest.readers {
        if packaged.reader.trained_with() != (vocabulary.keys.len(), vocabulary.numbers.len(), named) {
            let why = format!("`{}` was trained with another vocabulary or other phenotypes", packaged.file);
            return Err(package.misfit(why));
        }
        if !(packaged.weight.is_finite() && packaged.weight > 0.0) {
            return Err(package.misfit(format!("`{}` has no weight above 0", packaged.file)));
        }
        packaged.reader.check().map_err(|why| package.misfit(why))?;
        let weights = package.parameters(&packaged.file)?;
        let reader = reader(packaged.reader.clone(), weights, vocabulary)
            .map_err(|error| package.misfit(format!("`{}`: {error}", packaged.file)))?;
        readers.push(WeightedReader { reader, weight: packaged.weight });
    }
    Ok(readers)
}

/// A reader of the kind and shape that a package names, with the weights that it keeps.
pub fn reader(
    config: ReaderConfig,
    weights: Parameters,
    vocabulary: &Vocabulary,
) -> candle_core::Result<Box<dyn Reader>> {
    Ok(match config {
        ReaderConfig::Facts(config) => {
            Box::new(Facts::packaged(config, weights, Arc::new(facts::Words::of(vocabulary)))?)
        }
        ReaderConfig::Trees(config) => {
            Box::new(Trees::packaged(config, weights, Arc::new(facts::Words::of(vocabulary)))?)
        }
        ReaderConfig::Days(config) => {
            let keys = known_keys(vocabulary, config.text_buckets);
            Box::new(Transformer::new(config, weights, &keys)?.freeze()?)
        }
    })
}

/// Kind and text pieces of every known key, as a transformer wants them.
pub fn known_keys(vocabulary: &Vocabulary, pieces: usize) -> Vec<(usize, Vec<u32>)> {
    vocabulary.keys.iter().map(|key| (key.kind as usize, text_buckets(&key.display, pieces))).collect()
}

/// How unlike calibration charts a chart is; packages of before have none.
fn distance(package: &Package, risks: usize) -> Result<Option<Distance>, PackageError> {
    if package.manifest.limits.most_distance.is_none() {
        return Ok(None);
    }
    let distance: Distance = package.json(DISTANCE)?;
    match distance.fits(risks) {
        true => Ok(Some(distance)),
        false => Err(package.misfit(format!("`{DISTANCE}` is not one of {risks} risks"))),
    }
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
                false_alerts: fitted.false_alerts.clone(),
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

    fn pairs(&self) -> &[KnownPair] {
        &self.pairs
    }

    fn occasions(&self) -> Option<&Occasions> {
        Some(&self.phenotypes.occasions)
    }

    fn phenotypes(&self) -> Option<&Phenotypes> {
        Some(&self.phenotypes)
    }

    fn state(&self, chart: &EncodedChart) -> Result<Vec<f32>, AskError> {
        let history = History::new(chart, &self.vocabulary, self.text_buckets);
        let reading = [Reading { history: &history, day: chart.as_of_day, without: &[] }];
        let states: candle_core::Result<Vec<_>> = self.readers.iter().map(|one| one.reader.states(&reading)).collect();
        Ok(states.map_err(|_| AskError::Failed)?.into_iter().flatten().flatten().collect())
    }

    fn pair_risks(&self, charts: &[EncodedChart]) -> Vec<Vec<Risk>> {
        let risks = self.pair_risks_of(charts);
        risks.unwrap_or_else(|error| panic!("the network cannot read a window that was built for it: {error}"))
    }

    fn answer(&self, batch: &[Question]) -> Vec<Answer> {
        let prepare = |question: &Question| History::new(&question.chart, &self.vocabulary, self.text_buckets);
        let histories: Vec<History> = batch.iter().map(prepare).collect();
        let readings: Vec<Reading> = histories
            .iter()
            .zip(batch)
            .map(|(history, question)| Reading { history, day: question.chart.as_of_day, without: &[] })
            .collect();
        let answers = self.hazards(&readings).and_then(|by_reader| {
            let each = batch.iter().zip(&histories).enumerate();
            each.map(|(row, (question, history))| self.answer_one(question, history, (&by_reader, row))).collect()
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
