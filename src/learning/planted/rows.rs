//! The days that are asked about: realised labels and true probabilities, as CSV.
//!
//! Owns two forms. Labels, `patient,as_of,rank,TASK@DAYS,TASK@DAYS+0,...`, are those of any evaluation. Truth has the
//! same columns with probabilities instead, empty where the outcome cannot come any more, and for each drug
//! `start DRUG:TASK@DAYS+0`: the probability were the drug begun on that day, empty for who takes it already.

use super::hazards::takes;
use super::life::Life;
use super::truth::{Outlook, outlook};
use super::world::{Drug, GAP, HORIZONS, N, OUTCOMES, phenotypes};
use crate::learning::evaluate::cohort::{Window, label};
use crate::patient_record::timeline::Sex;
use crate::prediction::phenotype::{OutcomeDays, Phenotypes};
use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::path::Path;

/// A day of a life that is asked about.
pub struct Row<'a> {
    pub life: &'a Life,
    pub day: i32,
    pub rank: usize,
}

/// The true future of a row: as care goes on, and with each drug begun today.
pub struct Future {
    pub outlook: Outlook,
    /// By drug; `None` for who takes it already.
    pub started: [Option<Outlook>; Drug::ALL.len()],
}

impl Row<'_> {
    /// Looks ahead, with the same luck for every choice of drug.
    pub fn future(&self, seed: u64, draws: u32) -> Future {
        let shown = self.life.shown(self.day);
        let seed = seed ^ self.life.number.rotate_left(32);
        let started = Drug::ALL.map(|drug| {
            (!takes(&shown, drug, self.day + 1)).then(|| {
                let mut changed = shown;
                changed.start(drug, self.day);
                outlook(&changed, self.day, seed, draws)
            })
        });
        Future { outlook: outlook(&shown, self.day, seed, draws), started }
    }

    fn begin(&self) -> Vec<String> {
        vec![patient_id(self.life.number), self.life.date(self.day).to_string(), self.rank.to_string()]
    }

    /// What happened, by outcome and horizon: after the gap, and from the first day.
    pub fn labels(&self, definitions: &Phenotypes) -> Vec<[Option<bool>; 2]> {
        let mut cells = Vec::new();
        let sex = if self.life.female { Sex::Female } else { Sex::Male };
        for (outcome, days) in OUTCOMES.iter().zip(&self.life.outcomes) {
            let days = OutcomeDays { days: days.clone(), ..OutcomeDays::default() };
            for horizon_days in HORIZONS {
                let followed = self.day + horizon_days <= self.life.end;
                cells.push([GAP, 0].map(|gap_days| {
                    let index = definitions.index(outcome.name)?;
                    let window = Window { gap_days, horizon_days };
                    label(definitions, index, &days, sex, self.day, window).filter(|_| followed)
                }));
            }
        }
        cells
    }

    /// Whether an outcome can still come.
    fn eligible(&self, index: usize) -> bool {
        let before = |days: &Vec<i32>| days.first().is_some_and(|&first| first <= self.day);
        !(OUTCOMES[index].first_only && before(&self.life.outcomes[index]))
    }
}

/// The id of a patient in the export.
pub fn patient_id(number: u64) -> String {
    format!("planted-{number:06}")
}

/// Every row of these lives, in order.
pub fn rows(lives: &[Life], seed: u64) -> Vec<Row<'_>> {
    let of = |life| Life::asked(life, seed).into_iter().enumerate().map(move |(rank, day)| Row { life, day, rank });
    lives.iter().flat_map(of).collect()
}

/// The probability and label columns in their order: outcome, horizon, after the gap or from the first day.
fn columns() -> impl Iterator<Item = String> {
    OUTCOMES.iter().flat_map(|outcome| {
        HORIZONS
            .into_iter()
            .flat_map(move |horizon| ["", "+0"].into_iter().map(move |end| format!("{}@{horizon}{end}", outcome.name)))
    })
}

fn create(path: &Path) -> anyhow::Result<csv::Writer<GzEncoder<File>>> {
    let file = File::create(path).with_context(|| format!("`{}` cannot be written", path.display()))?;
    Ok(csv::Writer::from_writer(GzEncoder::new(file, Compression::default())))
}

fn close(csv: csv::Writer<GzEncoder<File>>) -> anyhow::Result<()> {
    csv.into_inner().map_err(|error| error.into_error())?.finish()?.sync_all()?;
    Ok(())
}

/// Writes what happened in every row.
pub fn write_labels(path: &Path, rows: &[&Row<'_>]) -> anyhow::Result<()> {
    let definitions = Phenotypes::parse(&phenotypes())?;
    let mut csv = create(path)?;
    csv.write_record(["patient", "as_of", "rank"].map(str::to_owned).into_iter().chain(columns()))?;
    for row in rows {
        let word = |cell: Option<bool>| cell.map_or("", |happened| if happened { "1" } else { "0" }).to_owned();
        let cells = row.labels(&definitions);
        csv.write_record(row.begin().into_iter().chain(cells.into_iter().flatten().map(word)))?;
    }
    close(csv)
}

/// Writes the true probabilities of every row.
pub fn write_truth(path: &Path, rows: &[Row<'_>], futures: &[Future]) -> anyhow::Result<()> {
    let mut csv = create(path)?;
    let started = Drug::ALL.into_iter().flat_map(|drug| {
        let from_day_0 = columns().filter(|column| column.ends_with("+0"));
        from_day_0.map(move |column| format!("start {}:{column}", drug.word().code))
    });
    let head = ["patient", "as_of", "rank"].map(str::to_owned).into_iter();
    csv.write_record(head.chain(columns()).chain(started))?;
    for (row, future) in rows.iter().zip(futures) {
        let mut cells = row.begin();
        let cell = |index: usize, value: f64| if row.eligible(index) { format!("{value:.6}") } else { String::new() };
        for index in 0..N {
            for place in 0..HORIZONS.len() {
                let Outlook { after_gap, from_day_0, .. } = &future.outlook;
                cells.extend([after_gap, from_day_0].map(|table| cell(index, table[place][index])));
            }
        }
        for started in &future.started {
            for index in 0..N {
                for place in 0..HORIZONS.len() {
                    let value = started.as_ref().map(|outlook| cell(index, outlook.from_day_0[place][index]));
                    cells.push(value.unwrap_or_default());
                }
            }
        }
        csv.write_record(&cells)?;
    }
    close(csv)
}
