//! Making a world: lives, export, labels and truth in one folder.
//!
//! Owns the folder's layout. A world is a function of its seed and size alone, whatever the number of threads.

use super::fhir::Export;
use super::life::{EXPORT, Life};
use super::rows::{Future, rows, write_labels, write_truth};
use super::world::{HORIZONS, N, phenotypes};
use crate::learning::shard::Split;
use anyhow::{Context, bail};
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;

/// How large a world, and how exactly its truth is known.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub patients: u64,
    pub seed: u64,
    /// Futures per row.
    pub draws: u32,
}

/// `planted.json`
#[derive(Clone, Debug, Serialize)]
pub struct Planted {
    pub notice: &'static str,
    pub patients: u64,
    pub seed: u64,
    /// The date to ingest with.
    pub export_date: String,
    pub resources: u64,
    pub events_of_care: u64,
    pub deaths: usize,
    /// Rows with labels, all splits.
    pub rows: usize,
    /// Rows with truth: validation and test.
    pub rows_with_truth: usize,
    pub draws: u32,
    /// Standard error of a true probability: mean and largest over rows, outcomes and horizons.
    pub monte_carlo_error_mean: f64,
    pub monte_carlo_error_most: f64,
}

/// What every output of this world says.
pub const NOTICE: &str = "Invented patients with planted hazards: figures on them prove machinery, not medicine.";

/// Writes `fhir/SPLIT/TYPE.ndjson.zst`, `phenotypes.toml`, `labels/SPLIT.csv.gz`, `truth.csv.gz` and `planted.json`.
pub fn plant(plan: Plan, out: &Path, progress: &ProgressBar) -> anyhow::Result<Planted> {
    if plan.patients < 10 || plan.draws < 2 {
        bail!("a world needs at least 10 patients, one for each tenth of the splits, and 2 futures per row");
    }
    let folder = |name: &str| -> anyhow::Result<_> {
        let path = out.join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("`{}` cannot be made", path.display()))?;
        Ok(path)
    };
    if out.join("fhir").exists() {
        bail!("`{}` holds a world already; give another folder", out.display());
    }
    progress.set_message("living");
    progress.set_length(plan.patients);
    let lives: Vec<Life> = (0..plan.patients)
        .into_par_iter()
        .map(|number| Life::new(plan.seed, number))
        .inspect(|_| progress.inc(1))
        .collect();
    progress.set_message("writing");
    progress.set_position(0);
    let mut export = Export::new(&folder("fhir")?);
    for life in &lives {
        export.write(life)?;
        progress.inc(1);
    }
    let resources = export.finish()?;
    std::fs::write(out.join("phenotypes.toml"), phenotypes())?;
    let rows = rows(&lives, plan.seed);
    let labels = folder("labels")?;
    for split in Split::ALL {
        let of_split: Vec<_> = rows.iter().filter(|row| row.life.split == split).collect();
        write_labels(&labels.join(format!("{}.csv.gz", split.as_str())), &of_split)?;
    }
    let all = rows.len();
    let judged = |split| matches!(split, Split::Validation | Split::Test);
    let rows: Vec<_> = rows.into_iter().filter(|row| judged(row.life.split)).collect();
    progress.set_message("looking ahead");
    progress.set_length(rows.len() as u64);
    progress.set_position(0);
    let futures: Vec<Future> =
        rows.par_iter().map(|row| row.future(plan.seed, plan.draws)).inspect(|_| progress.inc(1)).collect();
    write_truth(&out.join("truth.csv.gz"), &rows, &futures)?;
    let errors = || futures.iter().flat_map(|future| future.outlook.error.iter().flatten().copied());
    let planted = Planted {
        notice: NOTICE,
        patients: plan.patients,
        seed: plan.seed,
        export_date: EXPORT.to_string(),
        resources,
        events_of_care: lives.iter().map(|life| life.care.len() as u64).sum(),
        deaths: lives.iter().filter(|life| life.death.is_some()).count(),
        rows: all,
        rows_with_truth: rows.len(),
        draws: plan.draws,
        monte_carlo_error_mean: errors().sum::<f64>() / (rows.len() * N * HORIZONS.len()).max(1) as f64,
        monte_carlo_error_most: errors().fold(0.0, f64::max),
    };
    std::fs::write(out.join("planted.json"), serde_json::to_string_pretty(&planted)?)?;
    Ok(planted)
}
