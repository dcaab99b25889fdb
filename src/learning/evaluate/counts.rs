//! A chart as plain counts: what a regression without any sense of time or kinship of codes can see.
//!
//! Columns: 1; hats of age for each sex; log(1 + active days) per key in the last year and before; last value of
//! each number, standardised, and that there is one. Same-day repeats of a key count once, as the model reads them.

use super::panel::PanelRow;
use crate::patient_record::timeline::Sex;
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};
use std::collections::HashMap;

/// Ages of the hats' tops, 8 years apart from 30.
const HATS: usize = 10;
const FIRST_HAT_AGE: f64 = 30.0;
const HAT_YEARS: f64 = 8.0;
/// Columns before the first key: the constant, and the hats of both sexes.
pub const PLAIN_COLUMNS: usize = 1 + 2 * HATS;
const YEAR_DAYS: i32 = 365;

/// Rows with few columns that are not zero.
#[derive(Clone, Debug, Default)]
pub struct SparseRows {
    pub width: usize,
    /// End of each row in `cells`.
    ends: Vec<usize>,
    cells: Vec<(u32, f32)>,
}

impl SparseRows {
    /// No rows yet, `width` columns.
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Adds a row of (column, value).
    pub fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        self.cells
            .extend(row.into_iter().filter(|(column, value)| (*column as usize) < self.width && value.is_finite()));
        self.ends.push(self.cells.len());
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cells of one row.
    pub fn row(&self, index: usize) -> &[(u32, f32)] {
        let from = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.cells[from..self.ends[index]]
    }
}

/// How many columns a vocabulary gives.
pub fn width(vocabulary: &Vocabulary) -> usize {
    PLAIN_COLUMNS + 2 * vocabulary.keys.len() + 2 * vocabulary.numbers.len()
}

/// The cells of one chart.
pub fn cells(row: &PanelRow, chart: &EncodedChart, vocabulary: &Vocabulary) -> Vec<(u32, f32)> {
    let keys = vocabulary.keys.len() as u32;
    let plain = PLAIN_COLUMNS as u32;
    let mut cells = vec![(0, 1.0)];
    cells.extend(age_hats(row));
    let mut counts: HashMap<u32, f32> = HashMap::new();
    let mut last: HashMap<u32, f32> = HashMap::new();
    for event in &chart.events {
        if event.key < keys {
            let recent = event.day > chart.as_of_day - YEAR_DAYS;
            *counts.entry(event.key + if recent { 0 } else { keys }).or_default() += 1.0;
        }
        last.extend(event.number);
    }
    cells.extend(counts.into_iter().map(|(column, count)| (plain + column, count.ln_1p())));
    let numbers = vocabulary.numbers.len() as u32;
    for (number, value) in last {
        let z = vocabulary.numbers.get(number as usize).map_or(0.0, |number| number.standardised(f64::from(value)));
        cells.push((plain + 2 * keys + number, z));
        cells.push((plain + 2 * keys + numbers + number, 1.0));
    }
    // The order of a hash map must not decide how sums round.
    cells.sort_unstable_by_key(|cell| cell.0);
    cells
}

/// The two hats that an age lies between, for the sex at hand; both sexes by half where it is not stated.
fn age_hats(row: &PanelRow) -> Vec<(u32, f32)> {
    let place = ((row.age_years() - FIRST_HAT_AGE) / HAT_YEARS).clamp(0.0, (HATS - 1) as f64);
    let (below, part) = (place.floor() as usize, place.fract() as f32);
    let sexes: &[(usize, f32)] = match row.sex {
        Sex::Female => &[(0, 1.0)],
        Sex::Male => &[(1, 1.0)],
        Sex::Unknown => &[(0, 0.5), (1, 0.5)],
    };
    let hat = |sex: usize, hat: usize| (1 + sex * HATS + hat.min(HATS - 1)) as u32;
    sexes
        .iter()
        .flat_map(|&(sex, share)| [(hat(sex, below), share * (1.0 - part)), (hat(sex, below + 1), share * part)])
        .filter(|cell| cell.1 > 0.0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient_record::timeline::Kind;
    use crate::prediction::vocabulary::{ChartEvent, KeyEntry, Number};

    fn vocabulary() -> Vocabulary {
        let key = |key: &str| KeyEntry { key: key.into(), kind: Kind::Condition, display: String::new(), patients: 9 };
        let number = Number { code: "L:1".into(), unit: "1".into(), knots: vec![0.0; 33], mean: 10.0, sd: 2.0 };
        let mut vocabulary = Vocabulary::default();
        vocabulary.keys = vec![key("a"), key("b")];
        vocabulary.numbers = vec![number];
        vocabulary.indexed()
    }

    #[test]
    fn counts_fall_into_last_year_and_before_and_the_last_value_counts() {
        let event = |day, key, number| ChartEvent { day, key, number, event: 0 };
        let chart = EncodedChart {
            as_of_day: 20_000,
            birth_day: Some(0),
            sex: Sex::Male,
            deceased: false,
            events: vec![
                event(10, 1, Some((0, 99.0))),
                event(19_635, 0, None),
                event(19_636, 0, Some((0, 14.0))),
                event(20_000, 0, None),
                event(20_000, 2, None),
            ],
            unknown: vec![(Kind::Condition, String::new())],
            standing: Vec::new(),
            events_read: 5,
        };
        let row = PanelRow { patient: 0, day: 20_000, sex: Sex::Male, watched_days: 0, history_days: 0, entries: 0 };
        let found = cells(&row, &chart, &vocabulary());
        let at = |column: usize| found.iter().find(|cell| cell.0 as usize == column).map_or(0.0, |cell| cell.1);
        let p = PLAIN_COLUMNS;
        assert_eq!((at(0), at(p), at(p + 1)), (1.0, 2.0_f32.ln_1p(), 0.0), "last year: key a on two days");
        assert_eq!((at(p + 2), at(p + 3)), (1.0_f32.ln_1p(), 1.0_f32.ln_1p()), "before: a once, b once");
        assert_eq!((at(p + 4), at(p + 5)), (2.0, 1.0), "last value 14 is two deviations up");
        let hats: f32 = (1..p).map(at).sum();
        assert!((hats - 1.0).abs() < 1e-6 && (1..=HATS).all(|column| at(column) == 0.0));
        assert!(found.iter().all(|cell| (cell.0 as usize) < width(&vocabulary())));
    }
}
