//! Fitting reader (C): one boosted ensemble per outcome and horizon, stopped early on validation patients.
//!
//! Owns which index days are asked and what is kept: a finished ensemble stays in the run folder at once, so that a stopped
//! run goes on with the next one. [`table`] holds the rows, [`boost`] fits on them; the boosting itself is forust's.

mod boost;
mod table;

use super::checkpoint::Validation;
use super::left_out::LeftOut;
use super::lives::Life;
use super::run::BEST;
use super::settings::TrainSettings;
use super::targets::base_rates;
use super::validate::{Moment, gap_risk, hazards, mean_auroc, moments, scores};
use super::windows::{Window, seed_of};
use crate::learning::evaluate::cohort::{self, label};
use crate::patient_record::timeline::Kind;
use crate::prediction::network::facts::Words;
use crate::prediction::network::trees::{BASE, Forest, age_and_sex, columns, forest_name};
use crate::prediction::network::{Asked, BINS, History, Parameters, Trees, TreesConfig};
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Vocabulary;
use boost::{Answered, base};
use candle_core::{Device, Tensor};
use indicatif::ProgressBar;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use table::{Table, telling};

/// Index days per validation life, and the seed that fixes them: those of the other readers' validations.
const VALIDATION_DAYS: usize = 6;
const VALIDATION_SEED: u64 = 20_260_101;
/// The patients that ensembles are fitted and stopped on.
pub struct Lesson<'a> {
    pub settings: &'a TrainSettings,
    pub vocabulary: &'a Vocabulary,
    pub phenotypes: &'a Phenotypes,
    pub left_out: &'a LeftOut,
    pub train: &'a [Life],
    pub validation: &'a [Life],
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
                    let forest = boost::boost((&table, &check_table), &answered, columns, settings.seed, shape)?;
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
