//! From a FHIR export to a de-identified dataset, in bounded memory, continued where a killed run stopped.
//!
//! Three steps. [`route`] streams every file and puts each resource, unread but for its type and patient, into the
//! bucket of its patient, compressed, in a spill folder. [`bucket`] gives one patient after the other to the chart
//! reader that the server uses and makes rows and counts. [`seal`] sets follow-up ends, learns the vocabulary
//! from training patients and writes shards and reports. The same input, salt and options give the same bytes,
//! whatever the number of threads and however often the run was killed.

mod audit;
mod bucket;
mod chart;
mod dictionary;
mod disclosure;
mod input;
mod likeness;
mod parallel;
mod part;
mod progress;
mod pseudonym;
mod report;
mod route;
mod row;
mod scan;
mod seal;
mod sources;
mod spill;
mod state;
mod tally;
mod vocabulary;

use crate::learning::shard::Dataset;
use crate::patient_record::chart::MedicationCatalogue;
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use sources::{Compression, SourceFile};
use spill::Spill;
use state::State;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More buckets need more memory for their buffers; exports beyond this get larger buckets instead.
const MOST_BUCKETS: u64 = 1024;

/// What to ingest, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folders or files.
    pub sources: Vec<PathBuf>,
    /// The dataset folder; created.
    pub out: PathBuf,
    /// Folders named after splits decide them, instead of the salted hash.
    pub split_by_folder: bool,
    /// Else the dataset's own, made at random.
    pub salt_file: Option<PathBuf>,
    /// The last day the export knows of; else the latest date in it.
    pub export_date: Option<jiff::civil::Date>,
    /// Whether to write `identity.csv`.
    pub identity: bool,
    /// Whether to write `audit.csv`.
    pub audit: bool,
    /// Threads; each holds one bucket in memory.
    pub jobs: usize,
    /// Where raw resources lie in the meantime; else `spill` in the dataset folder. Holds patient data; removed at the end.
    pub spill: Option<PathBuf>,
    /// Decompressed size of a bucket to aim at.
    pub bucket_bytes: u64,
}

/// Makes a dataset, or continues to.
pub fn ingest(options: &Options) -> anyhow::Result<Dataset> {
    if options.out.join("dataset.json").exists() {
        bail!("`{}` already holds a complete dataset; choose another folder for --out", options.out.display());
    }
    let spill = options.spill.clone().unwrap_or_else(|| options.out.join("spill"));
    private_folder(&options.out)?;
    private_folder(&spill)?;
    let salt = pseudonym::Salt::load(&options.out, options.salt_file.as_deref())?;
    let files = sources::find(&options.sources)?;
    let state = State::load(&spill, plan(&files, options, &salt)?, bucket_count(&files, options))?;
    state.save(&spill)?;
    let state = route::route(&files, state, &spill, options)?;
    read_buckets(&state, &spill, options, &salt)?;
    let dataset = seal::seal(&state, &spill, options)?;
    std::fs::remove_dir_all(&spill)
        .with_context(|| format!("cannot remove `{}`; it holds patient data", spill.display()))?;
    Ok(dataset)
}

/// A folder that only its owner may look into.
fn private_folder(path: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("`{}`", path.display()))
}

/// A digest of everything that decides what the spill holds.
fn plan(files: &[SourceFile], options: &Options, salt: &pseudonym::Salt) -> anyhow::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    for file in files {
        let changed = std::fs::metadata(&file.path)?.modified()?;
        let changed = changed.duration_since(std::time::UNIX_EPOCH).map(|age| age.as_nanos()).unwrap_or(0);
        digest.update(format!("{:?} {} {changed}\n", file.path, file.bytes));
    }
    let Options { split_by_folder, identity, audit, bucket_bytes, .. } = options;
    digest.update(format!("{split_by_folder} {identity} {audit} {bucket_bytes}\n"));
    digest.update(salt.fingerprint());
    Ok(digest.finalize().into())
}

fn bucket_count(files: &[SourceFile], options: &Options) -> usize {
    let bytes: u64 = files.iter().map(decompressed_bytes).sum();
    bytes.div_ceil(options.bucket_bytes.max(1)).clamp(1, MOST_BUCKETS) as usize
}

/// An estimate: zstd often says it, else by what JSON of this kind usually compresses to.
fn decompressed_bytes(file: &SourceFile) -> u64 {
    match file.compression {
        Compression::None => file.bytes,
        Compression::Gzip => file.bytes * 12,
        Compression::Zstd => stated_bytes(&file.path).unwrap_or(file.bytes * 20),
    }
}

fn stated_bytes(path: &Path) -> Option<u64> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(path).ok()?.take(32).read_to_end(&mut head).ok()?;
    zstd::zstd_safe::get_frame_content_size(&head).ok()?
}

/// Reads the buckets that an earlier run has not.
fn read_buckets(state: &State, folder: &Path, options: &Options, salt: &pseudonym::Salt) -> anyhow::Result<()> {
    let buckets = state.buckets as usize;
    let spill = Spill::open(folder, buckets + 1, &state.committed)?;
    let medications = Arc::new(catalogue(&spill.read(buckets)?)?);
    let today = row::day(jiff::Timestamp::now().as_second());
    let setting =
        bucket::Setting { medications: &medications, salt, keep_ids: options.identity, audit: options.audit, today };
    let todo: Vec<usize> = (0..buckets).filter(|&bucket| !part::path(folder, bucket).exists()).collect();
    let total: u64 = (0..buckets).map(|bucket| spill.bytes(bucket)).sum();
    let left: u64 = todo.iter().map(|&bucket| spill.bytes(bucket)).sum();
    let progress = progress::Progress::start("read", total, total - left);
    parallel::in_parallel(options.jobs, &todo, |_, next| {
        while let Some(&bucket) = next() {
            bucket::read(&spill.read(bucket)?, &setting)?.write(&part::path(folder, bucket))?;
            progress.advance(spill.bytes(bucket));
        }
        Ok(())
    })?;
    progress.finish();
    Ok(())
}

/// The Medications that belong to no patient, from the bucket that routing keeps them in.
fn catalogue(bytes: &[u8]) -> anyhow::Result<MedicationCatalogue> {
    let mut catalogue = MedicationCatalogue::default();
    for frame in spill::frames(bytes) {
        catalogue.take_line(frame?.resource);
    }
    Ok(catalogue)
}
