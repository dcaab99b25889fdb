//! Timeline to tokens: active days, each with its events' keys and numbers. Same-day repeats of a key count once, with
//! the middle one of their numbers.

use super::{Fact, Said, Vocabulary, Word, entries, read_by_the_model};
use crate::patient_record::timeline::{Event, Kind, SECONDS_PER_DAY, Second, Sex, Timeline, Value};

/// One event in the model's words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartEvent {
    /// Days since 1970-01-01 for a chart, since birth in a shard; only differences reach the network.
    pub day: i32,
    /// Index of a known key, or `keys.len() + i` for the i-th unknown of [`EncodedChart::unknown`].
    pub key: u32,
    /// Number index and the value in canonical units, where both are known.
    pub number: Option<(u32, f32)>,
    /// Index of the event in `Timeline::events`: provenance, no input of the network.
    pub event: u32,
}

/// A chart as the model reads it, cut off at the as-of moment.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedChart {
    /// Day of the as-of moment, days since 1970-01-01.
    pub as_of_day: i32,
    /// Day of birth, days since 1970-01-01; `None` where not stated.
    pub birth_day: Option<i32>,
    pub sex: Sex,
    /// Died on or before the as-of moment.
    pub deceased: bool,
    /// Ordered by day, then by key.
    pub events: Vec<ChartEvent>,
    /// Kind and display of each key that the vocabulary does not know.
    pub unknown: Vec<(Kind, String)>,
    /// Outcomes that the chart already holds or excludes, by phenotype index, as found by
    /// [`super::super::phenotype::Phenotypes::standing`].
    pub standing: Vec<super::super::phenotype::Standing>,
    /// All events known at the as-of moment, also those that the model does not read.
    pub events_read: usize,
}

/// Writes what was known of a timeline at `as_of` (inclusive) in the words of a vocabulary.
pub fn encode_timeline(
    timeline: &Timeline,
    vocabulary: &Vocabulary,
    phenotypes: &super::super::phenotype::Phenotypes,
    as_of: Second,
) -> EncodedChart {
    let known = timeline.known_at(as_of);
    let said = known.iter().enumerate().filter_map(|(position, event)| {
        let fact = Fact::of(event);
        read_by_the_model(&fact).then(|| Said {
            day: event.known.div_euclid(SECONDS_PER_DAY) as i32,
            number: number(event, &fact, vocabulary),
            word: word(fact, vocabulary),
            event: position as u32,
        })
    });
    let (events, unknown) = entries(said, vocabulary.keys.len());
    EncodedChart {
        as_of_day: as_of.div_euclid(SECONDS_PER_DAY) as i32,
        birth_day: timeline.patient.birth.map(|second| second.div_euclid(SECONDS_PER_DAY) as i32),
        sex: timeline.patient.sex,
        deceased: match timeline.patient.deceased {
            None => false,
            Some(None) => true,
            Some(Some(second)) => second <= as_of,
        },
        events,
        unknown,
        standing: phenotypes.standing(timeline, as_of),
        events_read: known.len(),
    }
}

fn word<'a>(fact: Fact, vocabulary: &Vocabulary) -> Word<'a> {
    let key = fact.key();
    let unknown = || Word::Unknown { key: key.clone().into(), display: fact.display.into(), kind: fact.kind };
    vocabulary.key(&key).map_or_else(unknown, Word::Known)
}

/// The number of an observation, where the vocabulary knows it and an f32 can hold it, as shards do.
fn number(event: &Event, fact: &Fact, vocabulary: &Vocabulary) -> Option<(u32, f32)> {
    let Value::Quantity { value, unit, .. } = &event.value else { return None };
    let value = *value as f32;
    if event.kind != Kind::Observation || !value.is_finite() {
        return None;
    }
    Some((vocabulary.number(&fact.code, unit)?, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient_record::terminology::{Code, CodeSystem};
    use crate::patient_record::timeline::{Patient, Skipped};
    use crate::prediction::phenotype::{DEFAULT, Phenotypes};
    use crate::prediction::vocabulary::KeyEntry;

    fn code(system: CodeSystem, code: &str) -> Code {
        Code { system, code: code.into(), display: format!("called {code}").into() }
    }

    fn encoded(happenings: Vec<(Kind, Code, Value)>, vocabulary: &Vocabulary) -> EncodedChart {
        let event = |(kind, code, value)| Event { known: 0, clinical_offset: 0, kind, code, value, source: 0 };
        let patient = Patient { id: "p".into(), birth: Some(0), sex: Sex::Female, deceased: None };
        let events = happenings.into_iter().map(event).collect();
        let timeline = Timeline { patient, events, sources: Vec::new(), skipped: Skipped::default() };
        encode_timeline(&timeline, vocabulary, &Phenotypes::parse(DEFAULT).unwrap(), 0)
    }

    #[test]
    fn a_personal_trait_is_neither_key_nor_number_nor_words_also_where_the_vocabulary_knows_it() {
        let race = || (Kind::Observation, code(CodeSystem::Loinc, "32624-9"), Value::None);
        let income = Value::Quantity { value: 20_000.0, unit: "{USD}/a".into(), scaled: true };
        let chart = vec![
            race(),
            (Kind::Observation, code(CodeSystem::Loinc, "63586-2"), income),
            (Kind::Condition, code(CodeSystem::Snomed, "446654005"), Value::None),
            (Kind::ConditionEnd, code(CodeSystem::Snomed, "266948004"), Value::None),
            (Kind::Condition, code(CodeSystem::Snomed, "32911000"), Value::None),
        ];
        let key = "OBS|L:32624-9".to_owned();
        let known = KeyEntry { key, kind: Kind::Observation, display: String::new(), patients: 9 };
        let chart = encoded(chart, &Vocabulary::new(vec![known], Vec::new(), Vec::new()));
        assert_eq!(chart.unknown, [(Kind::Condition, "called 32911000".to_owned())], "homelessness alone is read");
        assert_eq!(chart.events.len(), 1);
        assert_eq!(chart.events_read, 5, "all of them are counted");
    }
}
