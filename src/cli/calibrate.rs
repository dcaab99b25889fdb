//! `prodrome calibrate`: a model package fitted to a site's own patients, its weights untouched.

use crate::learning::calibration::calibrate;
use crate::learning::shard::Split;
use crate::platform::terminal::say;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::time::Duration;

/// Fit a model package to your own patients in minutes, without training.
///
/// Asks the model about the patients of one split of an ingested dataset and fits anew what turns its answers into
/// probabilities there: calibration lines with their intervals, age-and-sex averages, alert and false-alert thresholds,
/// and the limits beyond which it is silent. Where the dataset has validation patients, they decide which outcomes may
/// be shown. Weights, vocabulary and outcomes stay as they are. Check the result with `prodrome evaluate`.
#[derive(Args)]
pub struct Calibrate {
    /// The model package to start from, a folder
    #[arg(long, default_value = "models/prodrome-s")]
    model: PathBuf,
    /// Dataset folder made by `prodrome ingest` of your own export
    #[arg(long)]
    data: PathBuf,
    /// Patients to fit on: calibration, validation or train
    #[arg(long, default_value = "calibration", value_parser = split)]
    split: Split,
    /// Folder of the new package
    #[arg(long)]
    out: PathBuf,
}

fn split(name: &str) -> Result<Split, String> {
    let known = Split::ALL.into_iter().find(|split| split.as_str() == name);
    known.ok_or_else(|| format!("`{name}` is no split; the splits are train, validation, calibration and test"))
}

impl Calibrate {
    pub fn run(&self) -> anyhow::Result<()> {
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
        let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(200));
        let say = |what: &str| bar.set_message(what.to_owned());
        let done = calibrate(&self.model, &self.data, self.split, &self.out, &say)?;
        bar.finish_and_clear();
        say!("fitted on {} patients, {} index days", done.patients, done.index_days);
        let (before, after) = done.shown;
        match done.skill_measured {
            true => {
                say!("{after} outcomes and horizons may be shown (before: {before}), by your validation patients")
            }
            false => say!(
                "{after} outcomes and horizons may be shown, as before: without validation patients nobody measured anew"
            ),
        }
        say!("wrote `{}`; `prodrome evaluate` measures it on test patients", self.out.display());
        Ok(())
    }
}
