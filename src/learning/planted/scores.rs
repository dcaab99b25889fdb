//! Probabilities that somebody else computed: the truth, or another model's answers, as CSV.
//!
//! Owns two forms, plain or gzip, a probability or nothing in each cell: `patient,as_of,COLUMN,...` with ids and dates, as
//! in label files, and `patient,day,COLUMN,...` with pseudonyms and days since birth, as `prodrome export` names them.
//! Messages name lines, never patients.

use crate::learning::evaluate::labels::{Column, Key};
use crate::learning::shard::hex;
use anyhow::{Context, bail};
use jiff::civil::{Date, date};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// A patient on a day, under both names.
#[derive(Clone, Debug, PartialEq)]
pub struct Who {
    pub patient: String,
    /// Days since 1970-01-01.
    pub as_of_day: i32,
    pub key: Key,
    /// Days since birth.
    pub day: i32,
}

/// A file of probabilities.
pub struct Scores {
    /// Rows are named by pseudonym and day since birth.
    pseudonymous: bool,
    columns: HashMap<String, usize>,
    lines: HashMap<(String, i32), Vec<Option<f64>>>,
}

/// The name of a column: `TASK@DAYS`, with `+0` where counted from the index day on.
pub fn column_name(column: &Column) -> String {
    format!("{}@{}{}", column.outcome, column.horizon_days, if column.from_day_0 { "+0" } else { "" })
}

impl Scores {
    /// Reads a file, gzip where its name ends in `.gz`.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let name = || format!("probabilities `{}`", path.display());
        let file = std::fs::File::open(path).with_context(name)?;
        if path.extension().is_some_and(|end| end == "gz") {
            Self::read(flate2::read::GzDecoder::new(file)).with_context(name)
        } else {
            Self::read(file).with_context(name)
        }
    }

    /// Reads CSV text. Columns other than `patient`, `as_of` or `day`, and those with an `@`, are not looked at.
    pub fn read(text: impl Read) -> anyhow::Result<Self> {
        let mut csv = csv::Reader::from_reader(text);
        let header = csv.headers()?.clone();
        let place = |wanted: &str| header.iter().position(|name| name == wanted);
        let patient = place("patient").context("column `patient` is missing")?;
        let dated = place("as_of").map(|place| (place, false)).or(place("day").map(|place| (place, true)));
        let (when, pseudonymous) = dated.context("neither column `as_of` nor column `day` is there")?;
        let named: Vec<(usize, &str)> = header.iter().enumerate().filter(|(_, name)| name.contains('@')).collect();
        if named.is_empty() {
            bail!("no column is named `TASK@DAYS` or `TASK@DAYS+0`");
        }
        let mut lines = HashMap::new();
        for (number, record) in csv.records().enumerate() {
            let record = record?;
            let line = number + 2;
            let at = |column: usize| record.get(column).unwrap_or("");
            let day = match pseudonymous {
                true => at(when).parse().ok(),
                false => epoch_day(at(when)),
            };
            let day = day.with_context(|| format!("line {line}: no day can be read"))?;
            let cell = |&(place, name): &(usize, &str)| match at(place) {
                "" => Ok(None),
                text => match text.parse::<f64>() {
                    Ok(value) if (0.0..=1.0).contains(&value) => Ok(Some(value)),
                    _ => bail!("line {line}, `{name}`: not a probability from 0 to 1"),
                },
            };
            let cells = named.iter().map(cell).collect::<anyhow::Result<_>>()?;
            if lines.insert((at(patient).to_owned(), day), cells).is_some() {
                bail!("line {line}: this patient and day stand in the file twice");
            }
        }
        let columns = named.iter().enumerate().map(|(index, (_, name))| ((*name).to_owned(), index)).collect();
        Ok(Self { pseudonymous, columns, lines })
    }

    /// Whether the file has this column.
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    fn line(&self, who: &Who) -> Option<&Vec<Option<f64>>> {
        match self.pseudonymous {
            true => self.lines.get(&(hex(&who.key), who.day)),
            false => self.lines.get(&(who.patient.clone(), who.as_of_day)),
        }
    }

    /// Whether the file has this patient on this day.
    pub fn knows(&self, who: &Who) -> bool {
        self.line(who).is_some()
    }

    /// One probability.
    pub fn get(&self, who: &Who, column: &str) -> Option<f64> {
        *self.line(who)?.get(*self.columns.get(column)?)?
    }
}

/// Days since 1970-01-01 of an ISO date.
fn epoch_day(text: &str) -> Option<i32> {
    Some(date(1970, 1, 1).until(text.parse::<Date>().ok()?).ok()?.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_found_by_patient_day_and_column() {
        let text = "patient,as_of,rank,a@365,a@365+0\np1,1970-01-03,0,,0.25\n";
        let who = Who { patient: "p1".into(), as_of_day: 2, key: [7; 16], day: 12_000 };
        let scores = Scores::read(text.as_bytes()).unwrap();
        assert_eq!((scores.get(&who, "a@365"), scores.get(&who, "a@365+0")), (None, Some(0.25)));
        assert!(!scores.knows(&Who { as_of_day: 3, ..who.clone() }) && !scores.has("b@365"));
        let text = format!("patient,day,a@365\n{},12000,0.5\n", "07".repeat(16));
        let scores = Scores::read(text.as_bytes()).unwrap();
        assert_eq!(scores.get(&who, "a@365"), Some(0.5));
        assert!(!scores.knows(&Who { day: 12_001, ..who }));
    }

    #[test]
    fn what_is_no_probability_is_an_error_that_names_its_line_and_nobody() {
        for cell in ["1.5", "-0.1", "NaN", "yes"] {
            let text = format!("patient,as_of,a@365\nsecret,1970-01-03,{cell}\n");
            let error = Scores::read(text.as_bytes()).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains("line 2") && !error.contains("secret"), "{error}");
        }
        let twice = "patient,as_of,a@365\nsecret,1970-01-03,0.1\nsecret,1970-01-03,0.2\n";
        assert!(Scores::read(twice.as_bytes()).is_err());
    }
}
