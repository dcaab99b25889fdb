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
    /// Occasions that it may make, by index.
    occasions: Vec<u16>,
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
                Meaning { word, role: phenotypes.role(fact), occasions: phenotypes.occasions.of_fact(fact), numbers }
            })
            .collect();
        Self { shard, vocabulary, phenotypes, meanings }
    }

    fn meaning(&self, event: &EventRow) -> Option<&Meaning> {
        self.meanings.get(event.fact as usize)
    }

    /// Canonical unit and number of an event.
    fn number(&self, event: &EventRow) -> Option<(&str, f32)> {
        let (unit, number) = event.number?;
        Some((self.shard.units.get(unit as usize)?.as_str(), number))
    }

    /// When each outcome happened in a life, over all of it.
    pub fn outcome_days(&self, row: &PatientRow) -> Vec<OutcomeDays> {
        let facts = dated(row).filter_map(|(day, event)| Some((day, &self.meaning(event)?.role, self.number(event))));
        self.phenotypes.outcome_days(facts, row.death)
    }

    /// The days of each occasion of a life, ascending, each once. A dataset from before ends of encounters were kept has
    /// no discharge.
    pub fn occasion_days(&self, row: &PatientRow) -> Vec<Vec<i32>> {
        let facts = dated(row).filter_map(|(day, event)| Some((day, self.meaning(event)?.occasions.as_slice())));
        self.phenotypes.occasions.days(facts)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::shard::{SHARD_FORMAT, Split};
    use crate::patient_record::terminology::{Code, CodeSystem};
    use crate::patient_record::timeline::{Event, Patient, SECONDS_PER_DAY, Sex, Skipped, Timeline, Value};
    use crate::prediction::phenotype::DEFAULT;
    use crate::prediction::vocabulary::{Fact, KeyEntry, Number, encode_timeline};
    use proptest::prelude::*;

    fn code(system: CodeSystem, code: &str) -> Code {
        Code { system, code: code.into(), display: format!("called {code}").into() }
    }

    /// What can happen in these charts: known and unknown codes, numbers in two units, kinds that are not read.
    fn happening(which: u8, number: f64) -> (Kind, Code, Value) {
        let quantity = |unit: &str| Value::Quantity { value: number, unit: unit.into(), scaled: true };
        match which {
            0 => {
                (Kind::Encounter, code(CodeSystem::ActCode, "AMB"), Value::Coded(code(CodeSystem::Snomed, "185349003")))
            }
            1 => (Kind::Encounter, code(CodeSystem::ActCode, "IMP"), Value::None),
            2 => (Kind::Condition, code(CodeSystem::Snomed, "59621000"), Value::None),
            3 => (Kind::Condition, code(CodeSystem::Snomed, "1111"), Value::None),
            4 => (Kind::Observation, code(CodeSystem::Loinc, "4548-4"), quantity("%")),
            5 => (Kind::Observation, code(CodeSystem::Loinc, "4548-4"), quantity("mmol.mol-1")),
            6 => (
                Kind::Observation,
                code(CodeSystem::Loinc, "72166-2"),
                Value::Coded(code(CodeSystem::Snomed, "266919005")),
            ),
            7 => (Kind::Observation, code(CodeSystem::Loinc, "2222-2"), quantity("%")),
            8 => (Kind::EncounterEnd, code(CodeSystem::ActCode, "IMP"), Value::None),
            _ => (Kind::Report, code(CodeSystem::Loinc, "58410-2"), Value::None),
        }
    }

    fn vocabulary() -> Vocabulary {
        let entry = |key: &str, kind| KeyEntry { key: key.into(), kind, display: String::new(), patients: 9 };
        let number = Number { code: "L:4548-4".into(), unit: "%".into(), knots: vec![0.0; 33], mean: 5.0, sd: 1.0 };
        let mut vocabulary = Vocabulary::default();
        vocabulary.keys = vec![
            entry("ENC|AMB", Kind::Encounter),
            entry("COND|S:59621000", Kind::Condition),
            entry("OBS|L:4548-4", Kind::Observation),
            entry("OBS|L:72166-2=S:266919005", Kind::Observation),
        ];
        vocabulary.numbers = vec![number];
        vocabulary.indexed()
    }

    const BIRTH: i32 = -3_000;

    fn timeline(happenings: &[(i32, u8, f64)], death: Option<i32>) -> Timeline {
        let second = |day: i32| i64::from(day + BIRTH) * SECONDS_PER_DAY;
        let events = happenings.iter().map(|&(day, which, number)| {
            let (kind, code, value) = happening(which, number);
            Event { known: second(day) + 3_600, clinical_offset: 0, kind, code, value, source: 0 }
        });
        let deceased = death.map(|day| Some(second(day)));
        let patient = Patient { id: "p".into(), birth: Some(second(0)), sex: Sex::Female, deceased };
        Timeline { patient, events: events.collect(), sources: Vec::new(), skipped: Skipped::default() }
    }

    /// The same life as ingest stores it: events that the model reads and ends of encounters, facts and units by index.
    fn shard(timeline: &Timeline, death: Option<i32>) -> Shard {
        let mut shard = Shard { format: SHARD_FORMAT, facts: Vec::new(), units: Vec::new(), patients: Vec::new() };
        let mut events = Vec::new();
        let mut before = 0;
        for event in timeline.events.iter().filter(|e| read_by_the_model(e.kind) || e.kind == Kind::EncounterEnd) {
            let place = |found: Option<usize>, len: usize| found.unwrap_or(len);
            let fact = Fact::of(event);
            let index = place(shard.facts.iter().position(|known| *known == fact), shard.facts.len());
            if index == shard.facts.len() {
                shard.facts.push(fact);
            }
            let number = if let Value::Quantity { value, unit, .. } = &event.value {
                let index = place(shard.units.iter().position(|known| **known == **unit), shard.units.len());
                if index == shard.units.len() {
                    shard.units.push(unit.to_string());
                }
                Some((index as u16, *value as f32))
            } else {
                None
            };
            let day = event.known.div_euclid(SECONDS_PER_DAY) as i32 - BIRTH;
            events.push(EventRow { after_days: day - before, fact: index as u32, number });
            before = day;
        }
        let row =
            PatientRow { key: [0; 16], split: Split::Test, sex: Sex::Female, follow_up_end: 40_000, death, events };
        shard.patients.push(row);
        shard
    }

    proptest! {
        #[test]
        fn a_row_reads_as_the_chart_it_came_from(
            happenings in prop::collection::vec((0_i32..60, 0_u8..10, 3.0_f64..9.0), 0..60),
            death in prop::option::of(0_i32..80), as_of in -5_i32..80
        ) {
            let mut happenings = happenings;
            happenings.sort_by_key(|happening| happening.0);
            let timeline = timeline(&happenings, death);
            let shard = shard(&timeline, death);
            static PHENOTYPES: std::sync::OnceLock<Phenotypes> = std::sync::OnceLock::new();
            let (words, phenotypes) = (vocabulary(), PHENOTYPES.get_or_init(|| Phenotypes::parse(DEFAULT).unwrap()));
            let end_of_day = i64::from(as_of + BIRTH + 1) * SECONDS_PER_DAY - 1;
            let chart = encode_timeline(&timeline, &words, phenotypes, end_of_day);
            let row = encode_row(&shard.patients[0], &shard, &words, phenotypes, as_of);
            let of_chart: Vec<_> = chart.events.iter().map(|e| (e.day - BIRTH, e.key, e.number)).collect();
            let of_row: Vec<_> = row.events.iter().map(|e| (e.day, e.key, e.number)).collect();
            prop_assert_eq!(of_row, of_chart);
            prop_assert_eq!((row.as_of_day, row.birth_day), (chart.as_of_day - BIRTH, chart.birth_day.map(|d| d - BIRTH)));
            prop_assert_eq!((row.sex, row.deceased), (chart.sex, chart.deceased));
            prop_assert_eq!(row.unknown, chart.unknown);
            prop_assert_eq!(row.standing, chart.standing);
        }
    }
}
