//! Pairs of an occasion and an outcome, on days of the occasion of the patients that are judged.
//!
//! Owns which days are asked about and the figures of each pair. Labels are our own and begin with the day itself: there is
//! no gap. Age and sex are the averages that the package brings, fitted on such days of its training patients.

use super::cohort::{Window, eligible_days, label};
use super::figures::{Estimate, LEAST_EVENTS};
use super::labels::Key;
use super::metrics::{Ranking, calibration_error, interval};
use super::run::Subject;
use super::slope::ClusteredLine;
use crate::learning::life::ShardReader;
use crate::learning::pairs::some_of;
use crate::learning::shard::{Dataset, PatientRow};
use crate::learning::train::TrainSettings;
use crate::learning::train::windows::seed_of;
use crate::prediction::pairs::KnownPair;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::EncodedChart;
use anyhow::bail;
use indicatif::ProgressBar;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Charts that are asked about together.
const BATCH: usize = 64;

/// One pair on the patients that are judged.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedPair {
    pub pair: String,
    pub title: String,
    pub occasion: String,
    pub outcome: String,
    pub within_days: u32,
    /// Why the package never answers for it, if so.
    pub silent: Option<&'static str>,
    /// Those who could have the outcome and were watched to the end of the window.
    pub patients: usize,
    pub index_days: usize,
    /// Index days that the outcome followed.
    pub events: usize,
    /// `None` with fewer than [`LEAST_EVENTS`] events.
    pub figures: Option<PairFigures>,
}

/// How well a pair is told apart and how true its risks are.
#[derive(Clone, Debug, Serialize)]
pub struct PairFigures {
    pub auroc: Estimate,
    pub age_sex_auroc: Estimate,
    pub above_age_sex: Estimate,
    /// Of the logistic line; 1 when true.
    pub slope: Option<Estimate>,
    /// Expected calibration error.
    pub error: f64,
}

/// One index day of one pair.
#[derive(Clone, Copy)]
struct Row {
    patient: u32,
    risk: f64,
    average: f64,
    event: bool,
}

/// What followed an index day, by pair; `None` where the pair does not ask about it.
struct Followed {
    patient: u32,
    events: Vec<Option<bool>>,
}

/// A chart that is to be asked about, and what followed.
type Asked = (EncodedChart, Followed);

/// How often each row counts.
type Weight<'a> = &'a dyn Fn(usize) -> f64;

/// Judges every pair that the model knows and the phenotypes define alike. `patients`: their keys and the draws of them.
pub fn judge_pairs(
    subject: Subject<'_>,
    dataset: &Dataset,
    (keys, draws): (&[Key], &[Vec<u16>]),
    seed: u64,
    progress: &ProgressBar,
) -> anyhow::Result<Vec<JudgedPair>> {
    let pairs = Places::of(subject);
    if pairs.places.is_empty() {
        return Ok(Vec::new());
    }
    progress.set_message("asking about discharges and drug starts");
    progress.set_length(keys.len() as u64);
    progress.set_position(0);
    let numbers: HashMap<&Key, u32> = keys.iter().zip(0..).collect();
    let mut rows: Vec<Vec<Row>> = vec![Vec::new(); pairs.places.len()];
    let mut waiting: Vec<Asked> = Vec::new();
    for shard in dataset.shards() {
        let shard = shard?;
        let reader = ShardReader::new(&shard, subject.vocabulary, subject.phenotypes);
        for patient in &shard.patients {
            let Some(&number) = numbers.get(&patient.key) else { continue };
            waiting.extend(pairs.questions(patient, number, &reader, seed));
            if waiting.len() >= BATCH {
                pairs.ask(&mut waiting, &mut rows)?;
            }
            progress.inc(1);
        }
    }
    pairs.ask(&mut waiting, &mut rows)?;
    Ok(pairs.places.iter().zip(&rows).map(|(place, rows)| place.judge(rows, keys.len(), draws)).collect())
}

/// A pair of the model and where it stands.
struct Place<'a> {
    known: &'a KnownPair,
    /// Index among the model's pairs.
    at: usize,
    /// Indices among the subject's occasions and outcomes.
    occasion: usize,
    outcome: usize,
}

struct Places<'a> {
    subject: Subject<'a>,
    places: Vec<Place<'a>>,
}

impl<'a> Places<'a> {
    fn of(subject: Subject<'a>) -> Self {
        let place = |(at, known): (usize, &'a KnownPair)| {
            let phenotypes: &Phenotypes = subject.phenotypes;
            let defined = phenotypes.occasions.pair(&known.name)?;
            let alike = *defined.outcome == *known.phenotype && defined.within_days == known.within_days;
            let occasion = phenotypes.occasions.index(&defined.occasion)?;
            alike.then_some(Place { known, at, occasion, outcome: phenotypes.index(&defined.outcome)? })
        };
        Self { subject, places: subject.oracle.pairs().iter().enumerate().filter_map(place).collect() }
    }

    /// The occasion days of one patient, each with what followed it.
    fn questions(&self, patient: &PatientRow, number: u32, reader: &ShardReader, seed: u64) -> Vec<Asked> {
        let days = reader.occasion_days(patient);
        let occasions: BTreeSet<usize> = self.places.iter().map(|place| place.occasion).collect();
        let own = u64::from_le_bytes(std::array::from_fn(|byte| patient.key[byte]));
        let chosen: Vec<(usize, Vec<i32>)> = occasions
            .into_iter()
            .map(|occasion| {
                let days = eligible_days(TrainSettings::default().data.within_years, patient, &days[occasion]);
                (occasion, some_of(days, seed_of([seed, occasion as u64, own])))
            })
            .collect();
        let all: BTreeSet<i32> = chosen.iter().flat_map(|(_, days)| days.iter().copied()).collect();
        if all.is_empty() {
            return Vec::new();
        }
        let outcomes = reader.outcome_days(patient);
        let followed = |place: &Place, day: i32| {
            let is_its_day = chosen.iter().any(|(occasion, days)| *occasion == place.occasion && days.contains(&day));
            let window = Window { gap_days: 0, horizon_days: place.known.within_days as i32 };
            let watched = day + window.horizon_days <= patient.follow_up_end;
            let days = &outcomes[place.outcome];
            let label = || label(self.subject.phenotypes, place.outcome, days, patient.sex, day, window);
            (is_its_day && watched).then(label).flatten()
        };
        let ask = |day: i32| {
            let events = self.places.iter().map(|place| followed(place, day)).collect();
            (reader.chart(patient, &outcomes, day), Followed { patient: number, events })
        };
        all.into_iter().map(ask).collect()
    }

    /// Asks about all who wait and adds a row to each pair that has something to compare with.
    fn ask(&self, waiting: &mut Vec<Asked>, rows: &mut [Vec<Row>]) -> anyhow::Result<()> {
        let (charts, followed): (Vec<EncodedChart>, Vec<Followed>) = std::mem::take(waiting).into_iter().unzip();
        let said = self.subject.oracle.pair_risks(&charts);
        if said.len() != charts.len() || said.iter().any(|risks| risks.len() != self.subject.oracle.pairs().len()) {
            bail!("the model does not answer for every pair of every chart");
        }
        for (risks, Followed { patient, events }) in said.iter().zip(followed) {
            for ((place, event), rows) in self.places.iter().zip(events).zip(rows.iter_mut()) {
                let Some(event) = event else { continue };
                let risk = &risks[place.at];
                rows.push(Row { patient, risk: risk.risk, average: risk.baseline_risk, event });
            }
        }
        Ok(())
    }
}

impl Place<'_> {
    fn judge(&self, rows: &[Row], patients: usize, draws: &[Vec<u16>]) -> JudgedPair {
        let known = self.known;
        let events = rows.iter().filter(|row| row.event).count();
        JudgedPair {
            pair: known.name.to_string(),
            title: known.title.clone(),
            occasion: known.occasion.clone(),
            outcome: known.phenotype.to_string(),
            within_days: known.within_days,
            silent: known.fitted.silent.map(|why| why.as_str()),
            patients: rows.iter().map(|row| row.patient).collect::<BTreeSet<_>>().len(),
            index_days: rows.len(),
            events,
            figures: if events < LEAST_EVENTS { None } else { PairFigures::of(rows, patients, draws) },
        }
    }
}

impl PairFigures {
    /// `None` where nothing but events leaves nothing to tell apart.
    fn of(rows: &[Row], patients: usize, draws: &[Vec<u16>]) -> Option<Self> {
        let events: Vec<bool> = rows.iter().map(|row| row.event).collect();
        let risks: Vec<f64> = rows.iter().map(|row| row.risk).collect();
        let averages: Vec<f64> = rows.iter().map(|row| row.average).collect();
        let (ours, theirs) = (Ranking::new(&events, &risks), Ranking::new(&events, &averages));
        let patient = |row: usize| rows[row].patient as usize;
        let line: Vec<(u32, f64, bool)> = rows.iter().map(|row| (row.patient, row.risk, row.event)).collect();
        Some(Self {
            auroc: estimate(draws, patient, |weight| ours.auroc(weight))?,
            age_sex_auroc: estimate(draws, patient, |weight| theirs.auroc(weight))?,
            above_age_sex: estimate(draws, patient, |weight| Some(ours.auroc(weight)? - theirs.auroc(weight)?))?,
            slope: ClusteredLine::fit(&line, patients).and_then(|line| line.slope(draws)),
            error: calibration_error(&events, &risks),
        })
    }
}

/// A figure with its interval over draws of patients; `patient` of each row.
fn estimate(
    draws: &[Vec<u16>],
    patient: impl Fn(usize) -> usize,
    figure: impl Fn(Weight) -> Option<f64>,
) -> Option<Estimate> {
    let value = figure(&|_| 1.0)?;
    let (low, high) = interval(draws.iter().map(|draw| figure(&|row| f64::from(draw[patient(row)]))))?;
    Some(Estimate { value, low, high })
}
