//! `prodrome package`: finished runs to a model package.

use crate::learning::package::package;
use crate::platform::terminal::say;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::time::Duration;

/// Make a model package of one or more training runs.
///
/// Fits calibration and alert thresholds on the calibration split, the age-and-sex average on the training split,
/// and decides on the validation split which outcomes may be shown. Runs of one shape are averaged; runs of
/// several kinds (facts, transformer, trees) each get a share that validation patients choose.
#[derive(Args)]
pub struct Package {
    /// Dataset folder that the runs were trained on
    #[arg(long)]
    data: PathBuf,
    /// Run folder; repeat for several
    #[arg(long = "run", required = true)]
    runs: Vec<PathBuf>,
    /// Folder of the package
    #[arg(long)]
    out: PathBuf,
    /// Name of the model, part of its identity
    #[arg(long, default_value = "prodrome-s")]
    name: String,
}

impl Package {
    pub fn run(&self) -> anyhow::Result<()> {
        let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
        let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(200));
        package(&self.data, &self.runs, &self.out, &self.name, &|what| bar.set_message(what.to_owned()))?;
        bar.finish_and_clear();
        say!("wrote `{}`; `prodrome evaluate` measures it on test patients", self.out.display());
        Ok(())
    }
}
