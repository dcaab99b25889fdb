//! De-identified token shards: what `ingest` writes and training, calibration and evaluation read.
//!
//! A dataset folder holds `dataset.json` (this module's [`Dataset`]), `vocabulary.json`, `shards/NNNN.zst`
//! (zstd of postcard [`Shard`]s), `report.json` and `report.md`, and, apart and optional, `identity.csv`
//! (patient id, key, birth date): the only file that can lead back to a person, and `audit.csv` (key, race, ethnicity).
//! No names, addresses, identifiers, free text or calendar dates: time is days since birth. No personal traits either
//! (`prediction::vocabulary::Trait`).

use crate::patient_record::timeline::Sex;
use crate::prediction::vocabulary::{Fact, Vocabulary};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Version of what a dataset holds; raised whenever its layout or its meaning changes (2: without personal traits, HbA1c
/// in one unit).
pub const SHARD_FORMAT: u32 = 2;

/// What a patient may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    Train,
    Validation,
    Calibration,
    Test,
}

impl Split {
    /// Every split, in order.
    pub const ALL: [Split; 4] = [Split::Train, Split::Validation, Split::Calibration, Split::Test];

    /// The word used for folders, in `dataset.json` and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Calibration => "calibration",
            Split::Test => "test",
        }
    }
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
    /// Where it was opened.
    #[serde(skip)]
    pub folder: PathBuf,
}

impl Dataset {
    /// Opens a dataset folder that `prodrome ingest` has completed. Fails where `dataset.json` is missing
    /// (the ingest did not finish) or of another format.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("dataset.json");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("`{}` cannot be read; was `prodrome ingest` run to its end?", path.display()))?;
        let mut dataset: Dataset = serde_json::from_str(&text).with_context(|| format!("`{}`", path.display()))?;
        if dataset.format != SHARD_FORMAT {
            bail!(other_format(&path, dataset.format));
        }
        dataset.folder = folder.to_owned();
        Ok(dataset)
    }

    /// The shards in order, one in memory at a time.
    pub fn shards(&self) -> impl Iterator<Item = anyhow::Result<Shard>> + '_ {
        self.shards.iter().map(|name| Shard::read(&self.folder.join("shards").join(name)))
    }

    /// The vocabulary learned on the training split, ready for look-ups.
    pub fn vocabulary(&self) -> anyhow::Result<Vocabulary> {
        let path = self.folder.join("vocabulary.json");
        let text = std::fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()))?;
        let vocabulary: Vocabulary = serde_json::from_str(&text).with_context(|| format!("`{}`", path.display()))?;
        Ok(vocabulary.indexed())
    }

    /// Fails when a shard is not the one that was written.
    pub fn verify(&self) -> anyhow::Result<()> {
        let mut names = Sha256::new();
        for name in &self.shards {
            names.update(Sha256::digest(std::fs::read(self.folder.join("shards").join(name))?));
        }
        if hex(&names.finalize()) != self.sha256 {
            bail!("the shards in `{}` are not those that `dataset.json` names", self.folder.display());
        }
        Ok(())
    }
}

fn other_format(path: &Path, found: u32) -> String {
    format!(
        "`{}` has format {found}, this version reads {SHARD_FORMAT}; run `prodrome ingest` again on the export, into another \
         folder",
        path.display()
    )
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

impl Shard {
    /// Reads one shard file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::File::open(path).with_context(|| format!("`{}`", path.display()))?;
        let bytes = zstd::decode_all(file).with_context(|| format!("`{}`", path.display()))?;
        let shard: Shard = postcard::from_bytes(&bytes).with_context(|| format!("`{}`", path.display()))?;
        if shard.format != SHARD_FORMAT {
            bail!(other_format(path, shard.format));
        }
        Ok(shard)
    }

    /// The bytes of a shard file.
    pub fn to_bytes(&self) -> anyhow::Result<Vec<u8>> {
        Ok(zstd::encode_all(postcard::to_stdvec(self)?.as_slice(), 12)?)
    }
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

/// One event that the model reads, or the end of an encounter, which makes occasions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// Days since the previous event of this patient (the first: since birth; may be negative).
    pub after_days: i32,
    /// Index into [`Shard::facts`].
    pub fact: u32,
    /// Index into [`Shard::units`] and the number in that canonical unit.
    pub number: Option<(u16, f32)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_of_an_older_format_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"format": 1, "patients": {}, "events": 0, "shards": [], "sha256": ""}"#;
        std::fs::write(folder.path().join("dataset.json"), text).unwrap();
        let refused = Dataset::open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("has format 1, this version reads 2; run `prodrome ingest` again"), "{refused}");
        let shard = Shard { format: 1, facts: Vec::new(), units: Vec::new(), patients: Vec::new() };
        let path = folder.path().join("0000.zst");
        std::fs::write(&path, shard.to_bytes().unwrap()).unwrap();
        assert!(Shard::read(&path).unwrap_err().to_string().contains("run `prodrome ingest` again"));
    }
}
