//! The facts and units of one shard, stored once each, with the counts that belong to them.

use super::disclosure::Identity;
use super::tally::KeyCount;
use crate::prediction::vocabulary::Fact;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A text that holds a patient's name is kept where so many patients share it: it is a word of medicine then.
const SHARED_BY: u32 = 5;
/// What stands for a code that held a name.
const WITHHELD: &str = "X:withheld";
/// A unit that UCUM does not know is a sender's free text: longer ones are cut to nothing.
const LONGEST_UNIT: usize = 24;

/// Facts, keys and units of a shard.
#[derive(Default)]
pub struct Dictionary {
    pub facts: Vec<Fact>,
    pub units: Vec<String>,
    fact_index: HashMap<Fact, u32>,
    unit_index: HashMap<String, u16>,
    /// The key of each fact.
    key_of: Vec<u32>,
    keys: Vec<(String, KeyCount)>,
    key_index: HashMap<String, u32>,
    /// Training events of each fact, patients of any split that have it.
    train_events: Vec<u64>,
    patients: Vec<u32>,
    /// Facts whose display, and whose code or value, held a text of their patient.
    tainted_displays: BTreeSet<u32>,
    tainted_codes: BTreeSet<u32>,
    units_withheld: u64,
}

impl Dictionary {
    /// The index of a fact.
    pub fn fact(&mut self, fact: Fact) -> u32 {
        if let Some(&known) = self.fact_index.get(&fact) {
            return known;
        }
        let key = fact.key();
        let number = self.facts.len() as u32;
        let key = *self.key_index.entry(key).or_insert_with_key(|key| {
            let displays = BTreeMap::new();
            self.keys.push((key.clone(), KeyCount { kind: fact.kind, patients: 0, events: [0; 4], displays }));
            (self.keys.len() - 1) as u32
        });
        self.key_of.push(key);
        self.train_events.push(0);
        self.patients.push(0);
        self.fact_index.insert(fact.clone(), number);
        self.facts.push(fact);
        number
    }

    /// The key of a fact.
    pub fn key_of(&self, fact: u32) -> u32 {
        self.key_of[fact as usize]
    }

    /// The text of a key.
    pub fn key_text(&self, key: u32) -> &str {
        &self.keys[key as usize].0
    }

    /// The index of a unit; `None` when there are more than an index can tell.
    pub fn unit(&mut self, unit: &str, understood: bool, identity: &Identity) -> Option<u16> {
        let private = !understood && (unit.len() > LONGEST_UNIT || identity.is_in(unit));
        self.units_withheld += u64::from(private);
        let unit = if private { "" } else { unit };
        if let Some(&known) = self.unit_index.get(unit) {
            return Some(known);
        }
        let number = u16::try_from(self.units.len()).ok()?;
        self.units.push(unit.to_owned());
        self.unit_index.insert(unit.to_owned(), number);
        Some(number)
    }

    /// Counts one patient's events: how many of each fact she has.
    pub fn count(&mut self, events: &HashMap<u32, u64>, split: usize, identity: &Identity) {
        let mut keys = BTreeSet::new();
        for (&fact, &n) in events {
            let key = self.key_of[fact as usize];
            self.keys[key as usize].1.events[split] += n;
            self.patients[fact as usize] += 1;
            if split == 0 {
                self.train_events[fact as usize] += n;
                keys.insert(key);
            }
            let text = &self.facts[fact as usize];
            if identity.is_in(&text.display) {
                self.tainted_displays.insert(fact);
            }
            if identity.is_in(&text.code) || text.value.as_deref().is_some_and(|value| identity.is_in(value)) {
                self.tainted_codes.insert(fact);
            }
        }
        keys.into_iter().for_each(|key| self.keys[key as usize].1.patients += 1);
    }

    /// Takes patients' own texts out. Returns how many were withheld and how many are shared by many and stay.
    pub fn withhold(&mut self) -> (u64, u64) {
        let (mut withheld, mut shared) = (self.units_withheld, 0);
        for &fact in &self.tainted_displays {
            if self.patients[fact as usize] < SHARED_BY {
                self.facts[fact as usize].display.clear();
                withheld += 1;
            } else {
                shared += 1;
            }
        }
        let rare = |fact: &&u32| self.patients[**fact as usize] < SHARED_BY;
        let keys: BTreeSet<u32> =
            self.tainted_codes.iter().filter(rare).map(|&fact| self.key_of[fact as usize]).collect();
        for (fact, key) in self.facts.iter_mut().zip(&self.key_of) {
            if keys.contains(key) {
                *fact = Fact { kind: fact.kind, code: WITHHELD.into(), value: None, display: String::new() };
                withheld += 1;
            }
        }
        for &key in &keys {
            let entry = &mut self.keys[key as usize];
            entry.0 = format!("{}|{WITHHELD}", entry.1.kind.short());
        }
        (withheld, shared)
    }

    /// The counts of each key, with the displays that were not withheld.
    pub fn key_counts(&self) -> BTreeMap<String, KeyCount> {
        let mut keys = self.keys.clone();
        for ((fact, &key), &events) in self.facts.iter().zip(&self.key_of).zip(&self.train_events) {
            if events > 0 && !fact.display.is_empty() {
                *keys[key as usize].1.displays.entry(fact.display.clone()).or_default() += events;
            }
        }
        let mut counts: BTreeMap<String, KeyCount> = BTreeMap::new();
        for (text, count) in keys {
            let into = counts.entry(text).or_insert_with(|| KeyCount {
                patients: 0,
                events: [0; 4],
                displays: BTreeMap::new(),
                ..count
            });
            into.patients += count.patients;
            into.events.iter_mut().zip(count.events).for_each(|(into, from)| *into += from);
            count.displays.into_iter().for_each(|(text, n)| *into.displays.entry(text).or_default() += n);
        }
        counts
    }
}
