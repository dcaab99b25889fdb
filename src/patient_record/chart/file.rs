//! Charts on disk: which files there are, and one file read whole, decompressed, within bounds.
//!
//! A file is a chart of its own, of one patient or several; nothing is merged across files. Refuses bulk exports
//! (types spread over many files): those are `learning::ingest`'s.

use super::{ChartError, ChartReader};
use crate::patient_record::timeline::{Second, Skipped, Timeline};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Most bytes of one chart, decompressed.
const LARGEST_CHART: u64 = 2 << 30;
/// Charts compressed with `zstd --long` need windows up to this power of two.
const WINDOW_LOG_MAX: u32 = 27;
/// Folders nested deeper than this are a loop of links.
const DEEPEST_FOLDER: usize = 32;
const ENDINGS: [&str; 6] = [".json", ".json.gz", ".json.zst", ".ndjson", ".ndjson.gz", ".ndjson.zst"];

/// What one file held.
pub struct ChartFile {
    /// One timeline per patient, ordered by patient id; at least one.
    pub timelines: Vec<Timeline>,
    /// What could not be said to be of any of them.
    pub unattributed: Skipped,
    /// `Bundle.timestamp` of the first Bundle that had one.
    pub timestamp: Option<Second>,
}

/// Why a chart file cannot be read. Holds no part of its content.
#[derive(Debug, thiserror::Error)]
pub enum ChartFileError {
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    #[error("larger than {} GiB decompressed; split it by patient", LARGEST_CHART >> 30)]
    TooLarge,
    #[error("{0}")]
    Chart(#[from] ChartError),
    #[error("holds no Patient resource; each file is a chart of its own (use `prodrome ingest` for a bulk export)")]
    NoPatient,
    #[error("no chart here: none of {} in this folder or below", ENDINGS.join(", "))]
    EmptyFolder,
}

/// The chart files of one path: itself, or for a folder those below it by name, ordered by path.
pub fn find(path: &Path) -> Result<Vec<PathBuf>, ChartFileError> {
    let mut found = Vec::new();
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    walk(path, 0, &mut found)?;
    if found.is_empty() {
        return Err(ChartFileError::EmptyFolder);
    }
    found.sort_unstable();
    Ok(found)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if depth > DEEPEST_FOLDER {
        return Err(std::io::Error::other("folders nested too deep: a loop of links?"));
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_chart = || path.file_name().and_then(|name| name.to_str()).is_some_and(has_chart_ending);
        if path.is_dir() {
            walk(&path, depth + 1, found)?;
        } else if is_chart() {
            found.push(path);
        }
    }
    Ok(())
}

fn has_chart_ending(name: &str) -> bool {
    !name.starts_with('.') && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Reads a chart: a Bundle, a single resource or NDJSON, each plain, gzip or zstd. Compression and form are told by the
/// content, not by the name.
pub fn read(path: &Path) -> Result<ChartFile, ChartFileError> {
    let mut stream = decompressed(BufReader::new(File::open(path)?))?;
    let mut bytes = Vec::new();
    let read = stream.by_ref().take(LARGEST_CHART + 1).read_to_end(&mut bytes)?;
    if read as u64 > LARGEST_CHART {
        return Err(ChartFileError::TooLarge);
    }
    let mut reader = ChartReader::new();
    if holds_lines(&bytes) {
        reader.take_ndjson(&bytes)?;
    } else {
        reader.take_json(&bytes)?;
    }
    let timestamp = reader.bundle_timestamp();
    let (timelines, unattributed) = reader.finish();
    if timelines.is_empty() {
        return Err(ChartFileError::NoPatient);
    }
    Ok(ChartFile { timelines, unattributed, timestamp })
}

fn decompressed(mut stream: BufReader<File>) -> std::io::Result<Box<dyn Read>> {
    let start = stream.fill_buf()?;
    Ok(if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::bufread::MultiGzDecoder::new(stream))
    } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut decoder = zstd::Decoder::with_buffer(stream)?;
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        Box::new(decoder)
    } else {
        Box::new(stream)
    })
}

/// Whether the first line that is not blank is a whole JSON value and another line follows: NDJSON.
/// A file of one line reads the same either way.
fn holds_lines(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let (Some(first), Some(_)) = (lines.next(), lines.next()) else { return false };
    serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok()
}
