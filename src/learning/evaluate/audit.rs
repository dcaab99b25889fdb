//! Race and ethnicity of a dataset's patients, for looking whether a model serves them alike. Nothing else reads them.
//!
//! `audit.csv` (`key,race,ethnicity`) is written by ingest only when asked to, apart from the shards. Patients
//! without a line, or with an empty cell, are in no group.

use super::labels::{Key, key_of};
use anyhow::{Context, bail};
use std::collections::HashMap;
use std::path::Path;

/// Coarse categories by pseudonym.
pub struct Audit {
    race: HashMap<Key, String>,
    ethnicity: HashMap<Key, String>,
}

impl Audit {
    /// Reads the list; `None` where the file is not there.
    pub fn open(path: &Path) -> anyhow::Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let mut csv = csv::Reader::from_path(path).with_context(|| format!("`{}`", path.display()))?;
        if csv.headers()? != ["key", "race", "ethnicity"].as_slice() {
            bail!("`{}`: the columns are not `key,race,ethnicity`", path.display());
        }
        let mut audit = Self { race: HashMap::new(), ethnicity: HashMap::new() };
        for (number, record) in csv.records().enumerate() {
            let record = record?;
            let at = |column: usize| record.get(column).unwrap_or("");
            let key = key_of(at(0)).with_context(|| format!("`{}`, line {}: no key", path.display(), number + 2))?;
            for (column, into) in [(1, &mut audit.race), (2, &mut audit.ethnicity)] {
                if !at(column).is_empty() {
                    into.insert(key, at(column).to_owned());
                }
            }
        }
        Ok(Some(audit))
    }

    /// Each of the two, with its name.
    pub fn columns(&self) -> [(&'static str, &HashMap<Key, String>); 2] {
        [("race", &self.race), ("ethnicity", &self.ethnicity)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cell_is_in_no_group_and_other_columns_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.csv");
        assert!(Audit::open(&path).unwrap().is_none());
        std::fs::write(&path, "key,race,ethnicity\n000102030405060708090a0b0c0d0e0f,Asian,\n").unwrap();
        let audit = Audit::open(&path).unwrap().unwrap();
        let counts = audit.columns().map(|(name, of)| (name, of.len()));
        assert_eq!(counts, [("race", 1), ("ethnicity", 0)]);
        std::fs::write(&path, "key,name\n").unwrap();
        assert!(Audit::open(&path).is_err());
    }
}
