//! A timeline becomes a de-identified row: days since birth, facts by index, numbers in canonical units.

use super::dictionary::Dictionary;
use super::disclosure::Identity;
use crate::learning::shard::EventRow;
use crate::patient_record::timeline::{Kind, SECONDS_PER_DAY, Timeline, Value};
use crate::prediction::vocabulary::{Fact, read_by_the_model};
use std::collections::HashMap;

/// What a row consists of before its follow-up is known.
pub struct Life {
    pub events: Vec<EventRow>,
    /// How many of them the model reads; the others only say when occasions were.
    pub read_by_the_model: u32,
    /// How many events of each fact.
    pub facts: HashMap<u32, u64>,
    /// Observed numbers in order: fact, unit, value.
    pub numbers: Vec<(u32, u16, f32)>,
    pub before_birth: u64,
}

/// The day of a moment, days since 1970-01-01.
pub fn day(second: i64) -> i32 {
    i32::try_from(second.div_euclid(SECONDS_PER_DAY)).unwrap_or(if second < 0 { i32::MIN / 2 } else { i32::MAX / 2 })
}

/// A discharge asks a question of its own, though the model does not read it.
fn is_kept(kind: Kind) -> bool {
    read_by_the_model(kind) || kind == Kind::EncounterEnd
}

/// The events that the model reads and the ends of encounters, in the order of the timeline.
pub fn life(timeline: &Timeline, birth: i32, dictionary: &mut Dictionary, identity: &Identity) -> Life {
    let mut life =
        Life { events: Vec::new(), read_by_the_model: 0, facts: HashMap::new(), numbers: Vec::new(), before_birth: 0 };
    let mut before = 0;
    for event in timeline.events.iter().filter(|event| is_kept(event.kind)) {
        let age = day(event.known) - birth;
        life.read_by_the_model += u32::from(read_by_the_model(event.kind));
        life.before_birth += u64::from(age < 0);
        let fact = dictionary.fact(Fact::of(event));
        *life.facts.entry(fact).or_default() += 1;
        let number = match &event.value {
            Value::Quantity { value, unit, scaled } if event.kind == Kind::Observation => {
                let value = *value as f32;
                let unit = dictionary.unit(unit, *scaled, identity);
                unit.filter(|_| value.is_finite()).map(|unit| (unit, value))
            }
            _ => None,
        };
        if let Some((unit, value)) = number {
            life.numbers.push((fact, unit, value));
        }
        life.events.push(EventRow { after_days: age - before, fact, number });
        before = age;
    }
    life
}
