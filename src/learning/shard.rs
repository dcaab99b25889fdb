//! De-identified token shards: what `ingest` writes and training, calibration and evaluation read.
//!
//! A dataset folder holds `dataset.json` (this module's [`Dataset`]), `vocabulary.json`, `shards/NNNN.zst`
//! (zstd of postcard [`Shard`]s), `report.json` and `report.md`, and, apart and optional, `identity.csv`
//! (patient id, key, birth date): the only file that can lead back to a person.
//! No names, addresses, identifiers, free text or calendar dates: time is days since birth.

use crate::patient_record::timeline::Sex;
use crate::prediction::vocabulary::Fact;
use serde::{Deserialize, Serialize};

/// Version of the shard layout; raised whenever it changes.
pub const SHARD_FORMAT: u32 = 1;

/// What a patient may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    Train,
    Validation,
    Calibration,
    Test,
}

/// `dataset.json`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dataset {
    pub format: u32,
    /// Patients per split.
    pub patients: std::collections::BTreeMap<Split, u64>,
    pub events: u64,
    /// Shard file names, in order.
    pub shards: Vec<String>,
    /// SHA-256 over the shards' own SHA-256s: names the data a model was trained on.
    pub sha256: String,
}

/// Patients of one hash bucket. Facts and units are stored once and referred to by index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shard {
    pub format: u32,
    pub facts: Vec<Fact>,
    /// Canonical units.
    pub units: Vec<String>,
    pub patients: Vec<PatientRow>,
}

/// One de-identified life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PatientRow {
    /// Salted SHA-256 of the patient id, first 16 bytes.
    pub key: [u8; 16],
    pub split: Split,
    pub sex: Sex,
    /// Last day that the export would have shown something, in days since birth, rounded down to whole 28-day
    /// steps so that it does not give the birth date away. Never an input: only exposure and censoring.
    pub follow_up_end: i32,
    /// Day of death since birth.
    pub death: Option<i32>,
    /// Ordered by day, then as the timeline orders them.
    pub events: Vec<EventRow>,
}

/// One event. Only kinds that the model reads or that outcomes count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// Days since the previous event of this patient (the first: since birth; may be negative).
    pub after_days: i32,
    /// Index into [`Shard::facts`].
    pub fact: u32,
    /// Index into [`Shard::units`] and the number in that canonical unit.
    pub number: Option<(u16, f32)>,
}
