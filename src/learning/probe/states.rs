//! What readers make of rows of a panel: their states side by side, scaled, with age and sex beside them.
//!
//! Owns the walk from shards to states, a shard at a time and a life prepared once for all of its days, and the scale,
//! which is measured on training rows whose labels nobody looks at.

use super::subject::Subject;
use crate::learning::evaluate::labels::Key;
use crate::learning::evaluate::panel::Panel;
use crate::learning::life::ShardReader;
use crate::learning::shard::Dataset;
use crate::patient_record::timeline::Sex;
use crate::prediction::network::{History, Reading};
use crate::prediction::phenotype::Phenotypes;
use anyhow::bail;
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::collections::HashMap;

/// Readings that are put to a reader together.
const READINGS_PER_PASS: usize = 32;
/// Scaled states further out than this are taken as this far: a few labels must not hang on one wild number.
const FARTHEST: f32 = 4.0;
/// Columns beside the state: age and sex.
pub const PLAIN: usize = 2;

/// States of some rows of a panel, one after another.
#[derive(Clone, Debug)]
pub struct States {
    pub width: usize,
    /// Place of each row; `None` where nobody asked.
    places: Vec<Option<u32>>,
    cells: Vec<f32>,
    /// Age and sex of each place.
    plain: Vec<[f32; PLAIN]>,
}

impl States {
    /// Reads the states of `wanted` rows (each once, in any order).
    pub fn read(
        subject: &Subject,
        dataset: &Dataset,
        panel: &Panel,
        wanted: &[usize],
        progress: &ProgressBar,
    ) -> anyhow::Result<Self> {
        let mut by_patient: HashMap<Key, Vec<usize>> = HashMap::new();
        for &row in wanted {
            by_patient.entry(panel.keys[panel.rows[row].patient as usize]).or_default().push(row);
        }
        progress.set_length(wanted.len() as u64);
        progress.set_position(0);
        let nothing = Phenotypes::of(0, Vec::new(), Vec::new())?;
        let mut all = Self { width: 0, places: vec![None; panel.rows.len()], cells: Vec::new(), plain: Vec::new() };
        for shard in dataset.shards() {
            let shard = shard?;
            let reader = ShardReader::new(&shard, &subject.vocabulary, &nothing);
            let asked: Vec<_> =
                shard.patients.iter().filter_map(|patient| Some((patient, by_patient.get(&patient.key)?))).collect();
            let histories: Vec<(History, &Vec<usize>)> = asked
                .par_iter()
                .map(|(patient, rows)| {
                    let chart = reader.chart(patient, &[], i32::MAX);
                    (History::new(&chart, &subject.vocabulary, subject.text_buckets), *rows)
                })
                .collect();
            let readings: Vec<(usize, Reading)> = histories
                .iter()
                .flat_map(|(history, rows)| rows.iter().map(move |&row| (row, history)))
                .map(|(row, history)| (row, Reading { history, day: panel.rows[row].day, without: &[] }))
                .collect();
            for pass in readings.chunks(READINGS_PER_PASS) {
                all.add(subject, panel, pass)?;
                progress.inc(pass.len() as u64);
            }
        }
        if all.plain.len() != wanted.len() {
            bail!(
                "{} of {} rows were not found again; was the dataset changed?",
                wanted.len() - all.plain.len(),
                wanted.len()
            );
        }
        if all.width == 0 {
            bail!("trees have no state that could be probed; give a reader of days or of facts");
        }
        Ok(all)
    }

    fn add(&mut self, subject: &Subject, panel: &Panel, pass: &[(usize, Reading)]) -> anyhow::Result<()> {
        let readings: Vec<Reading> = pass.iter().map(|one| one.1).collect();
        let by_reader =
            subject.readers().iter().map(|reader| reader.states(&readings)).collect::<candle_core::Result<Vec<_>>>()?;
        for (number, &(row, _)) in pass.iter().enumerate() {
            self.places[row] = Some(self.plain.len() as u32);
            let before = self.cells.len();
            by_reader.iter().for_each(|states| self.cells.extend(&states[number]));
            self.width = self.cells.len() - before;
            let asked = &panel.rows[row];
            let sex = match asked.sex {
                Sex::Female => 0.5,
                Sex::Male => -0.5,
                Sex::Unknown => 0.0,
            };
            self.plain.push([asked.age_years() as f32, sex]);
        }
        Ok(())
    }

    /// State, age and sex of a row; panics for a row that was not asked for.
    pub fn row(&self, row: usize) -> (&[f32], &[f32; PLAIN]) {
        let place = self.places[row].expect("a row whose state was read") as usize;
        (&self.cells[place * self.width..][..self.width], &self.plain[place])
    }

    /// Moves every number onto a scale.
    pub fn scaled(mut self, scale: &Scale) -> Self {
        let width = self.width;
        for (place, cell) in self.cells.iter_mut().enumerate() {
            *cell = scale.state[place % width].of(*cell);
        }
        for plain in &mut self.plain {
            plain[0] = scale.age.of(plain[0]);
        }
        self
    }
}

/// Middle and spread of one column.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    middle: f32,
    /// 0 for a column that never changes: it says nothing.
    per_unit: f32,
}

impl Spread {
    fn of_all(numbers: impl Iterator<Item = f32> + Clone) -> Self {
        let n = numbers.clone().count().max(1) as f64;
        let middle = numbers.clone().map(f64::from).sum::<f64>() / n;
        let square = numbers.map(|x| (f64::from(x) - middle).powi(2)).sum::<f64>() / n;
        let per_unit = if square > 1e-12 { 1.0 / square.sqrt() } else { 0.0 };
        Self { middle: middle as f32, per_unit: per_unit as f32 }
    }

    fn of(&self, x: f32) -> f32 {
        ((x - self.middle) * self.per_unit).clamp(-FARTHEST, FARTHEST)
    }
}

/// What a standardised state is.
#[derive(Clone, Debug)]
pub struct Scale {
    state: Vec<Spread>,
    age: Spread,
}

impl Scale {
    /// Measured on some rows.
    pub fn of(states: &States, rows: &[usize]) -> Self {
        let column = |column: usize| Spread::of_all(rows.iter().map(move |&row| states.row(row).0[column]));
        let age = Spread::of_all(rows.iter().map(|&row| states.row(row).1[0]));
        Self { state: (0..states.width).into_par_iter().map(column).collect(), age }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_column_has_middle_nought_and_spread_one_and_a_constant_one_says_nothing() {
        let cells = vec![2.0, 7.0, 4.0, 7.0, 6.0, 7.0, 1000.0, 7.0];
        let plain = vec![[40.0, 0.5], [50.0, -0.5], [60.0, 0.5], [50.0, 0.5]];
        let states = States { width: 2, places: (0..4).map(Some).collect(), cells, plain };
        let scaled = states.clone().scaled(&Scale::of(&states, &[0, 1, 2]));
        let (low, high) = (scaled.row(0).0[0], scaled.row(2).0[0]);
        assert!((low + 1.2247).abs() < 1e-3 && (high - 1.2247).abs() < 1e-3);
        assert_eq!((scaled.row(1).0, scaled.row(1).1[0], scaled.row(3).0[0]), (&[0.0, 0.0][..], 0.0, FARTHEST));
    }
}
