//! The rows that ensembles are fitted on: the columns that say something, each in so many bins.

use rayon::prelude::*;

/// Values of a column between two of so many quantiles are one value to the trees.
pub const BINS_PER_COLUMN: usize = 31;

/// Rows by columns, a column after the other, without columns that say nothing. Values are those of their bins' lower
/// ends: sorting them anew for every ensemble, as the boosting does, is then several times faster.
pub struct Table {
    pub rows: usize,
    /// Values of each kept column.
    columns: Vec<Vec<f32>>,
}

impl Table {
    /// The table of these columns.
    pub fn of(rows: &[Vec<f32>], kept: &[usize]) -> Self {
        let column = |&column: &usize| in_bins(rows.iter().map(|row| row[column]).collect());
        Self { rows: rows.len(), columns: kept.par_iter().map(column).collect() }
    }

    /// The values of some rows, column after column.
    pub fn values(&self, rows: &[usize]) -> Vec<f64> {
        self.columns.par_iter().flat_map_iter(|column| rows.iter().map(|&row| f64::from(column[row]))).collect()
    }
}

/// Columns that say something on at least this share of the rows.
pub fn telling(rows: &[Vec<f32>], least_share: f64) -> Vec<usize> {
    let least = ((least_share * rows.len() as f64).ceil() as usize).max(1);
    let says = |row: &&Vec<f32>, column: usize| row[column] != 0.0 && !row[column].is_nan();
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns)
        .into_par_iter()
        .filter(|&column| rows.iter().filter(|row| says(row, column)).count() >= least)
        .collect()
}

/// Each value drawn down to the greatest of [`BINS_PER_COLUMN`] quantiles below it; what is missing stays missing.
fn in_bins(mut column: Vec<f32>) -> Vec<f32> {
    let mut known: Vec<f32> = column.iter().copied().filter(|value| !value.is_nan()).collect();
    known.sort_unstable_by(f32::total_cmp);
    let quantile = |bin: usize| known[bin * (known.len() - 1) / BINS_PER_COLUMN];
    let mut ends: Vec<f32> = if known.is_empty() { Vec::new() } else { (0..BINS_PER_COLUMN).map(quantile).collect() };
    ends.dedup();
    for value in column.iter_mut().filter(|value| !value.is_nan()) {
        *value = ends[ends.partition_point(|end| end <= value).saturating_sub(1)];
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binned_values_keep_their_order_and_what_is_missing_stays_missing() {
        let column: Vec<f32> =
            (0..1_000).map(|row| if row % 7 == 0 { f32::NAN } else { ((row * 37) % 501) as f32 }).collect();
        let binned = in_bins(column.clone());
        let distinct: std::collections::BTreeSet<u32> =
            binned.iter().filter(|value| !value.is_nan()).map(|value| value.to_bits()).collect();
        assert!(distinct.len() <= BINS_PER_COLUMN && distinct.len() > BINS_PER_COLUMN / 2);
        for (a, b) in column.iter().zip(&binned) {
            assert!(b <= a || (a.is_nan() && b.is_nan()));
            for (c, d) in column.iter().zip(&binned) {
                assert!(!(a < c && b > d));
            }
        }
        assert!(in_bins(vec![f32::NAN; 3]).iter().all(|value| value.is_nan()));
    }
}
