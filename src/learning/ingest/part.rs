//! A bucket's result on its way into the dataset: rows whose follow-up is still open, and its tally.

use super::audit::Stated;
use super::tally::Tally;
use crate::learning::shard::Shard;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is known of a row's person until the dataset is sealed; never leaves the spill folder but for `identity.csv` and `audit.csv`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Days since 1970-01-01.
    pub birth: i32,
    /// Died, but nobody said when: followed up to the last event only.
    pub undated_death: bool,
    /// Only when an identity file was asked for.
    pub id: Option<String>,
    /// Only when an audit file was asked for.
    pub audit: Option<Stated>,
}

/// One bucket, read.
#[derive(Serialize, Deserialize)]
pub struct Part {
    pub shard: Shard,
    /// One for each of the shard's patients.
    pub persons: Vec<Person>,
    pub tally: Tally,
}

/// Where a bucket's part lies.
pub fn path(folder: &Path, bucket: usize) -> PathBuf {
    folder.join(format!("bucket-{bucket:04}.part"))
}

impl Part {
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        super::state::write_whole(path, &zstd::encode_all(postcard::to_stdvec(self)?.as_slice(), 1)?)
    }

    pub fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(postcard::from_bytes(&zstd::decode_all(std::fs::File::open(path)?)?)?)
    }
}
