//! Index days and labels from a file that somebody else computed, and the list that leads back to its patients.
//!
//! Owns two CSV forms: labels (`patient,as_of,rank,TASK@DAYS,TASK@DAYS+0,...`; cells `0`, `1` or empty for not
//! eligible or not followed up; plain or gzip) and the identity list of a dataset (`patient,key,birth_date,split`).
//! An unknown cell is an error, never an empty one. Messages name lines, never patients.

use anyhow::{Context, bail};
use jiff::civil::{Date, date};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;

/// Pseudonym of a patient in a dataset.
pub type Key = [u8; 16];

/// What a label column counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    pub outcome: String,
    pub horizon_days: u32,
    /// Counts from the index day on; otherwise from the end of the gap.
    pub from_day_0: bool,
}

impl Column {
    /// `TASK@DAYS` or `TASK@DAYS+0`.
    fn parse(name: &str) -> Option<Self> {
        let (outcome, days) = name.rsplit_once('@')?;
        let (days, from_day_0) = days.strip_suffix("+0").map_or((days, false), |days| (days, true));
        Some(Self { outcome: outcome.to_owned(), horizon_days: days.parse().ok()?, from_day_0 })
    }
}

/// One line: who, when, and the cells in the order of [`LabelFile::columns`].
#[derive(Clone, Debug, PartialEq)]
pub struct LabelLine {
    pub patient: String,
    /// Days since 1970-01-01; everything known by its end may be used.
    pub as_of_day: i32,
    pub cells: Vec<Option<bool>>,
}

/// A file of labels.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelFile {
    pub columns: Vec<Column>,
    pub lines: Vec<LabelLine>,
}

impl LabelFile {
    /// Reads a file, gzip where its name ends in `.gz`.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let name = || format!("labels `{}`", path.display());
        let file = std::fs::File::open(path).with_context(name)?;
        if path.extension().is_some_and(|end| end == "gz") {
            Self::read(flate2::read::GzDecoder::new(file)).with_context(name)
        } else {
            Self::read(file).with_context(name)
        }
    }

    /// Reads CSV text.
    pub fn read(text: impl Read) -> anyhow::Result<Self> {
        let mut csv = csv::Reader::from_reader(text);
        let header = csv.headers()?.clone();
        let place = |wanted: &str| {
            header.iter().position(|name| name == wanted).with_context(|| format!("column `{wanted}` is missing"))
        };
        let (patient, as_of) = (place("patient")?, place("as_of")?);
        let columns: Vec<(usize, Column)> =
            header.iter().enumerate().filter_map(|(i, name)| Some((i, Column::parse(name)?))).collect();
        if columns.is_empty() {
            bail!("no column is named `TASK@DAYS` or `TASK@DAYS+0`");
        }
        let mut lines = Vec::new();
        for (number, record) in csv.records().enumerate() {
            let record = record?;
            let at = |column: usize| record.get(column).unwrap_or("");
            let cells = columns
                .iter()
                .map(|(place, _)| match at(*place) {
                    "" => Ok(None),
                    "0" => Ok(Some(false)),
                    "1" => Ok(Some(true)),
                    _ => bail!("line {}: a label is `0`, `1` or empty", number + 2),
                })
                .collect::<anyhow::Result<_>>()?;
            let as_of_day =
                epoch_day(at(as_of)).with_context(|| format!("line {}: `as_of` is not a date", number + 2))?;
            lines.push(LabelLine { patient: at(patient).to_owned(), as_of_day, cells });
        }
        Ok(Self { columns: columns.into_iter().map(|(_, column)| column).collect(), lines })
    }
}

/// Who is behind a key. The only thing that leads back to a person; stays in memory.
pub struct Identity {
    pub key: Key,
    /// Days since 1970-01-01.
    pub birth_day: i32,
}

/// Reads `identity.csv` of a dataset: by patient id.
pub fn identities(path: &Path) -> anyhow::Result<HashMap<String, Identity>> {
    let mut csv = csv::Reader::from_path(path).with_context(|| {
        format!("`{}` joins the labels to the dataset; ingest writes it when asked to", path.display())
    })?;
    let header = csv.headers()?.clone();
    let columns: BTreeMap<&str, usize> = header.iter().enumerate().map(|(place, name)| (name, place)).collect();
    let place = |name: &str| columns.get(name).copied().with_context(|| format!("identity: no column `{name}`"));
    let (patient, key, birth) = (place("patient")?, place("key")?, place("birth_date")?);
    let mut known = HashMap::new();
    for (number, record) in csv.records().enumerate() {
        let record = record?;
        let at = |column: usize| record.get(column).unwrap_or("");
        // A patient without a birth date has no days since birth and no index days.
        if at(birth).is_empty() {
            continue;
        }
        let fail = || format!("identity, line {}: key or birth date cannot be read", number + 2);
        let identity =
            Identity { key: key_of(at(key)).with_context(fail)?, birth_day: epoch_day(at(birth)).with_context(fail)? };
        known.insert(at(patient).to_owned(), identity);
    }
    Ok(known)
}

/// Days since 1970-01-01 of an ISO date.
fn epoch_day(text: &str) -> Option<i32> {
    let day: Date = text.parse().ok()?;
    Some(date(1970, 1, 1).until(day).ok()?.get_days())
}

/// Sixteen bytes from their hexadecimal form.
pub fn key_of(text: &str) -> Option<Key> {
    let mut key = Key::default();
    if text.len() != 2 * key.len() {
        return None;
    }
    for (place, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_file_is_read_with_its_empty_cells() {
        let text = "patient,as_of,rank,type-2-diabetes@365,type-2-diabetes@365+0\nxa1,1970-01-11,0,,1\n";
        let file = LabelFile::read(text.as_bytes()).unwrap();
        assert_eq!(file.columns[1], Column { outcome: "type-2-diabetes".into(), horizon_days: 365, from_day_0: true });
        assert_eq!((file.lines[0].as_of_day, &file.lines[0].cells), (10, &vec![None, Some(true)]));
    }

    #[test]
    fn an_unknown_cell_is_an_error_that_names_its_line_and_nobody() {
        let error = LabelFile::read("patient,as_of,a@1\nsecret,1970-01-11,maybe\n".as_bytes()).unwrap_err();
        assert!(error.to_string().contains("line 2") && !format!("{error:?}").contains("secret"));
        assert!(LabelFile::read("patient,as_of,a@1\nsecret,soon,1\n".as_bytes()).is_err());
        assert!(LabelFile::read("patient,as_of\n".as_bytes()).is_err());
    }

    #[test]
    fn the_identity_list_leads_from_id_to_key_and_birth() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.csv");
        let text = "patient,key,birth_date,split\np1,000102030405060708090a0b0c0d0e0f,1969-12-31,test\np2,,,test\n";
        std::fs::write(&path, text).unwrap();
        let known = identities(&path).unwrap();
        assert_eq!((known.len(), known["p1"].birth_day, known["p1"].key[15]), (1, -1, 15));
        std::fs::write(&path, "patient,key,birth_date,split\np1,xyz,1969-12-31,test\n").unwrap();
        assert!(identities(&path).is_err());
    }
}
