//! Made-up datasets for tests: lives written down as days and facts, put on disk as `ingest` puts them. Makes up no life
//! itself: what happens in one is the truth that a test knows.

use super::shard::{Dataset, EventRow, PatientRow, SHARD_FORMAT, Shard, Split, hex};
use crate::patient_record::timeline::Kind;
use crate::prediction::vocabulary::{Fact, KeyEntry, Vocabulary};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// What happens on a day of a life, counted from birth: the index of its fact and, of a measurement, the index of its unit
/// with its number.
pub type Happening = (i32, u32, Option<(u16, f32)>);

/// Patients of a shard, at most.
const PER_SHARD: usize = 120;

/// A fact that is nothing but its code.
pub fn fact(kind: Kind, code: &str) -> Fact {
    Fact { kind, code: code.into(), value: None, display: String::new() }
}

/// The words of a reader that knows these facts and no numbers.
pub fn vocabulary(facts: &[Fact]) -> Vocabulary {
    let key = |fact: &Fact| KeyEntry { key: fact.key(), kind: fact.kind, display: fact.display.clone(), patients: 100 };
    Vocabulary::new(facts.iter().map(key).collect(), vec![], vec![])
}

/// The pseudonymous key of the patient of this number.
pub fn key(number: u16) -> [u8; 16] {
    let mut key = [0; 16];
    key[..2].copy_from_slice(&number.to_le_bytes());
    key
}

/// A life's events by day; those of one day in the order given.
pub fn events(mut happenings: Vec<Happening>) -> Vec<EventRow> {
    happenings.sort_by_key(|(day, ..)| *day);
    let mut before = 0;
    let event = |(day, fact, number)| {
        let after_days = day - before;
        before = day;
        EventRow { after_days, fact, number }
    };
    happenings.into_iter().map(event).collect()
}

/// Writes a dataset folder and opens it.
pub fn dataset(folder: &Path, facts: &[Fact], units: &[&str], patients: &[PatientRow]) -> Dataset {
    std::fs::create_dir_all(folder.join("shards")).unwrap();
    let units: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
    let (mut shards, mut hashes) = (Vec::new(), Sha256::new());
    for (number, patients) in patients.chunks(PER_SHARD).enumerate() {
        let (facts, units, patients) = (facts.to_vec(), units.clone(), patients.to_vec());
        let bytes = Shard { format: SHARD_FORMAT, facts, units, patients }.to_bytes().unwrap();
        shards.push(format!("{number:04}.zst"));
        std::fs::write(folder.join("shards").join(&shards[number]), &bytes).unwrap();
        hashes.update(Sha256::digest(&bytes));
    }
    let mut by_split: BTreeMap<Split, u64> = BTreeMap::new();
    for patient in patients {
        *by_split.entry(patient.split).or_default() += 1;
    }
    let written = Dataset {
        format: SHARD_FORMAT,
        patients: by_split,
        events: patients.iter().map(|patient| patient.events.len() as u64).sum(),
        shards,
        sha256: hex(&hashes.finalize()),
        folder: folder.to_owned(),
    };
    std::fs::write(folder.join("dataset.json"), serde_json::to_string(&written).unwrap()).unwrap();
    Dataset::open(folder).unwrap()
}
