//! What is counted over all patients: for the vocabulary, the report and the search for leaks. Tallies of buckets
//! add up to the same whatever order they are read in.

use crate::learning::shard::Split;
use crate::patient_record::timeline::Kind;
use crate::prediction::vocabulary::Trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::state::SkipCounts;

/// Values of one number are kept from at most so many patients, those with the smallest keys.
const SAMPLED_PATIENTS: usize = 10_000;

/// One key of the export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyCount {
    pub kind: Kind,
    /// Training patients who have it.
    pub patients: u32,
    /// Events, by split.
    pub events: [u64; 4],
    /// What senders called it in the training split, with the events of each.
    pub displays: BTreeMap<String, u64>,
}

/// Numbers of one code in one canonical unit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NumberCount {
    /// Training patients who have it.
    pub patients: u32,
    /// Patient key and at most ten of her values.
    pub sample: Vec<([u8; 16], Vec<f32>)>,
}

/// How often something was seen, and in how many patients.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    pub events: u64,
    pub patients: u64,
}

/// What identical or nearly identical lives have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    pub split: Split,
    /// Hash of all keys and the days between them; `None` for short lives, which are alike by chance.
    pub whole: Option<u64>,
    /// Hash of the set of conditions, medications and procedures; `None` where there are few.
    pub diagnoses: Option<u64>,
}

/// Counts of things that should not be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// Keys of patients found in more than one split. Stops the ingest.
    pub in_two_splits: Vec<[u8; 16]>,
    pub patients_with_events_after_death: u64,
    pub events_after_death: u64,
    /// Events, patients and deaths later than the export; left out.
    pub events_after_export: u64,
    pub births_after_export: u64,
    pub deaths_after_export: u64,
    pub events_before_birth: u64,
    /// Displays, codes and units that held a name, address or identifier of their patient; withheld.
    pub texts_withheld: u64,
    /// The same, kept because at least five patients of a bucket share the text.
    pub texts_shared: u64,
}

/// Everything counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Patients by split.
    pub patients: [u64; 4],
    /// Patients by reason.
    pub left_out: BTreeMap<String, u64>,
    /// Events by kind and split, read by the model or not.
    pub kinds: BTreeMap<Kind, [u64; 4]>,
    /// Events that tell a personal trait and are in no shard.
    pub never_read: BTreeMap<Trait, u64>,
    pub skipped: SkipCounts,
    pub unknown_units: BTreeMap<String, Seen>,
    pub unknown_systems: BTreeMap<String, Seen>,
    pub keys: BTreeMap<String, KeyCount>,
    pub numbers: BTreeMap<(String, String), NumberCount>,
    /// Events per patient that the model reads.
    pub lengths: Vec<u32>,
    pub likenesses: Vec<Likeness>,
    /// The latest day on which anything became known, not after today. Days since 1970-01-01.
    pub latest: Option<i32>,
    pub findings: Findings,
}

fn merge<K: Ord, V>(into: &mut BTreeMap<K, V>, from: BTreeMap<K, V>, add: impl Fn(&mut V, V)) {
    for (key, value) in from {
        match into.entry(key) {
            std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(value)),
            std::collections::btree_map::Entry::Occupied(mut entry) => add(entry.get_mut(), value),
        }
    }
}

fn add_splits(into: &mut [u64; 4], from: [u64; 4]) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
}

impl NumberCount {
    fn add(&mut self, other: Self) {
        self.patients += other.patients;
        self.sample.extend(other.sample);
        if self.sample.len() > 2 * SAMPLED_PATIENTS {
            self.limit();
        }
    }

    fn limit(&mut self) {
        self.sample.sort_unstable_by_key(|(key, _)| *key);
        self.sample.truncate(SAMPLED_PATIENTS);
    }

    /// The sampled values, in the order of patient keys.
    pub fn values(&mut self) -> Vec<f32> {
        self.limit();
        self.sample.iter().flat_map(|(_, values)| values.iter().copied()).collect()
    }
}

impl Tally {
    /// Adds another bucket's tally.
    pub fn add(&mut self, other: Self) {
        let sum = |into: &mut u64, from| *into += from;
        let seen = |into: &mut Seen, from: Seen| {
            into.events += from.events;
            into.patients += from.patients;
        };
        add_splits(&mut self.patients, other.patients);
        merge(&mut self.left_out, other.left_out, sum);
        merge(&mut self.kinds, other.kinds, add_splits);
        merge(&mut self.never_read, other.never_read, sum);
        merge(&mut self.skipped, other.skipped, sum);
        merge(&mut self.unknown_units, other.unknown_units, seen);
        merge(&mut self.unknown_systems, other.unknown_systems, seen);
        merge(&mut self.keys, other.keys, |into, from| {
            into.patients += from.patients;
            add_splits(&mut into.events, from.events);
            merge(&mut into.displays, from.displays, sum);
        });
        merge(&mut self.numbers, other.numbers, NumberCount::add);
        self.lengths.extend(other.lengths);
        self.likenesses.extend(other.likenesses);
        self.latest = self.latest.max(other.latest);
        self.findings.add(other.findings);
    }
}

impl Findings {
    fn add(&mut self, other: Self) {
        self.in_two_splits.extend(other.in_two_splits);
        self.patients_with_events_after_death += other.patients_with_events_after_death;
        self.events_after_death += other.events_after_death;
        self.events_after_export += other.events_after_export;
        self.births_after_export += other.births_after_export;
        self.deaths_after_export += other.deaths_after_export;
        self.events_before_birth += other.events_before_birth;
        self.texts_withheld += other.texts_withheld;
        self.texts_shared += other.texts_shared;
    }
}
