//! The spill: raw resources on their way from files to patients, sorted into buckets by patient.
//!
//! Each worker appends compressed blocks to one file of its own; a block belongs to one bucket. What was
//! committed is known by the file's length alone, so a killed run is continued by cutting the file there.

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A bucket's buffer is written out as a block when it reaches this size.
const BLOCK: usize = 256 << 10;
/// Bucket, length before and after compression.
const HEADER: usize = 12;

/// One resource with what is needed to give it to a chart reader.
#[derive(Serialize, Deserialize)]
pub struct Frame<'a> {
    /// Logical id; empty for a Medication of the catalogue.
    pub patient: &'a str,
    /// File and position within the file: the order of an export, whoever read it when.
    pub sequence: u64,
    /// Index into `Split::ALL` where the folder decided it.
    pub folder_split: Option<u8>,
    /// Where it came from a Bundle: what others there refer to it by.
    pub full_url: Option<&'a str>,
    pub is_patient: bool,
    pub resource: &'a str,
}

/// The file of one worker.
pub struct SpillWriter {
    file: File,
    length: u64,
    buffers: Vec<Vec<u8>>,
    compressor: zstd::bulk::Compressor<'static>,
}

/// The path of a worker's file.
pub fn worker_path(folder: &Path, worker: usize) -> PathBuf {
    folder.join(format!("worker-{worker:02}.spill"))
}

impl SpillWriter {
    /// Opens a worker's file and cuts off what was not committed.
    pub fn open(folder: &Path, worker: usize, buckets: usize, committed: u64) -> anyhow::Result<Self> {
        let path = worker_path(folder, worker);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).with_context(|| format!("`{}`", path.display()))?;
        file.set_len(committed)?;
        file.seek(SeekFrom::End(0))?;
        let compressor = zstd::bulk::Compressor::new(1)?;
        Ok(Self { file, length: committed, buffers: vec![Vec::new(); buckets], compressor })
    }

    /// Adds a frame to a bucket.
    pub fn push(&mut self, bucket: usize, frame: &Frame) -> anyhow::Result<()> {
        let buffer = self.buffers.get_mut(bucket).context("no such bucket")?;
        let start = buffer.len();
        buffer.extend([0; 4]);
        *buffer = postcard::to_extend(frame, std::mem::take(buffer))?;
        let length = u32::try_from(buffer.len() - start - 4)?;
        buffer[start..start + 4].copy_from_slice(&length.to_le_bytes());
        if buffer.len() >= BLOCK {
            self.write_block(bucket)?;
        }
        Ok(())
    }

    fn write_block(&mut self, bucket: usize) -> anyhow::Result<()> {
        let buffer = &mut self.buffers[bucket];
        let packed = self.compressor.compress(buffer)?;
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&(bucket as u32).to_le_bytes());
        header[4..8].copy_from_slice(&u32::try_from(buffer.len())?.to_le_bytes());
        header[8..].copy_from_slice(&u32::try_from(packed.len())?.to_le_bytes());
        self.file.write_all(&header)?;
        self.file.write_all(&packed)?;
        self.length += (HEADER + packed.len()) as u64;
        buffer.clear();
        Ok(())
    }

    /// Writes everything out and gives the length that may be committed.
    pub fn flush(&mut self) -> anyhow::Result<u64> {
        for bucket in 0..self.buffers.len() {
            if !self.buffers[bucket].is_empty() {
                self.write_block(bucket)?;
            }
        }
        self.file.sync_data()?;
        Ok(self.length)
    }
}

#[derive(Clone, Copy)]
struct Block {
    worker: usize,
    offset: u64,
    raw: u32,
    packed: u32,
}

/// Where each bucket's blocks lie.
pub struct Spill {
    folder: PathBuf,
    buckets: Vec<Vec<Block>>,
}

impl Spill {
    /// Finds the blocks of every worker's file up to its committed length.
    pub fn open(folder: &Path, buckets: usize, committed: &[u64]) -> anyhow::Result<Self> {
        let mut found = vec![Vec::new(); buckets];
        for (worker, &length) in committed.iter().enumerate() {
            if length == 0 {
                continue;
            }
            let path = worker_path(folder, worker);
            let mut file = File::open(&path).with_context(|| format!("`{}`", path.display()))?;
            let mut offset = 0;
            while offset < length {
                let mut header = [0; HEADER];
                file.seek(SeekFrom::Start(offset))?;
                file.read_exact(&mut header)?;
                let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
                let block = Block { worker, offset: offset + HEADER as u64, raw: word(4), packed: word(8) };
                found.get_mut(word(0) as usize).context("the spill folder is damaged; remove it")?.push(block);
                offset = block.offset + u64::from(block.packed);
            }
        }
        Ok(Self { folder: folder.to_owned(), buckets: found })
    }

    /// A bucket's size when decompressed.
    pub fn bytes(&self, bucket: usize) -> u64 {
        self.buckets[bucket].iter().map(|block| u64::from(block.raw)).sum()
    }

    /// A bucket's bytes: frames one after the other, for [`frames`].
    pub fn read(&self, bucket: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.bytes(bucket) as usize);
        let mut files: Vec<Option<File>> = Vec::new();
        let mut decompressor = zstd::bulk::Decompressor::new()?;
        for block in &self.buckets[bucket] {
            if files.len() <= block.worker {
                files.resize_with(block.worker + 1, || None);
            }
            if files[block.worker].is_none() {
                files[block.worker] = Some(File::open(worker_path(&self.folder, block.worker))?);
            }
            let Some(file) = &mut files[block.worker] else { continue };
            let mut packed = vec![0; block.packed as usize];
            file.seek(SeekFrom::Start(block.offset))?;
            file.read_exact(&mut packed)?;
            let raw = decompressor.decompress(&packed, block.raw as usize)?;
            ensure!(raw.len() == block.raw as usize, "the spill folder is damaged; remove it");
            bytes.extend(raw);
        }
        Ok(bytes)
    }
}

/// The frames in a bucket's bytes.
pub fn frames(mut bytes: &[u8]) -> impl Iterator<Item = anyhow::Result<Frame<'_>>> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        bytes = rest.get(length..).unwrap_or_default();
        let frame = rest.get(..length).context("the spill folder is damaged; remove it");
        Some(frame.and_then(|frame| Ok(postcard::from_bytes(frame)?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(sequence: u64, resource: &str) -> Frame<'_> {
        Frame {
            patient: "p",
            sequence,
            folder_split: Some(3),
            full_url: Some("urn:uuid:1"),
            is_patient: false,
            resource,
        }
    }

    #[test]
    fn what_was_not_committed_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = SpillWriter::open(folder.path(), 0, 2, 0).unwrap();
        writer.push(1, &frame(1, "kept")).unwrap();
        let committed = writer.flush().unwrap();
        writer.push(1, &frame(2, "lost")).unwrap();
        writer.flush().unwrap();
        let mut again = SpillWriter::open(folder.path(), 0, 2, committed).unwrap();
        again.push(1, &frame(3, "new")).unwrap();
        let length = again.flush().unwrap();
        let spill = Spill::open(folder.path(), 2, &[length]).unwrap();
        let bytes = spill.read(1).unwrap();
        let read: Vec<String> = frames(&bytes).map(|frame| frame.unwrap().resource.to_owned()).collect();
        assert_eq!(read, ["kept", "new"]);
        assert_eq!(spill.bytes(0), 0);
    }
}
