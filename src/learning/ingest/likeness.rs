//! Hashes by which the same life is recognised under another id or with its dates moved.

use super::dictionary::Dictionary;
use crate::learning::shard::EventRow;
use crate::patient_record::timeline::Kind;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Lives with fewer events, or fewer different diagnoses, are alike by chance.
const SHORTEST: usize = 20;

fn number(hash: Sha256) -> u64 {
    let digest = hash.finalize();
    u64::from_le_bytes(std::array::from_fn(|i| digest[i]))
}

/// Of all events in order with the days between them; the birth date does not matter.
pub fn whole(events: &[EventRow], dictionary: &Dictionary) -> Option<u64> {
    if events.len() < SHORTEST {
        return None;
    }
    let mut hash = Sha256::new();
    for (place, event) in events.iter().enumerate() {
        hash.update(dictionary.key_text(dictionary.key_of(event.fact)));
        hash.update(if place == 0 { 0 } else { event.after_days }.to_le_bytes());
    }
    Some(number(hash))
}

/// Of the set of conditions, medications and procedures, without dates.
pub fn diagnoses(events: &[EventRow], dictionary: &Dictionary) -> Option<u64> {
    let counts = |kind| matches!(kind, Kind::Condition | Kind::Medication | Kind::Procedure);
    let keys: BTreeSet<&str> = events
        .iter()
        .filter(|event| counts(dictionary.facts[event.fact as usize].kind))
        .map(|event| dictionary.key_text(dictionary.key_of(event.fact)))
        .collect();
    (keys.len() >= SHORTEST)
        .then(|| number(keys.into_iter().fold(Sha256::new(), |hash, key| hash.chain_update(key).chain_update([0]))))
}
