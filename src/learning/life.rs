//! One de-identified life as training and evaluation read it: dated events, the days of its outcomes, and the
//! chart that the model would have seen on a given day.
//!
//! Owns the one way from a shard row to an [`EncodedChart`]; it must say what `encode_timeline` says of the chart
//! that the row was made from, with days since birth as the calendar. Draws nothing and judges nothing.

use super::shard::{EventRow, PatientRow, Shard};
use crate::patient_record::timeline::Kind;
use crate::prediction::phenotype::{OutcomeDays, Phenotypes, Role};
use crate::prediction::vocabulary::{ChartEvent, EncodedChart, Vocabulary, read_by_the_model};
use std::collections::{HashMap, HashSet};

/// The events of a life with their days since birth.
pub fn dated(row: &PatientRow) -> impl Iterator<Item = (i32, &EventRow)> {
    row.events.iter().scan(0_i32, |day, event| {
        *day = day.saturating_add(event.after_days);
        Some((*day, event))
    })
}

/// Where a fact stands in the model's words.
#[derive(Clone, Copy)]
enum Word {
    /// Of a kind that the model does not read.
    NotRead,
    Known(u32),
    /// Unknown to the vocabulary; facts of one key share the number.
    Unknown(u32),
}

/// What one fact of a shard means.
struct Meaning {
    word: Word,
    role: Role,
    /// Number of the vocabulary by unit of the shard, for observations.
    numbers: Vec<(u16, u32)>,
}

/// A shard's facts in a vocabulary's words and phenotypes' roles, looked up once for all of its patients.
pub struct ShardReader<'a> {
    shard: &'a Shard,
    vocabulary: &'a Vocabulary,
    phenotypes: &'a Phenotypes,
    meanings: Vec<Meaning>,
}

impl<'a> ShardReader<'a> {
    /// Looks up every fact of the shard.
    pub fn new(shard: &'a Shard, vocabulary: &'a Vocabulary, phenotypes: &'a Phenotypes) -> Self {
        let units: HashMap<&str, u16> =
            shard.units.iter().enumerate().map(|(index, unit)| (unit.as_str(), index as u16)).collect();
        let mut numbers: HashMap<&str, Vec<(u16, u32)>> = HashMap::new();
        for (index, number) in vocabulary.numbers.iter().enumerate() {
            if let Some(&unit) = units.get(number.unit.as_str()) {
                numbers.entry(number.code.as_str()).or_default().push((unit, index as u32));
            }
        }
        let mut unknown: HashMap<String, u32> = HashMap::new();
        let meanings = shard
            .facts
            .iter()
            .map(|fact| {
                let word = if read_by_the_model(fact.kind) {
                    let text = fact.key();
                    vocabulary.key(&text).map_or_else(
                        || {
                            let next = unknown.len() as u32;
                            Word::Unknown(*unknown.entry(text).or_insert(next))
                        },
                        Word::Known,
                    )
                } else {
                    Word::NotRead
                };
                let numbers = match fact.kind {
                    Kind::Observation => numbers.get(fact.code.as_str()).cloned().unwrap_or_default(),
                    _ => Vec::new(),
                };
                Meaning { word, role: phenotypes.role(fact), numbers }
            })
            .collect();
        Self { shard, vocabulary, phenotypes, meanings }
    }

    fn meaning(&self, event: &EventRow) -> Option<&Meaning> {
        self.meanings.get(event.fact as usize)
    }

    /// When each outcome happened in a life, over all of it.
    pub fn outcome_days(&self, row: &PatientRow) -> Vec<OutcomeDays> {
        let facts = dated(row)
            .filter_map(|(day, event)| Some((day, &self.meaning(event)?.role, event.number.map(|(_, number)| number))));
        self.phenotypes.outcome_days(facts, row.death)
    }

    /// The days of a life with an encounter beginning, ascending, each once.
    pub fn visit_days(&self, row: &PatientRow) -> Vec<i32> {
        let is_visit =
            |event: &EventRow| self.shard.facts.get(event.fact as usize).is_some_and(|f| f.kind == Kind::Encounter);
        let mut days: Vec<i32> = dated(row).filter(|(_, event)| is_visit(event)).map(|(day, _)| day).collect();
        days.dedup();
        days
    }

    /// The chart as of the end of `day`, days since birth. `outcomes` as [`Self::outcome_days`] gave them.
    /// [`ChartEvent::event`] is the index in `row.events`.
    pub fn chart(&self, row: &PatientRow, outcomes: &[OutcomeDays], day: i32) -> EncodedChart {
        let mut chart = EncodedChart {
            as_of_day: day,
            birth_day: Some(0),
            sex: row.sex,
            deceased: row.death.is_some_and(|death| death <= day),
            events: Vec::new(),
            unknown: Vec::new(),
            standing: (0..outcomes.len())
                .map(|index| self.phenotypes.stands(index, &outcomes[index], row.sex, day))
                .collect(),
            events_read: 0,
        };
        let mut unknown: HashMap<u32, u32> = HashMap::new();
        let mut seen_today: HashSet<u32> = HashSet::new();
        let mut today = i32::MIN;
        for (position, (on, event)) in dated(row).enumerate() {
            if on > day {
                break;
            }
            chart.events_read += 1;
            let Some(meaning) = self.meaning(event) else { continue };
            if on != today {
                seen_today.clear();
                today = on;
            }
            let key = match meaning.word {
                Word::NotRead => continue,
                Word::Known(key) => key,
                Word::Unknown(word) => *unknown.entry(word).or_insert_with(|| {
                    let fact = &self.shard.facts[event.fact as usize];
                    chart.unknown.push((fact.kind, fact.display.clone()));
                    (self.vocabulary.keys.len() + chart.unknown.len() - 1) as u32
                }),
            };
            if !seen_today.insert(key) {
                continue;
            }
            let number = event.number.and_then(|(unit, value)| {
                meaning.numbers.iter().find(|(known, _)| *known == unit).map(|&(_, number)| (number, value))
            });
            chart.events.push(ChartEvent { day: on, key, number, event: position as u32 });
        }
        chart
    }
}

/// One chart alone; who reads many lives of a shard keeps a [`ShardReader`] instead.
pub fn encode_row(
    row: &PatientRow,
    shard: &Shard,
    vocabulary: &Vocabulary,
    phenotypes: &Phenotypes,
    day: i32,
) -> EncodedChart {
    let reader = ShardReader::new(shard, vocabulary, phenotypes);
    reader.chart(row, &reader.outcome_days(row), day)
}
