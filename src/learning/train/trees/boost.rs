//! One forest per outcome and horizon: which rows each ensemble sees, where it starts from, and what is kept of the booster.

use super::table::{BINS_PER_COLUMN, Table};
use crate::learning::train::settings::{Ensemble, Start, TreesShape};
use crate::prediction::network::trees::{Forest, LEAF, Node};
use anyhow::Context;
use forust_ml::{GradientBooster, Matrix};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;
use std::sync::Arc;

/// Fewer training or validation events than these leave an ensemble at its base rate.
const LEAST_TRAINING_EVENTS: usize = 30;
const LEAST_VALIDATION_EVENTS: usize = 5;
/// Log odds beyond the rate that age and sex may say at most, so that no row weighs too much.
const LARGEST_START: f32 = 3.0;

fn events(rows: &[(usize, f64)]) -> usize {
    rows.iter().map(|row| row.1).sum::<f64>() as usize
}

/// Log odds of the event among the rows.
pub fn base(rows: &[(usize, f64)]) -> f32 {
    let rate = (events(rows) as f64 + 0.5) / (rows.len() as f64 + 50.0);
    (rate / (1.0 - rate)).ln() as f32
}

/// Rows of both tables with an answer, and whether each had the event.
pub struct Answered<'a> {
    pub train: &'a [(usize, f64)],
    pub stop: &'a [(usize, f64)],
}

/// Fits the ensembles of one outcome and horizon and averages their log odds.
pub fn boost(
    (table, stop_table): (&Table, &Table),
    answered: &Answered,
    (kept, age_and_sex): (&[usize], &[usize]),
    seed: u64,
    shape: &TreesShape,
) -> anyhow::Result<Forest> {
    let base = base(answered.train);
    let events = [events(answered.train), events(answered.stop)];
    if events[0] < LEAST_TRAINING_EVENTS || events[1] < LEAST_VALIDATION_EVENTS || events[0] == answered.train.len() {
        return Ok(Forest { base, ..Forest::default() });
    }
    let stop = Sample::of(stop_table, answered.stop, kept, 1.0);
    let alone = |column: &usize| age_and_sex.contains(&kept[*column]);
    let alone: Vec<usize> = (0..kept.len()).filter(alone).collect();
    let share = 1.0 / shape.ensembles.len() as f32;
    let mut mean = Forest::default();
    for (ensemble, seed) in shape.ensembles.iter().zip(seed..) {
        // Each sees other days without the event: together they see more of them.
        let (rows, stands_for) = thinned(answered.train.to_vec(), shape.others_per_event, shape.least_rows, seed);
        let sample = Sample::of(table, &rows, kept, stands_for);
        let forest = match ensemble.start {
            Start::Rate => sample.fit(&stop, base, ensemble, seed, shape)?,
            Start::AgeAndSex => {
                let whole = TreesShape { columns: 1.0, ..shape.clone() };
                let (sample_alone, stop_alone) = (sample.only(&alone), stop.only(&alone));
                let start = sample_alone.fit(&stop_alone, base, ensemble, seed, &whole)?;
                let (sample, stop) = (sample.beyond(&start), stop.beyond(&start));
                let rest = sample.fit(&stop, base, ensemble, seed, shape)?;
                start.plus(&Forest { base: 0.0, ..rest })
            }
        };
        mean = mean.plus(&forest.times(share));
    }
    Ok(mean)
}

/// Rows as the booster takes them.
#[derive(Clone)]
struct Sample<'a> {
    /// The column of ours that each of these is.
    kept: Cow<'a, [usize]>,
    /// Column after column; hundreds of megabytes, shared by samples that differ in their weights alone.
    values: Arc<Vec<f64>>,
    y: Vec<f64>,
    weight: Vec<f64>,
}

impl<'a> Sample<'a> {
    fn of(table: &Table, rows: &[(usize, f64)], kept: &'a [usize], stands_for: f64) -> Self {
        debug_assert!(rows.iter().all(|row| row.0 < table.rows));
        let (rows, y): (Vec<usize>, Vec<f64>) = rows.iter().copied().unzip();
        let weight = y.iter().map(|&event| if event > 0.0 { 1.0 } else { stands_for }).collect();
        Self { kept: kept.into(), values: Arc::new(table.values(&rows)), y, weight }
    }

    /// Some of the columns.
    fn only(&self, columns: &[usize]) -> Sample<'static> {
        let rows = self.y.len();
        let values = columns.iter().flat_map(|column| self.values[column * rows..(column + 1) * rows].to_vec());
        Sample {
            kept: columns.iter().map(|&column| self.kept[column]).collect(),
            values: Arc::new(values.collect()),
            y: self.y.clone(),
            weight: self.weight.clone(),
        }
    }

    /// The same rows, weighed so that what `start` says is no longer to be learned: where it expects an event x times
    /// as often as usual, events weigh the square root of 1 / x and other rows that of x. The log odds that fit such
    /// rows best are those beyond `start`.
    fn beyond(&self, start: &Forest) -> Self {
        let rows = self.y.len();
        let columns = 1 + self.kept.iter().copied().max().unwrap_or(0);
        let wanted: Vec<usize> = (0..self.kept.len())
            .filter(|&at| start.nodes.iter().any(|node| node.column == self.kept[at] as u32))
            .collect();
        let mut row = vec![f32::NAN; columns];
        let mut weight = self.weight.clone();
        for (at, weight) in weight.iter_mut().enumerate() {
            for &column in &wanted {
                row[self.kept[column]] = self.values[column * rows + at] as f32;
            }
            let beyond = f64::from((start.log_odds(&row) - start.base).clamp(-LARGEST_START, LARGEST_START));
            *weight *= (if self.y[at] > 0.0 { -beyond / 2.0 } else { beyond / 2.0 }).exp();
        }
        Self { weight, ..self.clone() }
    }

    /// One ensemble, stopped early on the rows of `stop`.
    fn fit(
        &self,
        stop: &Sample,
        base: f32,
        ensemble: &Ensemble,
        seed: u64,
        shape: &TreesShape,
    ) -> anyhow::Result<Forest> {
        let mut booster = GradientBooster::default()
            .set_iterations(shape.rounds)
            .set_learning_rate(ensemble.rate)
            .set_max_leaves(ensemble.leaves)
            .set_max_depth(6)
            .set_l2(shape.ridge)
            .set_min_leaf_weight(shape.least_leaf)
            .set_subsample(0.7)
            .set_colsample_bytree(shape.columns)
            .set_nbins(BINS_PER_COLUMN as u16)
            .set_base_score(f64::from(base))
            .set_initialize_base_score(false)
            .set_early_stopping_rounds(Some(shape.patience))
            .set_seed(seed);
        booster.sample_method = forust_ml::sampler::SampleMethod::Random;
        let evaluation = (stop.matrix(), stop.y.as_slice(), stop.weight.as_slice());
        let fitted = booster.fit(&self.matrix(), &self.y, &self.weight, Some(vec![evaluation]));
        fitted.context("the trees cannot be fitted")?;
        Ok(forest(&booster, &self.kept))
    }

    fn matrix(&self) -> Matrix<'_, f64> {
        Matrix::new(&self.values, self.y.len(), self.kept.len())
    }
}

/// The fitted trees up to the best round, in our columns, children behind their parents.
fn forest(booster: &GradientBooster, kept: &[usize]) -> Forest {
    let rounds = booster.prediction_iteration.unwrap_or(booster.trees.len()).min(booster.trees.len());
    let mut forest = Forest { base: booster.base_score as f32, ..Forest::default() };
    for tree in &booster.trees[..rounds] {
        let root = forest.nodes.len();
        forest.roots.push(root as u32);
        let place = |child: usize| (root + child) as u32;
        forest.nodes.extend(tree.nodes.iter().map(|node| match node.is_leaf {
            true => Node { column: LEAF, value: node.weight_value, left: 0, right: 0, missing: 0 },
            false => Node {
                column: kept[node.split_feature] as u32,
                value: node.split_value as f32,
                left: place(node.left_child),
                right: place(node.right_child),
                missing: place(node.missing_node),
            },
        }));
    }
    forest
}

/// Of the rows without the event as many as `per_event` allows, at random but at least `least` rows in all, each
/// standing for as many as were left out: a rare outcome is learned from its events and enough others.
fn thinned(rows: Vec<(usize, f64)>, per_event: usize, least: usize, seed: u64) -> (Vec<(usize, f64)>, f64) {
    let (mut kept, mut others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.1 > 0.0);
    let wanted = (kept.len() * per_event).max(least.saturating_sub(kept.len())).min(others.len());
    let stands_for = others.len() as f64 / wanted.max(1) as f64;
    others.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    others.truncate(wanted);
    kept.append(&mut others);
    kept.sort_unstable_by_key(|row| row.0);
    (kept, stands_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_every_event_and_lets_the_others_stand_for_all() {
        let rows: Vec<(usize, f64)> = (0..1_000).map(|row| (row, f64::from(u8::from(row % 50 == 0)))).collect();
        let (kept, stands_for) = thinned(rows.clone(), 10, 0, 3);
        let others = kept.iter().filter(|row| row.1 == 0.0).count();
        assert_eq!((kept.len() - others, others), (20, 200));
        assert!((stands_for * others as f64 - 980.0).abs() < 1e-9);
        assert!(kept.is_sorted_by_key(|row| row.0));
        assert_eq!(thinned(rows.clone(), 10, 600, 3).0.len(), 600);
        assert_eq!(thinned(rows, 100, 0, 3).0.len(), 1_000);
    }

    #[test]
    fn a_kept_forest_says_what_the_fitted_booster_says() {
        // Two columns of which the second matters, some of it missing; kept as columns 4 and 7 of ours.
        let n = 400;
        let value = |row: usize| ((row * 7919) % 101) as f64;
        let mut data: Vec<f64> = (0..n).map(|row| ((row * 31) % 17) as f64).collect();
        data.extend((0..n).map(|row| if row % 11 == 0 { f64::NAN } else { value(row) }));
        let y: Vec<f64> = (0..n).map(|row| f64::from(u8::from(value(row) > 60.0 && row % 5 > 0))).collect();
        let mut booster = GradientBooster::default().set_iterations(12).set_max_leaves(6).set_parallel(false);
        let matrix = Matrix::new(&data, n, 2);
        booster.fit_unweighted(&matrix, &y, None).unwrap();
        let kept = forest(&booster, &[4, 7]);
        assert!(kept.check(8).is_ok() && kept.check(7).is_err());
        for (row, theirs) in booster.predict(&matrix, false).into_iter().enumerate() {
            let mut ours = [0f32; 8];
            (ours[4], ours[7]) = (data[row] as f32, data[n + row] as f32);
            assert!((f64::from(kept.log_odds(&ours)) - theirs).abs() < 1e-4);
        }
    }
}
