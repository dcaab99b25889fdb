//! A timeline becomes a de-identified row: days since birth, facts by index, numbers in canonical units.

use super::dictionary::Dictionary;
use super::disclosure::Identity;
use crate::learning::shard::EventRow;
use crate::patient_record::timeline::{Kind, SECONDS_PER_DAY, Timeline, Value};
use crate::prediction::vocabulary::{Fact, Trait, personal_trait, read_by_the_model};
use std::collections::{BTreeMap, HashMap};

/// What a row consists of before its follow-up is known.
#[derive(Default)]
pub struct Life {
    pub events: Vec<EventRow>,
    /// How many of them the model reads; the others only say when occasions were.
    pub read_by_the_model: u32,
    /// How many events of each fact.
    pub facts: HashMap<u32, u64>,
    /// Observed numbers in order: fact, unit, value.
    pub numbers: Vec<(u32, u16, f32)>,
    pub before_birth: u64,
    /// Events that tell a personal trait, left out.
    pub never_read: BTreeMap<Trait, u64>,
}

/// The day of a moment, days since 1970-01-01.
pub fn day(second: i64) -> i32 {
    i32::try_from(second.div_euclid(SECONDS_PER_DAY)).unwrap_or(if second < 0 { i32::MIN / 2 } else { i32::MAX / 2 })
}

/// The events that the model reads and the ends of encounters, in the order of the timeline.
pub fn life(timeline: &Timeline, birth: i32, dictionary: &mut Dictionary, identity: &Identity) -> Life {
    let mut life = Life::default();
    let mut before = 0;
    for event in &timeline.events {
        let fact = Fact::of(event);
        let read = read_by_the_model(&fact);
        if !read {
            personal_trait(&fact).into_iter().for_each(|which| *life.never_read.entry(which).or_default() += 1);
        }
        // A discharge asks a question of its own, though the model does not read it.
        if !read && event.kind != Kind::EncounterEnd {
            continue;
        }
        let age = day(event.known) - birth;
        life.read_by_the_model += u32::from(read);
        life.before_birth += u64::from(age < 0);
        let fact = dictionary.fact(fact);
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
