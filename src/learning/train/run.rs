//! The training loop: load, step, validate, keep, resume.

use super::checkpoint::{self, Cursor, Losses, Validation};
use super::days::Days;
use super::facts::FactsPupil;
use super::left_out::LeftOut;
use super::lives::{Life, Words, lives};
use super::optimiser::{Optimiser, Weight};
use super::pupil::{Lesson, Pupil};
use super::settings::{ReaderKind, TrainSettings};
use super::targets::{base_rates, seen};
use super::trees;
use super::validate::{LEAST_EVENTS, gap_risk, hazards, mean_auroc, moments, scores};
use super::windows::Window;
use crate::learning::shard::{Dataset, Split, hex};
use crate::platform::terminal::remark;
use crate::prediction::network::{Parameters, ReaderConfig, initial_parameters};
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Vocabulary;
use anyhow::{Context, bail};
use fused_ops::HazardTargets;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::{Duration, Instant};

/// Checkpoints are written this often, beside those at every validation.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(120);
/// Where there is no terminal for a bar, a line is printed this often.
const SAY_EVERY: Duration = Duration::from_secs(60);
/// Index days per validation life, and the seed that fixes them for every run.
const VALIDATION_DAYS: usize = 6;
const VALIDATION_SEED: u64 = 20_260_101;

/// Files of a run folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The averaged weights of the best validation.
pub const BEST: &str = "best.safetensors";

/// What a run was made of, for who packages it.
pub const RUN: &str = "run.json";

/// `run.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    pub reader: ReaderConfig,
    pub weights: usize,
    pub within_years: u32,
    pub data_sha256: String,
    /// The outcome definitions, as text.
    pub phenotypes: String,
    pub settings: TrainSettings,
}

impl RunFile {
    /// Reads a run folder's file.
    pub fn read(run: &Path) -> anyhow::Result<Self> {
        let path = run.join(RUN);
        let text =
            std::fs::read(&path).with_context(|| format!("`{}` is no run of `prodrome train`", run.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("`{}`", path.display()))
    }
}

/// Trains until the schedule or patience ends, or `steps` steps of this call are done (for tests); goes on from the
/// run folder's checkpoint if there is one. Returns the best validation.
pub fn train(
    data: &Path,
    definitions: &str,
    settings: &TrainSettings,
    run: &Path,
    steps: Option<u64>,
) -> anyhow::Result<Validation> {
    settings.check()?;
    std::fs::create_dir_all(run).with_context(|| format!("`{}` cannot be made", run.display()))?;
    let dataset = Dataset::open(data)?;
    let vocabulary = dataset.vocabulary()?;
    let phenotypes = Phenotypes::parse(definitions)?;
    let left_out = LeftOut::of(&settings.data.leave_out, &phenotypes, &vocabulary)?;
    if let Some(warning) = left_out.warning(&phenotypes) {
        remark!("{warning}");
    }
    if settings.reader == ReaderKind::Trees {
        return train_trees(&dataset, &vocabulary, &phenotypes, &left_out, definitions, settings, run);
    }
    let mut trainer = Trainer::new(&dataset, &vocabulary, &phenotypes, &left_out, settings, run)?;
    let file = RunFile {
        reader: trainer.pupil.config(),
        weights: trainer.optimiser.weights.iter().map(|weight| weight.value.len()).sum(),
        within_years: settings.data.within_years,
        data_sha256: dataset.sha256.clone(),
        phenotypes: definitions.to_owned(),
        settings: settings.clone(),
    };
    std::fs::write(run.join(RUN), serde_json::to_string_pretty(&file)?)?;
    trainer.run(steps)
}

/// Trees are fitted one ensemble after another, not step by step.
fn train_trees(
    dataset: &Dataset,
    vocabulary: &Vocabulary,
    phenotypes: &Phenotypes,
    left_out: &LeftOut,
    definitions: &str,
    settings: &TrainSettings,
    run: &Path,
) -> anyhow::Result<Validation> {
    let words = Words { vocabulary, phenotypes, text_buckets: 1 };
    let bar = spinner("reading patients");
    let mut train = lives(dataset, Split::Train, &words, &|n| bar.set_position(n as u64))?;
    let validation = lives(dataset, Split::Validation, &words, &|n| bar.set_position(n as u64))?;
    bar.finish_and_clear();
    if settings.data.patients > 0 {
        train.truncate(settings.data.patients);
    }
    let lesson = trees::Lesson { settings, vocabulary, phenotypes, left_out, train: &train, validation: &validation };
    let bar = steps_bar(1, 0);
    let best = trees::fit(&lesson, run, &bar)?;
    bar.finish();
    let file = RunFile {
        reader: ReaderConfig::Trees(trees::config(&lesson)),
        weights: 0,
        within_years: settings.data.within_years,
        data_sha256: dataset.sha256.clone(),
        phenotypes: definitions.to_owned(),
        settings: settings.clone(),
    };
    std::fs::write(run.join(RUN), serde_json::to_string_pretty(&file)?)?;
    Ok(best)
}

struct Trainer<'a> {
    settings: &'a TrainSettings,
    phenotypes: &'a Phenotypes,
    left_out: &'a LeftOut,
    run: &'a Path,
    pupil: Box<dyn Pupil>,
    train: Vec<Life>,
    validation: Vec<Life>,
    task_weight: Vec<f32>,
    optimiser: Optimiser,
    cursor: Cursor,
}

impl<'a> Trainer<'a> {
    fn new(
        dataset: &Dataset,
        vocabulary: &'a Vocabulary,
        phenotypes: &'a Phenotypes,
        left_out: &'a LeftOut,
        settings: &'a TrainSettings,
        run: &'a Path,
    ) -> anyhow::Result<Self> {
        let words = Words { vocabulary, phenotypes, text_buckets: settings.network.text_buckets };
        let bar = spinner("reading patients");
        let mut train = lives(dataset, Split::Train, &words, &|n| bar.set_position(n as u64))?;
        let validation = lives(dataset, Split::Validation, &words, &|n| bar.set_position(n as u64))?;
        bar.finish_and_clear();
        if settings.data.patients > 0 {
            train.truncate(settings.data.patients);
        }
        if train.is_empty() || validation.is_empty() {
            bail!(
                "the dataset has {} training and {} validation patients; both are needed",
                train.len(),
                validation.len()
            );
        }
        let named = phenotypes.outcomes.len();
        let pupil: Box<dyn Pupil> = match settings.reader {
            ReaderKind::Days => Box::new(Days::new(settings, vocabulary, named)?),
            ReaderKind::Trees => bail!("trees are fitted, not stepped"),
            ReaderKind::Facts => Box::new(FactsPupil::new(settings, vocabulary, named, &train)?),
        };
        let (base, mut task_weight) = base_rates(&train, phenotypes, settings, vocabulary.auxiliary.len());
        left_out.mute(&mut task_weight);
        let identity = identity(dataset, settings, vocabulary)?;
        let (optimiser, cursor) = match checkpoint::read(&run.join(CHECKPOINT))? {
            Some((_, cursor)) if cursor.run != identity => bail!(
                "`{}` holds a run with other settings or data; give another `--run` folder or the settings it began with",
                run.display()
            ),
            Some(kept) => kept,
            None => {
                let start = initial_parameters(pupil.weights(), &base, settings.seed)?;
                let weights = start.iter().map(|(name, tensor)| Weight::new(name, tensor)).collect::<Result<_, _>>()?;
                (Optimiser { weights, step: 0 }, Cursor { run: identity, ..Cursor::default() })
            }
        };
        Ok(Self { settings, phenotypes, left_out, run, pupil, train, validation, task_weight, optimiser, cursor })
    }

    fn run(&mut self, limit: Option<u64>) -> anyhow::Result<Validation> {
        let per_epoch = self.pupil.epoch(&self.train, self.settings, 0).len().max(1) as f64;
        let total = (per_epoch * self.settings.schedule.epochs).ceil() as u64;
        let validate_every = (per_epoch * self.settings.schedule.validate_epochs).ceil() as u64;
        self.announce(total);
        let bar = steps_bar(total, self.optimiser.step);
        let (mut taken, mut rows, mut kept) = (0_u64, 0_u64, Instant::now());
        let (begun, mut said) = (Instant::now(), Instant::now());
        while self.optimiser.step < total && !self.out_of_patience() {
            let batches = self.pupil.epoch(&self.train, self.settings, self.cursor.epoch);
            for batch in &batches[(self.cursor.batch as usize).min(batches.len())..] {
                let losses = self.step(batch, self.optimiser.step as f64 / total as f64)?;
                self.cursor.since.add(&losses);
                self.cursor.batch += 1;
                (taken, rows) = (taken + 1, rows + losses.rows);
                let speed = rows as f64 / begun.elapsed().as_secs_f64().max(1e-3);
                let line = format!("{} | {speed:.0} day tokens/s", self.cursor.since.text());
                if bar.is_hidden() && said.elapsed() > SAY_EVERY {
                    let seconds = begun.elapsed().as_secs_f64() / taken as f64 * (total - self.optimiser.step) as f64;
                    remark!("step {} of {total}: {line}, about {:.0} min left", self.optimiser.step, seconds / 60.0);
                    said = Instant::now();
                }
                bar.set_message(line);
                bar.set_position(self.optimiser.step);
                if self.optimiser.step.is_multiple_of(validate_every) || self.optimiser.step == total {
                    self.validate(per_epoch, &bar)?;
                    kept = Instant::now();
                }
                if limit.is_some_and(|limit| taken >= limit) {
                    checkpoint::write(&self.run.join(CHECKPOINT), &self.optimiser, &self.cursor)?;
                    return self.best().context("stopped before the first validation; run again to go on");
                }
                if kept.elapsed() > CHECKPOINT_EVERY {
                    checkpoint::write(&self.run.join(CHECKPOINT), &self.optimiser, &self.cursor)?;
                    kept = Instant::now();
                }
                if self.optimiser.step >= total || self.out_of_patience() {
                    break;
                }
            }
            (self.cursor.epoch, self.cursor.batch) = (self.cursor.epoch + 1, 0);
        }
        bar.finish();
        self.best().context("the run has no validation yet")
    }

    fn announce(&self, total: u64) {
        let weights: usize = self.optimiser.weights.iter().map(|weight| weight.value.len()).sum();
        let (keys, numbers, named) = self.pupil.config().trained_with();
        remark!(
            "{} training and {} validation patients, {keys} keys, {numbers} numbers, {named} named of {} outcomes; \
             {weights} weights; step {} of {total}",
            self.train.len(),
            self.validation.len(),
            self.task_weight.len(),
            self.optimiser.step,
        );
    }

    fn step(&mut self, batch: &[Window], progress: f64) -> anyhow::Result<Losses> {
        let weights = self.optimiser.weights.iter().map(|w| (w.name.clone(), w.var.as_tensor().clone())).collect();
        let (lives, settings, left_out, step) = (&self.train, self.settings, self.left_out, self.optimiser.step);
        let lesson = Lesson { batch, lives, targets: self.targets(batch), settings, left_out, step };
        let (loss, losses) = self.pupil.loss(weights, lesson)?;
        self.optimiser.step(&loss.backward()?, self.settings, progress)?;
        Ok(losses)
    }

    fn targets(&self, batch: &[Window]) -> HazardTargets {
        let (mut exposure, mut event) = (Vec::new(), Vec::new());
        for window in batch {
            for &day in &window.read_outs {
                let seen = seen(&self.train[window.life], self.phenotypes, day);
                exposure.extend(seen.exposure);
                event.extend(seen.event);
            }
        }
        HazardTargets { exposure, event, weight: self.task_weight.clone(), named: self.phenotypes.outcomes.len() }
    }

    fn validate(&mut self, per_epoch: f64, bar: &ProgressBar) -> anyhow::Result<()> {
        let mut average: Parameters = self
            .optimiser
            .weights
            .iter()
            .map(|w| {
                Ok((
                    w.name.clone(),
                    candle_core::Tensor::from_slice(&w.average, w.var.shape(), &candle_core::Device::Cpu)?,
                ))
            })
            .collect::<anyhow::Result<_>>()?;
        let reader = self.pupil.reader(average.clone())?;
        let when = moments(&self.validation, self.settings.data.draw(VALIDATION_DAYS), VALIDATION_SEED);
        bar.set_message("validating");
        let hazards = hazards(&*reader, &self.validation, &when, &|_| ())?;
        let risk = |row: usize, outcome, gap, bins| gap_risk(&hazards[row], outcome, gap, bins);
        let mut scores = scores(self.phenotypes, &self.validation, &when, &risk);
        scores.retain(|score| !self.left_out.is(score.outcome));
        let (auroc, outcomes) = mean_auroc(self.phenotypes, &scores);
        let since = std::mem::take(&mut self.cursor.since);
        let validation = Validation {
            step: self.optimiser.step,
            epoch: nine_decimals(self.optimiser.step as f64 / per_epoch),
            auroc: nine_decimals(auroc),
            train_hazard_loss: nine_decimals(since.mean(since.hazard)),
            train_next_day_loss: nine_decimals(since.mean(since.next)),
        };
        let better = self.best().is_none_or(|best| auroc > best.auroc);
        let line = format!(
            "epoch {:.1} step {}: {}; validation AUROC {auroc:.4} over {outcomes} outcomes with {LEAST_EVENTS} events or more{}",
            validation.epoch,
            validation.step,
            since.text(),
            if better { ", best so far" } else { "" }
        );
        if bar.is_hidden() {
            remark!("{line}")
        } else {
            bar.println(line)
        }
        self.cursor.validations.push(validation);
        if better {
            average.extend(self.pupil.constants());
            let best = self.run.join(BEST);
            let fresh = best.with_extension("writing");
            candle_core::safetensors::save(&average.into_iter().collect(), &fresh)?;
            std::fs::rename(&fresh, &best)?;
        }
        checkpoint::write(&self.run.join(CHECKPOINT), &self.optimiser, &self.cursor)
    }

    fn best(&self) -> Option<Validation> {
        self.cursor.validations.iter().max_by(|a, b| a.auroc.total_cmp(&b.auroc)).cloned()
    }

    fn out_of_patience(&self) -> bool {
        let patience = self.settings.schedule.patience;
        let best = self.best().map_or(0, |best| best.step);
        patience > 0 && self.cursor.validations.iter().filter(|v| v.step > best).count() >= patience
    }
}

/// Rounded so that the number comes back from a checkpoint's text as it went.
fn nine_decimals(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}

fn identity(dataset: &Dataset, settings: &TrainSettings, vocabulary: &Vocabulary) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(&dataset.sha256);
    hash.update(serde_json::to_vec(settings)?);
    hash.update(serde_json::to_vec(vocabulary)?);
    Ok(hex(&hash.finalize()))
}

fn spinner(what: &'static str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{spinner} {msg}: {pos}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style).with_message(what)
}

fn steps_bar(total: u64, done: u64) -> ProgressBar {
    let template = "{wide_bar} {pos}/{len} steps, {eta} left\n{msg}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(total).with_style(style).with_position(done);
    bar.reset_eta();
    bar
}
