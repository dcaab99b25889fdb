//! Bytes of export files: decompressed as a stream, cut into lines of bounded length.

use super::progress::Progress;
use super::sources::{Compression, SourceFile};
use anyhow::Context;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

/// A line longer than this is not kept in memory; it counts as unreadable.
const LONGEST_LINE: usize = 256 << 20;
/// A bundle larger than this is refused.
const LARGEST_DOCUMENT: u64 = 4 << 30;
/// Exports compressed with `zstd --long` need windows up to this power of two.
const WINDOW_LOG_MAX: u32 = 27;

/// A file that tells the progress bar how far it was read.
struct Counted {
    file: File,
    progress: Arc<Progress>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.progress.advance(read as u64);
        Ok(read)
    }
}

/// Opens a source file as a decompressed stream.
pub fn open(source: &SourceFile, progress: &Arc<Progress>) -> anyhow::Result<Box<dyn BufRead>> {
    let file = File::open(&source.path).with_context(|| source.say())?;
    let counted = BufReader::with_capacity(1 << 18, Counted { file, progress: progress.clone() });
    Ok(match source.compression {
        Compression::None => Box::new(counted),
        Compression::Gzip => Box::new(BufReader::with_capacity(1 << 18, flate2::bufread::MultiGzDecoder::new(counted))),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(counted)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Box::new(BufReader::with_capacity(1 << 18, decoder))
        }
    })
}

/// One step through a file of lines.
pub enum Line {
    /// A line is in the buffer.
    Read,
    /// A line was longer than memory allows and was skipped.
    TooLong,
    End,
}

/// Reads the next line, without its end, into `line`.
pub fn next_line(stream: &mut dyn BufRead, line: &mut Vec<u8>) -> std::io::Result<Line> {
    line.clear();
    let mut stream = stream;
    (&mut stream).take(LONGEST_LINE as u64).read_until(b'\n', line)?;
    match line.last() {
        None => return Ok(Line::End),
        Some(b'\n') => {}
        Some(_) if line.len() == LONGEST_LINE => {
            line.clear();
            stream.skip_until(b'\n')?;
            return Ok(Line::TooLong);
        }
        Some(_) => {}
    }
    while line.last().is_some_and(|byte| byte.is_ascii_whitespace()) {
        line.pop();
    }
    Ok(Line::Read)
}

/// Reads a whole document.
pub fn document(stream: &mut dyn BufRead) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = stream.take(LARGEST_DOCUMENT).read_to_end(&mut bytes)?;
    anyhow::ensure!((read as u64) < LARGEST_DOCUMENT, "larger than 4 GiB; export it as NDJSON");
    Ok(bytes)
}
