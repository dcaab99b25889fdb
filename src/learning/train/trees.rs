//! Fitting reader (C): one boosted ensemble per outcome and horizon, stopped early on validation patients.
//!
//! Owns the table of training rows and what each ensemble is fitted on; the boosting itself is forust's. A finished
//! ensemble is kept in the run folder at once, so that a stopped run goes on with the next one.

use super::checkpoint::Validation;
use super::left_out::LeftOut;
use super::lives::Life;
use super::run::BEST;
use super::settings::{Ensemble, Start, TrainSettings, TreesShape};
use super::targets::base_rates;
use super::validate::{Moment, gap_risk, hazards, mean_auroc, moments, scores};
use super::windows::{Window, seed_of};
use crate::learning::evaluate::cohort::{self, label};
use crate::patient_record::timeline::Kind;
use crate::prediction::network::facts::Words;
use crate::prediction::network::trees::{BASE, Forest, LEAF, Node, age_and_sex, columns, forest_name};
use crate::prediction::network::{Asked, BINS, History, Parameters, Trees, TreesConfig};
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Vocabulary;
use anyhow::Context;
use candle_core::{Device, Tensor};
use forust_ml::{GradientBooster, Matrix};
use indicatif::ProgressBar;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// Index days per validation life, and the seed that fixes them: those of the other readers' validations.
const VALIDATION_DAYS: usize = 6;
const VALIDATION_SEED: u64 = 20_260_101;
/// Fewer training or validation events than these leave an ensemble at its base rate.
const LEAST_TRAINING_EVENTS: usize = 30;
const LEAST_VALIDATION_EVENTS: usize = 5;
/// Log odds beyond the rate that age and sex may say at most, so that no row weighs too much.
const LARGEST_START: f32 = 3.0;
/// Values of a column between two of so many quantiles are one value to the trees.
const BINS_PER_COLUMN: usize = 31;

/// The patients that ensembles are fitted and stopped on.
pub struct Lesson<'a> {
    pub settings: &'a TrainSettings,
    pub vocabulary: &'a Vocabulary,
    pub phenotypes: &'a Phenotypes,
    pub left_out: &'a LeftOut,
    pub train: &'a [Life],
    pub validation: &'a [Life],
}

/// Rows by columns, a column after the other, without columns that say nothing. Values are those of their bins' lower
/// ends: sorting them anew for every ensemble, as the boosting does, is then several times faster.
struct Table {
    rows: usize,
    /// Values of each kept column.
    columns: Vec<Vec<f32>>,
}

impl Table {
    fn of(rows: &[Vec<f32>], kept: &[usize]) -> Self {
        let column = |&column: &usize| in_bins(rows.iter().map(|row| row[column]).collect());
        Self { rows: rows.len(), columns: kept.par_iter().map(column).collect() }
    }

    /// The values of some rows, column after column.
    fn values(&self, rows: &[usize]) -> Vec<f64> {
        self.columns.par_iter().flat_map_iter(|column| rows.iter().map(|&row| f64::from(column[row]))).collect()
    }
}

/// The reader's shape.
pub fn config(lesson: &Lesson) -> TreesConfig {
    let mut horizons_days = lesson.phenotypes.horizons_days.clone();
    horizons_days.sort_unstable();
    TreesConfig {
        keys: lesson.vocabulary.keys.len(),
        numbers: lesson.vocabulary.numbers.len(),
        named: lesson.phenotypes.outcomes.len(),
        horizons_days,
    }
}

/// Fits every ensemble that the run folder does not hold yet, and validates them together.
pub fn fit(lesson: &Lesson, run: &Path, bar: &ProgressBar) -> anyhow::Result<Validation> {
    let Lesson { settings, vocabulary, phenotypes, left_out, train, validation } = *lesson;
    let shape = &settings.trees;
    let config = config(lesson);
    let words = Arc::new(Words::of(vocabulary));
    let when = training_moments(lesson);
    let check = moments(validation, settings.data.draw(shape.index_days), VALIDATION_SEED);
    bar.set_message("columns of every index day");
    let kinds: Vec<Kind> = vocabulary.keys.iter().map(|entry| entry.kind).collect();
    let cut_share = settings.data.cut_share;
    let row =
        |history: &History, day: i32| columns(&Asked::at(history, day, usize::MAX, &[]), day, &config.survey(), &words);
    let seen = |(number, moment): (usize, &Moment)| {
        let arrives = seed_of([settings.seed, 3, number as u64]);
        let window = Window { life: moment.life, read_outs: vec![moment.day], arrives };
        row(&window.shown(train, &kinds, cut_share), moment.day)
    };
    let rows: Vec<Vec<f32>> = when.par_iter().enumerate().map(seen).collect();
    let kept = telling(&rows, shape.least_share);
    let age_and_sex = age_and_sex(config.keys, config.numbers);
    let table = Table::of(&rows, &kept);
    drop(rows);
    let whole = |moment: &Moment| row(&validation[moment.life].history, moment.day);
    let check_table = Table::of(&check.par_iter().map(whole).collect::<Vec<_>>(), &kept);
    bar.set_length((config.named * config.horizons_days.len()) as u64);
    let mut all = Parameters::new();
    for outcome in 0..config.named {
        for (at, &days) in config.horizons_days.iter().enumerate() {
            let name = forest_name(outcome, at);
            bar.set_message(format!("{} within {days} days", phenotypes.outcomes[outcome].0));
            let file = run.join(format!("forest-{name}.safetensors"));
            let rows = labelled(phenotypes, train, &when, outcome, days);
            let tensors = match candle_core::safetensors::load(&file, &Device::Cpu) {
                _ if left_out.is(outcome) => {
                    Forest { base: base(&rows), ..Forest::default() }.tensors(&name)?.into_iter().collect()
                }
                Ok(kept) => kept.into_iter().collect(),
                Err(_) => {
                    let stop = labelled(phenotypes, validation, &check, outcome, days);
                    let answered = Answered { train: &rows, stop: &stop };
                    let columns = (kept.as_slice(), age_and_sex.as_slice());
                    let forest = boost((&table, &check_table), &answered, columns, settings.seed, shape)?;
                    let tensors: Parameters = forest.tensors(&name)?.into_iter().collect();
                    candle_core::safetensors::save(&tensors.clone().into_iter().collect(), &file)?;
                    tensors
                }
            };
            all.extend(tensors);
            bar.inc(1);
        }
    }
    let (base, _) = base_rates(train, phenotypes, settings, 0);
    all.insert(BASE.to_owned(), Tensor::from_vec(base, BINS * config.named, &Device::Cpu)?);
    candle_core::safetensors::save(&all.clone().into_iter().collect(), run.join(BEST))?;
    let reader = Trees::packaged(config, all, words)?;
    let when = moments(validation, settings.data.draw(VALIDATION_DAYS), VALIDATION_SEED);
    let hazards = hazards(&reader, validation, &when, &|_| ())?;
    let risk = |row: usize, outcome, gap, bins| gap_risk(&hazards[row], outcome, gap, bins);
    let mut scores = scores(phenotypes, validation, &when, &risk);
    scores.retain(|score| !left_out.is(score.outcome));
    let (auroc, _) = mean_auroc(phenotypes, &scores);
    Ok(Validation { step: bar.position(), epoch: 1.0, auroc, train_hazard_loss: 0.0, train_next_day_loss: 0.0 })
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

/// Columns that say something on at least this share of the rows.
fn telling(rows: &[Vec<f32>], least_share: f64) -> Vec<usize> {
    let least = ((least_share * rows.len() as f64).ceil() as usize).max(1);
    let says = |row: &&Vec<f32>, column: usize| row[column] != 0.0 && !row[column].is_nan();
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns)
        .into_par_iter()
        .filter(|&column| rows.iter().filter(|row| says(row, column)).count() >= least)
        .collect()
}

/// The index days that ensembles are fitted on.
fn training_moments(lesson: &Lesson) -> Vec<Moment> {
    let Lesson { settings, train, .. } = *lesson;
    let days = |(life, one): (usize, &Life)| {
        let seed = seed_of([settings.seed, 0, life as u64]);
        let days = one.training_days(settings.trees.index_days, &settings.data, seed);
        days.into_iter().map(move |day| Moment { life, day })
    };
    train.iter().enumerate().flat_map(days).collect()
}

/// Rows whose patients could have the outcome and were followed up, and whether they had it.
fn labelled(phenotypes: &Phenotypes, lives: &[Life], when: &[Moment], outcome: usize, days: u32) -> Vec<(usize, f64)> {
    let window = cohort::Window { gap_days: 0, horizon_days: days as i32 };
    let row = |(row, moment): (usize, &Moment)| {
        let life = &lives[moment.life];
        if moment.day + days as i32 > life.follow_up_end {
            return None;
        }
        let event = label(phenotypes, outcome, &life.outcomes[outcome], life.sex, moment.day, window)?;
        Some((row, f64::from(u8::from(event))))
    };
    when.iter().enumerate().filter_map(row).collect()
}

fn events(rows: &[(usize, f64)]) -> usize {
    rows.iter().map(|row| row.1).sum::<f64>() as usize
}

/// Log odds of the event among the rows.
fn base(rows: &[(usize, f64)]) -> f32 {
    let rate = (events(rows) as f64 + 0.5) / (rows.len() as f64 + 50.0);
    (rate / (1.0 - rate)).ln() as f32
}

/// Rows of both tables with an answer, and whether each had the event.
struct Answered<'a> {
    train: &'a [(usize, f64)],
    stop: &'a [(usize, f64)],
}

/// Fits the ensembles of one outcome and horizon and averages their log odds.
fn boost(
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
    kept: std::borrow::Cow<'a, [usize]>,
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
