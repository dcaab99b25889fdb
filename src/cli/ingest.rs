//! `prodrome ingest`: a FHIR export becomes a dataset to train on.

use crate::learning::ingest::{Options, ingest};
use crate::platform::terminal::{remark, say};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Turn a FHIR export into a de-identified dataset
///
/// Reads every *.ndjson and every Bundle in *.json below the sources, also .gz and .zst. Repeat the same command to
/// continue a run that was stopped.
#[derive(Args)]
pub struct Ingest {
    /// Folders to search, or files
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// The dataset folder to write
    #[arg(long, value_name = "DATASET")]
    out: PathBuf,
    /// Let a folder named train, validation, calibration or test decide, instead of a salted hash (70/10/10/10)
    #[arg(long)]
    split_by_folder: bool,
    /// A secret that pseudonyms are made with; without it a random one is kept in DATASET/salt
    #[arg(long, value_name = "FILE")]
    salt_file: Option<PathBuf>,
    /// The last day that the export knows of; without it, the latest date found
    #[arg(long, value_name = "YYYY-MM-DD")]
    export_date: Option<jiff::civil::Date>,
    /// Also write identity.csv, which leads from pseudonyms back to patients
    #[arg(long)]
    identity: bool,
    /// Also write audit.csv: race and ethnicity by pseudonym (US Core, coarse categories only), for `evaluate` to compare
    /// groups. The shards never hold them
    #[arg(long)]
    audit: bool,
    /// Threads [default: one per core]
    #[arg(long)]
    jobs: Option<usize>,
    /// Where raw resources lie in the meantime [default: DATASET/spill]
    #[arg(long, value_name = "DIR")]
    spill: Option<PathBuf>,
    /// Megabytes of raw resources that a thread holds in memory at once
    #[arg(long, value_name = "MB", default_value_t = 96)]
    bucket_mb: u64,
}

/// Runs the command: 0 done, 1 failed.
pub fn run(arguments: Ingest) -> ExitCode {
    super::finish(make(arguments))
}

fn make(args: Ingest) -> anyhow::Result<()> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let stated = args.export_date.is_some();
    let dataset = ingest(&Options {
        sources: args.sources,
        out: args.out,
        split_by_folder: args.split_by_folder,
        salt_file: args.salt_file,
        export_date: args.export_date,
        identity: args.identity,
        audit: args.audit,
        jobs: args.jobs.unwrap_or_else(cores).max(1),
        spill: args.spill,
        bucket_bytes: args.bucket_mb.max(1) << 20,
    })?;
    if !stated {
        remark!("warning: the latest date in the export was taken as its date; state --export-date if it is later");
    }
    let patients: u64 = dataset.patients.values().sum();
    say!("{patients} patients, {} events in {} shards", dataset.events, dataset.shards.len());
    say!("report: {}", dataset.folder.join("report.md").display());
    Ok(())
}
