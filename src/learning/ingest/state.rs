//! What an unfinished ingest remembers in its spill folder, so that the next run continues and ends with the
//! same bytes: which files were routed and how far each worker's spill is good.

use crate::patient_record::timeline::SkipReason;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Raised whenever spill, parts or their order change.
const FORMAT: u32 = 3;

/// Counts of what was not read, by resource type and reason.
pub type SkipCounts = BTreeMap<(String, SkipReason), u64>;

/// What routing counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RouteCounts {
    /// Resources by type, read or not.
    pub resources: BTreeMap<String, u64>,
    pub skipped: SkipCounts,
    /// `.json` files that are no FHIR, such as an export's manifest.
    pub files_not_fhir: u64,
}

impl RouteCounts {
    /// Counts one resource received.
    pub fn receive(&mut self, resource_type: &str) {
        match self.resources.get_mut(resource_type) {
            Some(n) => *n += 1,
            None => drop(self.resources.insert(resource_type.to_owned(), 1)),
        }
    }

    /// Counts one resource that is not read.
    pub fn skip(&mut self, resource_type: &str, reason: SkipReason) {
        *self.skipped.entry((resource_type.to_owned(), reason)).or_default() += 1;
    }

    /// Adds the counts of another part of the export.
    pub fn add(&mut self, other: Self) {
        other.resources.into_iter().for_each(|(name, n)| *self.resources.entry(name).or_default() += n);
        other.skipped.into_iter().for_each(|(name, n)| *self.skipped.entry(name).or_default() += n);
        self.files_not_fhir += other.files_not_fhir;
    }
}

/// The state file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    format: u32,
    /// Of sources and options: another plan must not continue this spill.
    plan: [u8; 32],
    pub buckets: u32,
    /// Files routed to the end, by their place in the order of files.
    pub files_done: BTreeSet<u32>,
    /// Good bytes of each worker's spill.
    pub committed: Vec<u64>,
    pub counts: RouteCounts,
}

fn path(folder: &Path) -> PathBuf {
    folder.join("state")
}

impl State {
    /// The state left by an earlier run of the same plan, else a fresh one.
    pub fn load(folder: &Path, plan: [u8; 32], buckets: usize) -> anyhow::Result<Self> {
        let Ok(bytes) = std::fs::read(path(folder)) else {
            let (files_done, counts) = Default::default();
            return Ok(Self {
                format: FORMAT,
                plan,
                buckets: buckets as u32,
                files_done,
                committed: Vec::new(),
                counts,
            });
        };
        let state: Self = postcard::from_bytes(&bytes).with_context(|| stale(folder))?;
        if state.format != FORMAT || state.plan != plan {
            bail!(stale(folder));
        }
        Ok(state)
    }

    /// Replaces the state file in one step.
    pub fn save(&self, folder: &Path) -> anyhow::Result<()> {
        write_whole(&path(folder), &postcard::to_stdvec(self)?)
    }
}

fn stale(folder: &Path) -> String {
    format!(
        "`{}` belongs to an ingest of other sources or options; repeat those to continue it, or remove the folder",
        folder.display()
    )
}

/// Writes a file so that it is there as a whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    super::pseudonym::write_private(&draft, bytes)?;
    std::fs::rename(&draft, path).with_context(|| format!("`{}`", path.display()))
}
