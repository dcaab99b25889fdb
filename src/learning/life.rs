//! One de-identified life as training and evaluation read it: dated events, the days of its outcomes, and the
//! chart that the model would have seen on a given day.
//!
//! Owns the one way from a shard row to an [`EncodedChart`]; it must say what `encode_timeline` says of the chart
//! that the row was made from, with days since birth as the calendar. Draws nothing and judges nothing.

use super::shard::{EventRow, PatientRow, Shard};
use crate::patient_record::timeline::Kind;
use crate::prediction::phenotype::{OutcomeDays, Phenotypes, Role};
use crate::prediction::vocabulary::{EncodedChart, Fact, Said, Vocabulary, Word, entries, read_by_the_model};
use std::collections::HashMap;

/// The events of a life with their days since birth.
pub fn dated(row: &PatientRow) -> impl Iterator<Item = (i32, &EventRow)> {
    row.events.iter().scan(0_i32, |day, event| {
        *day = day.saturating_add(event.after_days);
        Some((*day, event))
    })
}

/// What one fact of a shard means.
struct Meaning<'a> {
    /// `None`: the model does not read it.
    word: Option<Word<'a>>,
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
    meanings: Vec<Meaning<'a>>,
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
        let word = |fact: &'a Fact| {
            let key = fact.key();
            vocabulary.key(&key).map_or_else(
                || Word::Unknown { key: key.into(), display: fact.display.as_str().into(), kind: fact.kind },
                Word::Known,
            )
        };
        let meanings = shard
            .facts
            .iter()
            .map(|fact| {
                let numbers = match fact.kind {
                    Kind::Observation => numbers.get(fact.code.as_str()).cloned().unwrap_or_default(),
                    _ => Vec::new(),
                };
                let word = read_by_the_model(fact).then(|| word(fact));
                let occasions = phenotypes.occasions.of_fact(fact);
                Meaning { word, role: phenotypes.role(fact), occasions, numbers }
            })
            .collect();
        Self { shard, vocabulary, phenotypes, meanings }
    }

    fn meaning(&self, event: &EventRow) -> Option<&Meaning<'a>> {
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
    /// `ChartEvent::event` is the index in `row.events`.
    pub fn chart(&self, row: &PatientRow, outcomes: &[OutcomeDays], day: i32) -> EncodedChart {
        let known = || dated(row).take_while(|(on, _)| *on <= day).enumerate();
        let said = known().filter_map(|(position, (day, event))| {
            let meaning = self.meaning(event)?;
            let number = event.number.and_then(|(unit, value)| {
                meaning.numbers.iter().find(|(known, _)| *known == unit).map(|&(_, number)| (number, value))
            });
            Some(Said { day, word: meaning.word.clone()?, number, event: position as u32 })
        });
        let (events, unknown) = entries(said, self.vocabulary.keys.len());
        let standing = outcomes.iter().enumerate();
        EncodedChart {
            as_of_day: day,
            birth_day: Some(0),
            sex: row.sex,
            deceased: row.death.is_some_and(|death| death <= day),
            events,
            unknown,
            standing: standing.map(|(index, days)| self.phenotypes.stands(index, days, row.sex, day)).collect(),
            events_read: known().count(),
        }
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
    use crate::prediction::vocabulary::{KeyEntry, Number, encode_timeline};
    use proptest::prelude::*;

    fn code(system: CodeSystem, code: &str) -> Code {
        Code { system, code: code.into(), display: format!("called {code}").into() }
    }

    /// What can happen in these charts: known and unknown codes, numbers in two units, kinds and traits that are not read.
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
            8 => (Kind::Condition, code(CodeSystem::Snomed, "446654005"), Value::None),
            9 => (Kind::EncounterEnd, code(CodeSystem::ActCode, "IMP"), Value::None),
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
        let is_kept = |event: &Event| read_by_the_model(&Fact::of(event)) || event.kind == Kind::EncounterEnd;
        for event in timeline.events.iter().filter(|event| is_kept(event)) {
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
        fn a_row_reads_as_the_chart_it_came_from_in_whatever_order_a_day_came(
            (happenings, otherwise) in prop::collection::vec((0_i32..60, 0_u8..11, 3.0_f64..9.0), 0..60)
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
            death in prop::option::of(0_i32..80), as_of in -5_i32..80
        ) {
            let by_day = |mut happenings: Vec<(i32, u8, f64)>| {
                happenings.sort_by_key(|happening| happening.0);
                timeline(&happenings, death)
            };
            let timeline = by_day(happenings);
            let shard = shard(&by_day(otherwise), death);
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
