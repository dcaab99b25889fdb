//! A dataset as plain tables, so that any other model can be trained on the same patients and asked on the same days.
//!
//! Owns the form of the tables: `patients.csv`, `events-SPLIT.csv.zst`, `rows-SPLIT.csv.gz`, and `export.json`, written
//! last: where it is missing the export did not finish. Who is asked when, and what then happened, is not decided
//! here but by [`super::evaluate::panel`], as for an evaluation. Writes no names and no dates: time is days since
//! birth. Does not write what only an end of record would tell: day of death, end of follow-up.

use super::evaluate::cohort::Draw;
use super::evaluate::labels::{LabelFile, identities};
use super::evaluate::panel::{Panel, Source, WHOLE_LIFE, gather};
use super::life::dated;
use super::shard::{Dataset, Shard, Split, hex};
use crate::patient_record::timeline::Sex;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::read_by_the_model;
use anyhow::{Context, bail};
use flate2::write::GzEncoder;
use indicatif::ProgressBar;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Which days are asked about.
#[derive(Clone, Debug)]
pub struct IndexDays {
    /// Index days and labels that somebody else computed, by split; drawn from the dataset where there is no file.
    pub labels: BTreeMap<Split, PathBuf>,
    /// Drawn index days per training patient, and per patient of the other splits, at most.
    pub per_training_patient: usize,
    pub per_patient: usize,
    /// Training days are drawn from the last so many years of follow-up: older care was recorded otherwise.
    pub within_years: u32,
    /// Fewer training days of a life with fewer years to draw from, as `data.by_length` of training.
    pub by_length: bool,
    pub seed: u64,
}

/// Index days per training patient, the years of follow-up that they are from, and index days of other patients, unless
/// somebody says otherwise.
pub const PER_TRAINING_PATIENT: u16 = 24;
pub const WITHIN_YEARS: u16 = 26;
pub const PER_PATIENT: u16 = 12;

impl IndexDays {
    /// The days that are drawn where nothing else is said.
    pub fn drawn(seed: u64) -> Self {
        Self {
            labels: BTreeMap::new(),
            per_training_patient: PER_TRAINING_PATIENT.into(),
            per_patient: PER_PATIENT.into(),
            within_years: WITHIN_YEARS.into(),
            by_length: false,
            seed,
        }
    }

    /// How the days of a split are drawn where no file names them.
    pub fn source(&self, split: Split) -> Source<'static> {
        let draw = match split {
            Split::Train => Draw {
                per_patient: self.per_training_patient,
                within_years: self.within_years,
                by_length: self.by_length,
            },
            _ => Draw::even(self.per_patient, WHOLE_LIFE),
        };
        Source::Drawn { split, draw, seed: self.seed }
    }
}

/// What was written for one split.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Written {
    pub patients: usize,
    pub events: u64,
    /// Patients with an index day, and index days.
    pub asked: usize,
    pub rows: usize,
    /// File name of the labels, or how they were drawn.
    pub labels: String,
}

/// `export.json`: what the tables hold.
#[derive(Clone, Debug, Serialize)]
pub struct Export {
    /// SHA-256 of the dataset's shards.
    pub dataset: String,
    /// Label columns, without the `+0` forms.
    pub columns: Vec<String>,
    pub splits: BTreeMap<Split, Written>,
}

/// Writes all tables of a dataset into a folder.
pub fn export(
    dataset: &Dataset,
    phenotypes: &Phenotypes,
    days: &IndexDays,
    out: &Path,
    progress: &ProgressBar,
) -> anyhow::Result<Export> {
    std::fs::create_dir_all(out).with_context(|| format!("`{}` cannot be made", out.display()))?;
    let last = out.join("export.json");
    if last.exists() {
        std::fs::remove_file(&last).with_context(|| format!("`{}` cannot be replaced", last.display()))?;
    }
    let mut splits = events(dataset, out, progress)?;
    let mut columns = Vec::new();
    for (&split, written) in &mut splits {
        progress.set_message(format!("index days of the {} split", split.as_str()));
        progress.set_position(0);
        let (panel, labels) = panel(dataset, phenotypes, days, split, progress)?;
        let named = |target: &super::evaluate::panel::Target| {
            format!("{}@{}", phenotypes.outcomes[target.outcome].0, target.horizon_days)
        };
        columns = panel.targets.iter().map(named).collect();
        write_rows(&panel, &columns, &out.join(format!("rows-{}.csv.gz", split.as_str())))?;
        (written.asked, written.rows, written.labels) = (panel.keys.len(), panel.rows.len(), labels);
    }
    let export = Export { dataset: dataset.sha256.clone(), columns, splits };
    std::fs::write(&last, serde_json::to_string_pretty(&export)?)
        .with_context(|| format!("`{}` cannot be written", last.display()))?;
    Ok(export)
}

type EventTable = csv::Writer<zstd::Encoder<'static, File>>;

/// Writes `patients.csv` and each split's events, one shard in memory at a time.
fn events(dataset: &Dataset, out: &Path, progress: &ProgressBar) -> anyhow::Result<BTreeMap<Split, Written>> {
    progress.set_message("events");
    progress.set_length(dataset.shards.len() as u64);
    let mut patients = csv::Writer::from_path(out.join("patients.csv"))?;
    patients.write_record(["patient", "split", "sex"])?;
    let mut tables: BTreeMap<Split, (EventTable, Written)> = BTreeMap::new();
    for shard in dataset.shards() {
        let shard = shard?;
        let keys: Vec<Option<String>> =
            shard.facts.iter().map(|fact| read_by_the_model(fact).then(|| fact.key())).collect();
        for patient in &shard.patients {
            let name = hex(&patient.key);
            patients.write_record([name.as_str(), patient.split.as_str(), sex(patient.sex)])?;
            let (table, written) = match tables.entry(patient.split) {
                Entry::Occupied(open) => open.into_mut(),
                Entry::Vacant(none) => none.insert((event_table(out, patient.split)?, Written::default())),
            };
            written.patients += 1;
            for (day, event) in dated(patient) {
                let Some(Some(key)) = keys.get(event.fact as usize) else { continue };
                let (number, unit) = number(&shard, event.number);
                table.write_record([name.as_str(), &day.to_string(), key, &number, unit])?;
                written.events += 1;
            }
        }
        progress.inc(1);
    }
    patients.flush()?;
    let finish = |(split, (table, written)): (Split, (EventTable, Written))| -> anyhow::Result<(Split, Written)> {
        let encoder = table.into_inner().map_err(|error| anyhow::anyhow!("events cannot be written: {error}"))?;
        encoder.finish()?;
        Ok((split, written))
    };
    tables.into_iter().map(finish).collect()
}

fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "female",
        Sex::Male => "male",
        Sex::Unknown => "unknown",
    }
}

fn event_table(out: &Path, split: Split) -> anyhow::Result<EventTable> {
    let path = out.join(format!("events-{}.csv.zst", split.as_str()));
    let file = File::create(&path).with_context(|| format!("`{}` cannot be made", path.display()))?;
    let mut table = csv::Writer::from_writer(zstd::Encoder::new(file, 3)?);
    table.write_record(["patient", "day", "key", "number", "unit"])?;
    Ok(table)
}

/// Number and unit as texts, empty where there is none.
fn number(shard: &Shard, number: Option<(u16, f32)>) -> (String, &str) {
    let Some((unit, number)) = number else { return (String::new(), "") };
    (number.to_string(), shard.units.get(usize::from(unit)).map_or("", String::as_str))
}

/// Index days and labels of one split, and where they came from.
fn panel(
    dataset: &Dataset,
    phenotypes: &Phenotypes,
    days: &IndexDays,
    split: Split,
    progress: &ProgressBar,
) -> anyhow::Result<(Panel, String)> {
    let vocabulary = dataset.vocabulary()?;
    // Charts are handed on to nobody: who reads the tables makes their own.
    let ask = |source: &Source<'_>| gather(dataset, &vocabulary, phenotypes, source, progress, |_, _| Ok(()));
    let Some(path) = days.labels.get(&split) else {
        let panel = ask(&days.source(split)).with_context(|| format!("the {} split", split.as_str()))?;
        let per_patient = if split == Split::Train { days.per_training_patient } else { days.per_patient };
        return Ok((panel, format!("drawn, up to {per_patient} a patient, seed {}", days.seed)));
    };
    let file = LabelFile::open(path)?;
    let known = identities(&dataset.folder.join("identity.csv"))?;
    let panel = ask(&Source::File(&file, &known)).with_context(|| format!("labels `{}`", path.display()))?;
    if let Some((other, patients)) = panel.splits.iter().find(|(found, _)| **found != split) {
        bail!(
            "labels `{}`: {patients} patients are of the {} split, not of the {} split",
            path.display(),
            other.as_str(),
            split.as_str()
        );
    }
    Ok((panel, path.file_name().unwrap_or_default().to_string_lossy().into_owned()))
}

/// One line per index day: who, when, and for each column the label after the gap and from day 0.
fn write_rows(panel: &Panel, columns: &[String], path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("`{}` cannot be made", path.display()))?;
    let mut out = BufWriter::new(GzEncoder::new(file, flate2::Compression::new(6)));
    write!(out, "patient,day")?;
    for column in columns {
        write!(out, ",{column},{column}+0")?;
    }
    writeln!(out)?;
    let cell = |label: Option<bool>| label.map_or("", |event| if event { "1" } else { "0" });
    for (place, row) in panel.rows.iter().enumerate() {
        write!(out, "{},{}", hex(&panel.keys[row.patient as usize]), row.day)?;
        for target in &panel.targets {
            write!(out, ",{},{}", cell(target.after_gap[place]), cell(target.from_day_0[place]))?;
        }
        writeln!(out)?;
    }
    out.into_inner().map_err(|error| error.into_error())?.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::shard::PatientRow;
    use crate::learning::toy::{self, dataset, fact};
    use crate::patient_record::timeline::Kind;
    use crate::prediction::phenotype::DEFAULT;
    use crate::prediction::vocabulary::{Fact, Vocabulary};
    use std::io::Read;

    /// Weight every half year from 20 to 70, diabetes at 50, a report that no model reads.
    fn life(number: u8, split: Split) -> PatientRow {
        let weighed = |half: i32| (half * 182, 0, Some((0_u16, 60.5 + half as f32)));
        let mut days: Vec<_> = (40..140).map(weighed).collect();
        days.push((18_250, 1, None));
        days.push((18_250, 2, None));
        let sex = if number.is_multiple_of(2) { Sex::Female } else { Sex::Male };
        PatientRow { key: [number; 16], split, sex, follow_up_end: 28_000, death: None, events: toy::events(days) }
    }

    fn population(folder: &Path) -> Dataset {
        let fact = |kind, code: &str| Fact { display: "private".into(), ..fact(kind, code) };
        let facts = [
            fact(Kind::Observation, "L:29463-7"),
            fact(Kind::Condition, "S:44054006"),
            fact(Kind::Report, "L:58410-2"),
        ];
        let patients: Vec<_> = (0..4).map(|n| life(n, if n < 3 { Split::Train } else { Split::Test })).collect();
        let vocabulary = Vocabulary::default();
        std::fs::write(folder.join("vocabulary.json"), serde_json::to_string(&vocabulary).unwrap()).unwrap();
        let identity = format!("patient,key,birth_date,split\np3,{},1950-01-01,test\n", "03".repeat(16));
        std::fs::write(folder.join("identity.csv"), identity).unwrap();
        dataset(folder, &facts, &["kg"], &patients)
    }

    fn written(folder: &Path, labels: BTreeMap<Split, PathBuf>) -> anyhow::Result<Export> {
        let days =
            IndexDays { labels, per_training_patient: 6, per_patient: 3, within_years: 26, by_length: false, seed: 1 };
        let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
        export(&population(folder), &phenotypes, &days, &folder.join("out"), &ProgressBar::hidden())
    }

    fn rows(folder: &Path, split: &str) -> Vec<csv::StringRecord> {
        let file = File::open(folder.join(format!("out/rows-{split}.csv.gz"))).unwrap();
        let mut table = csv::ReaderBuilder::new().has_headers(false).from_reader(flate2::read::GzDecoder::new(file));
        table.records().map(|record| record.unwrap()).collect()
    }

    fn events(folder: &Path, split: &str) -> String {
        let file = File::open(folder.join(format!("out/events-{split}.csv.zst"))).unwrap();
        let mut text = String::new();
        zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_tables_hold_what_a_model_may_read_and_the_days_it_is_asked_about() {
        let folder = tempfile::tempdir().unwrap();
        let found = written(folder.path(), BTreeMap::new()).unwrap();
        assert_eq!((found.splits[&Split::Train].patients, found.splits[&Split::Train].events), (3, 303));
        assert_eq!((found.splits[&Split::Train].rows, found.splits[&Split::Test].rows), (18, 3));
        let text = events(folder.path(), "test");
        assert!(text.starts_with("patient,day,key,number,unit\n") && text.contains(",7280,OBS|L:29463-7,100.5,kg\n"));
        assert!(text.contains(",18250,COND|S:44054006,,\n"));
        assert!(!text.contains("REPORT") && !text.contains("58410") && !text.contains("private"));
        let patients = std::fs::read_to_string(folder.path().join("out/patients.csv")).unwrap();
        assert!(patients.contains(&format!("{},train,female\n", "02".repeat(16))), "{patients}");
        assert_eq!(patients.lines().count(), 5);
    }

    #[test]
    fn labels_tell_what_happened_and_leave_out_who_has_it_already() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), BTreeMap::new()).unwrap();
        let table = rows(folder.path(), "train");
        let at = |name: &str| table[0].iter().position(|column| column == name).unwrap();
        let (gap, from_day_0) = (at("type-2-diabetes@1825"), at("type-2-diabetes@1825+0"));
        for row in &table[1..] {
            let day: i32 = row[1].parse().unwrap();
            let at_risk = |gap_days: i32| day + gap_days < 18_250 && day + 1825 <= 28_000;
            let happened = if 18_250 <= day + 1825 { "1" } else { "0" };
            assert_eq!(&row[from_day_0], if at_risk(0) { happened } else { "" }, "day {day}");
            assert_eq!(&row[gap], if at_risk(30) { happened } else { "" }, "day {day}");
        }
    }

    #[test]
    fn a_label_file_decides_about_its_split_and_must_be_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        // Days after 1950-01-01: 18,262 to 2000-01-01.
        std::fs::write(&path, "patient,as_of,death@365,death@365+0\np3,2000-01-01,1,0\n").unwrap();
        let found = written(folder.path(), [(Split::Test, path.clone())].into()).unwrap();
        assert_eq!((found.splits[&Split::Test].rows, found.splits[&Split::Test].labels.as_str()), (1, "labels.csv"));
        let table = rows(folder.path(), "test");
        let at = |name: &str| table[0].iter().position(|column| column == name).unwrap();
        assert_eq!((&table[1][1], &table[1][at("death@365")], &table[1][at("death@365+0")]), ("18262", "1", "0"));
        let error = written(folder.path(), [(Split::Train, path)].into()).unwrap_err();
        assert!(error.to_string().contains("are of the test split"), "{error}");
        assert!(!folder.path().join("out/export.json").exists(), "an export that failed is not complete");
    }
}
