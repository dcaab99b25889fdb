//! What the checks look at: every life of a dataset reduced to when each key first and last stood in it.
//!
//! One pass over the shards, in parallel, a few hundred numbers a life. Owns the reduction; judges nothing.

use super::sketch::Sketch;
use crate::learning::evaluate::cohort::index_days;
use crate::learning::life::{ShardReader, dated};
use crate::learning::shard::{Dataset, PatientRow, Shard, Split};
use crate::patient_record::timeline::{Kind, Sex};
use crate::prediction::phenotype::{OutcomeDays, Phenotypes};
use crate::prediction::vocabulary::{Vocabulary, read_by_the_model};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Index days drawn per training life, spread over it as training spreads them.
const INDEX_DAYS: usize = 8;

/// A key of the whole dataset.
pub struct Key {
    pub text: String,
    pub kind: Kind,
    /// One of its displays.
    pub display: String,
}

/// When one key stood in one life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    pub key: u32,
    pub first: i32,
    pub last: i32,
    /// Different days on which it stood there.
    pub days: u32,
}

/// How one numeric code in one unit looks in one life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numeric {
    pub key: u32,
    pub first: f32,
    pub last: f32,
    pub first_day: i32,
    pub values: u32,
    /// Every value was the first one.
    pub constant: bool,
}

/// One life.
pub struct Lived {
    pub split: Split,
    pub sex: Sex,
    pub follow_up_end: i32,
    pub death: Option<i32>,
    /// First and last day with an event, and how many such days there are.
    pub first: i32,
    pub last: i32,
    pub active_days: u32,
    /// Events after the day of death, more than a step of 28 days after the end of follow-up, and before birth.
    pub after_death: u32,
    pub after_end: u32,
    pub before_birth: u32,
    /// By key.
    pub facts: Vec<Seen>,
    pub numbers: Vec<Numeric>,
    pub sketch: Sketch,
    /// Of training lives only: days to predict from, and when each outcome happened.
    pub index_days: Vec<IndexDay>,
    pub outcomes: Vec<OutcomeDays>,
}

/// A day to predict from.
pub struct IndexDay {
    pub day: i32,
    /// Keys that stood on it or in the month before it, each once.
    pub month: Vec<u32>,
}

/// A dataset as the checks see it.
pub struct Survey {
    pub keys: Vec<Key>,
    pub lives: Vec<Lived>,
}

impl Survey {
    /// Reads every shard once.
    pub fn of(dataset: &Dataset, phenotypes: &Phenotypes) -> anyhow::Result<Self> {
        let words = Vocabulary::default();
        let read = |name: &String| {
            let shard = Shard::read(&dataset.folder.join("shards").join(name))?;
            anyhow::Ok(Part::of(&shard, &ShardReader::new(&shard, &words, phenotypes)))
        };
        let parts: Vec<Part> = dataset.shards.par_iter().map(read).collect::<anyhow::Result<_>>()?;
        Ok(Self::joined(parts))
    }

    /// Numbers keys anew, in the order of their texts, so that a survey does not depend on the order of shards.
    fn joined(parts: Vec<Part>) -> Self {
        let mut numbers: BTreeMap<&str, u32> =
            parts.iter().flat_map(|part| part.keys.iter().map(|key| (key.text.as_str(), 0))).collect();
        numbers.values_mut().zip(0..).for_each(|(number, next)| *number = next);
        let moved: Vec<Vec<u32>> =
            parts.iter().map(|part| part.keys.iter().map(|key| numbers[key.text.as_str()]).collect()).collect();
        let mut keys: BTreeMap<u32, Key> = BTreeMap::new();
        let mut lives = Vec::new();
        for (part, moved) in parts.into_iter().zip(moved) {
            for mut life in part.lives {
                life.facts.iter_mut().for_each(|seen| seen.key = moved[seen.key as usize]);
                life.facts.sort_unstable_by_key(|seen| seen.key);
                life.numbers.iter_mut().for_each(|number| number.key = moved[number.key as usize]);
                let of_months = life.index_days.iter_mut().flat_map(|day| &mut day.month);
                of_months.for_each(|key| *key = moved[*key as usize]);
                lives.push(life);
            }
            for (key, moved) in part.keys.into_iter().zip(moved) {
                keys.entry(moved).or_insert(key);
            }
        }
        Self { keys: keys.into_values().collect(), lives }
    }

    /// Lives that the weights are fitted on.
    pub fn training(&self) -> impl Iterator<Item = &Lived> {
        self.lives.iter().filter(|life| life.split == Split::Train)
    }

    /// How a finding names a key.
    pub fn name(&self, key: u32) -> String {
        let key = &self.keys[key as usize];
        if key.display.is_empty() { format!("`{}`", key.text) } else { format!("`{}` ({})", key.text, key.display) }
    }
}

/// One shard's share of a survey, with keys of its own numbering.
struct Part {
    keys: Vec<Key>,
    lives: Vec<Lived>,
}

impl Part {
    fn of(shard: &Shard, reader: &ShardReader) -> Self {
        let mut keys: Vec<Key> = Vec::new();
        let mut known: HashMap<String, u32> = HashMap::new();
        let key_of_fact: Vec<Option<u32>> = shard
            .facts
            .iter()
            .map(|fact| {
                let text = read_by_the_model(fact).then(|| fact.key())?;
                Some(*known.entry(text.clone()).or_insert_with(|| {
                    keys.push(Key { text, kind: fact.kind, display: fact.display.clone() });
                    keys.len() as u32 - 1
                }))
            })
            .collect();
        let hashes: Vec<u64> = keys.iter().map(|key| Sketch::hash_of(&key.text)).collect();
        let lives = shard.patients.iter().map(|row| Lived::of(row, reader, &key_of_fact, &hashes, &keys)).collect();
        Self { keys, lives }
    }
}

impl Lived {
    fn of(row: &PatientRow, reader: &ShardReader, key_of_fact: &[Option<u32>], hashes: &[u64], keys: &[Key]) -> Self {
        let mut facts: HashMap<u32, Seen> = HashMap::new();
        let mut numbers: HashMap<u32, Numeric> = HashMap::new();
        let mut days: Vec<(i32, Vec<u64>)> = Vec::new();
        let (mut after_death, mut after_end, mut before_birth) = (0, 0, 0);
        for (day, event) in dated(row) {
            let Some(key) = key_of_fact.get(event.fact as usize).copied().flatten() else { continue };
            after_death += u32::from(row.death.is_some_and(|death| day > death));
            after_end += u32::from(day >= row.follow_up_end.saturating_add(FOLLOW_UP_STEP));
            before_birth += u32::from(day < 0);
            let seen = facts.entry(key).or_insert(Seen { key, first: day, last: day, days: 1 });
            if seen.last != day {
                (seen.last, seen.days) = (day, seen.days + 1);
            }
            if days.last().is_none_or(|last| last.0 != day) {
                days.push((day, Vec::new()));
            }
            if let Some(today) = days.last_mut() {
                today.1.push(Sketch::with_number(hashes[key as usize], event.number.map(|(_, value)| value)));
            }
            if let (Some((_, value)), Kind::Observation) = (event.number, keys[key as usize].kind) {
                let number = numbers.entry(key).or_insert(Numeric {
                    key,
                    first: value,
                    last: value,
                    first_day: day,
                    values: 0,
                    constant: true,
                });
                (number.last, number.values) = (value, number.values + 1);
                number.constant &= value == number.first;
            }
        }
        let training = row.split == Split::Train;
        Self {
            split: row.split,
            sex: row.sex,
            follow_up_end: row.follow_up_end,
            death: row.death,
            first: days.first().map_or(0, |day| day.0),
            last: days.last().map_or(0, |day| day.0),
            active_days: days.len() as u32,
            after_death,
            after_end,
            before_birth,
            facts: facts.into_values().collect(),
            numbers: numbers.into_values().collect(),
            sketch: Sketch::of(&days),
            index_days: if training { IndexDay::of(row, reader, key_of_fact) } else { Vec::new() },
            outcomes: if training { reader.outcome_days(row) } else { Vec::new() },
        }
    }
}

impl IndexDay {
    /// Draws the index days of a life as training draws them.
    fn of(row: &PatientRow, reader: &ShardReader, key_of_fact: &[Option<u32>]) -> Vec<Self> {
        let seed = u64::from_le_bytes(std::array::from_fn(|place| row.key[place]));
        let days = index_days(row, &reader.visit_days(row), INDEX_DAYS, &mut ChaCha8Rng::seed_from_u64(seed));
        let mut drawn: Vec<Self> = days.into_iter().map(|day| Self { day, month: Vec::new() }).collect();
        for (day, event) in dated(row) {
            let Some(key) = key_of_fact.get(event.fact as usize).copied().flatten() else { continue };
            let near = drawn.iter_mut().filter(|index| (index.day - MONTH..=index.day).contains(&day));
            near.for_each(|index| index.month.push(key));
        }
        for index in &mut drawn {
            index.month.sort_unstable();
            index.month.dedup();
        }
        drawn
    }
}

/// Days before an index day that count as its month.
const MONTH: i32 = 30;

/// `PatientRow::follow_up_end` is rounded down to whole steps of so many days.
pub const FOLLOW_UP_STEP: i32 = 28;
