//! Step one: every resource goes to the bucket of its patient. Owns who a resource belongs to; reads nothing else.

use super::input::{self, Line};
use super::progress::Progress;
use super::sources::{Content, SourceFile};
use super::spill::{Frame, SpillWriter};
use super::state::{RouteCounts, State};
use super::{Options, parallel, scan};
use crate::learning::shard::Split;
use crate::patient_record::fhir::{self, Bundle, Scan};
use crate::patient_record::timeline::SkipReason;
use anyhow::{Context, bail};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Bundles within Bundles beyond this depth are counted, not read.
const DEEPEST_BUNDLE: usize = 8;

/// Routes every file that an earlier run has not. Returns the state with all files done.
pub fn route(files: &[SourceFile], state: State, folder: &Path, options: &Options) -> anyhow::Result<State> {
    let todo: Vec<(u32, &SourceFile)> =
        (0..).zip(files).filter(|(number, _)| !state.files_done.contains(number)).collect();
    if todo.is_empty() {
        return Ok(state);
    }
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let left: u64 = todo.iter().map(|(_, file)| file.bytes).sum();
    let progress = Arc::new(Progress::start("route", total, total - left));
    // The largest files first, so that no thread is left alone with one at the end.
    let mut todo = todo;
    todo.sort_by_key(|(number, file)| (std::cmp::Reverse(file.bytes), *number));
    let buckets = state.buckets as usize;
    let shared = Mutex::new(state);
    parallel::in_parallel(options.jobs, &todo, |worker, next| {
        let committed = lock(&shared)?.committed.get(worker).copied().unwrap_or(0);
        let spill = SpillWriter::open(folder, worker, buckets + 1, committed)?;
        let mut router = Router::new(spill, buckets, options);
        while let Some((number, file)) = next() {
            router.file(*number, file, &progress).with_context(|| format!("cannot read {}", file.say()))?;
            router.finished.push(*number);
            if router.uncommitted > 4 * options.bucket_bytes {
                router.commit(worker, folder, &shared)?;
            }
        }
        router.commit(worker, folder, &shared)
    })?;
    progress.finish();
    shared.into_inner().map_err(|_| anyhow::anyhow!("a worker of the ingest ended abnormally"))
}

fn lock(state: &Mutex<State>) -> anyhow::Result<std::sync::MutexGuard<'_, State>> {
    state.lock().map_err(|_| anyhow::anyhow!("a worker of the ingest ended abnormally"))
}

/// One thread's way through files.
struct Router<'a> {
    spill: SpillWriter,
    buckets: usize,
    options: &'a Options,
    counts: RouteCounts,
    finished: Vec<u32>,
    /// Bytes routed since the last commit.
    uncommitted: u64,
    /// The patient of the last resource and her bucket: exports come in runs of one patient.
    last: (String, usize),
    /// Of the file being read.
    folder_split: Option<Split>,
    sequence: u64,
}

/// What a Bundle's resources share.
struct Inside {
    /// The logical id of each Patient in it, by the address that others refer to it by.
    addresses: HashMap<String, String>,
    /// Those patients: the Bundle's Medications go with them.
    patients: BTreeSet<String>,
}

impl<'a> Router<'a> {
    fn new(spill: SpillWriter, buckets: usize, options: &'a Options) -> Self {
        let (counts, finished, last) = Default::default();
        Self { spill, buckets, options, counts, finished, uncommitted: 0, last, folder_split: None, sequence: 0 }
    }

    /// Makes what was routed so far survive a kill.
    fn commit(&mut self, worker: usize, folder: &Path, shared: &Mutex<State>) -> anyhow::Result<()> {
        let length = self.spill.flush()?;
        let mut state = lock(shared)?;
        if state.committed.len() <= worker {
            state.committed.resize(worker + 1, 0);
        }
        state.committed[worker] = length;
        state.files_done.extend(self.finished.drain(..));
        state.counts.add(std::mem::take(&mut self.counts));
        self.uncommitted = 0;
        state.save(folder)
    }

    fn file(&mut self, number: u32, file: &SourceFile, progress: &Arc<Progress>) -> anyhow::Result<()> {
        let mut stream = input::open(file, progress)?;
        self.folder_split = file.folder_split;
        self.sequence = u64::from(number) << 32;
        if file.content == Content::Document {
            let bytes = input::document(&mut *stream)?;
            let json = std::str::from_utf8(&bytes).ok().map(|json| json.trim_start_matches('\u{feff}'));
            return match json.filter(|json| fhir::resource_type(json).is_some()) {
                Some(json) => self.resource(json, None, None, 0),
                None => {
                    self.counts.files_not_fhir += 1;
                    Ok(())
                }
            };
        }
        let mut line = Vec::new();
        loop {
            match input::next_line(&mut *stream, &mut line)? {
                Line::End => return Ok(()),
                Line::Read if line.is_empty() => {}
                Line::TooLong => self.counts.skip("unknown", SkipReason::Unreadable),
                Line::Read => match std::str::from_utf8(&line) {
                    Ok(json) => self.resource(json, None, None, 0)?,
                    Err(_) => self.counts.skip("unknown", SkipReason::Unreadable),
                },
            }
        }
    }

    fn bundle(&mut self, json: &str, depth: usize) -> anyhow::Result<()> {
        let Some((bundle, unreadable)) = Bundle::read(json).ok().filter(|_| depth < DEEPEST_BUNDLE) else {
            self.counts.skip("Bundle", SkipReason::Unreadable);
            return Ok(());
        };
        (0..unreadable).for_each(|_| self.counts.skip("unknown", SkipReason::Unreadable));
        let mut inside = Inside { addresses: HashMap::new(), patients: BTreeSet::new() };
        for entry in bundle.entry.iter() {
            let Some(json) = entry.resource.map(RawValue::get) else { continue };
            if fhir::resource_type(json).as_deref() != Some("Patient") {
                continue;
            }
            let address = entry.full_url.as_deref();
            if let Some(id) = Scan::of(json).and_then(|seen| patient_of(&seen, address, None)) {
                address.map(|address| inside.addresses.insert(address.to_owned(), id.clone()));
                inside.patients.insert(id);
            }
        }
        for entry in bundle.entry.iter() {
            if let Some(json) = entry.resource.map(RawValue::get) {
                self.resource(json, entry.full_url.as_deref(), Some(&inside), depth)?;
            }
        }
        Ok(())
    }

    fn resource(
        &mut self,
        json: &str,
        address: Option<&str>,
        inside: Option<&Inside>,
        depth: usize,
    ) -> anyhow::Result<()> {
        let resource_type = fhir::resource_type(json);
        let resource_type = resource_type.as_deref().map_or("unknown", scan::shown_type);
        if resource_type == "Bundle" {
            return self.bundle(json, depth + 1);
        }
        self.counts.receive(resource_type);
        if resource_type == "Medication" {
            return self.medication(json, address, inside);
        }
        if !scan::is_read(resource_type) {
            let reason = if resource_type == "unknown" { SkipReason::Unreadable } else { SkipReason::TypeNotRead };
            self.counts.skip(resource_type, reason);
            return Ok(());
        }
        let Some(seen) = Scan::of(json) else {
            self.counts.skip(resource_type, SkipReason::Unreadable);
            return Ok(());
        };
        let Some(patient) = patient_of(&seen, address, inside) else {
            self.counts.skip(resource_type, SkipReason::NoPatient);
            return Ok(());
        };
        let json = scan::without_body(resource_type, json);
        self.push(&patient, address, resource_type == "Patient", &json)
    }

    /// A Medication has no patient: one of a Bundle goes with the Bundle's patients, any other to the catalogue.
    fn medication(&mut self, json: &str, address: Option<&str>, inside: Option<&Inside>) -> anyhow::Result<()> {
        let Some(inside) = inside.filter(|inside| !inside.patients.is_empty()) else {
            return self.push("", None, false, json);
        };
        inside.patients.iter().try_for_each(|patient| self.push(patient, address, false, json))
    }

    fn push(&mut self, patient: &str, address: Option<&str>, is_patient: bool, json: &str) -> anyhow::Result<()> {
        self.sequence += 1;
        self.uncommitted += json.len() as u64;
        let bucket = if patient.is_empty() { self.buckets } else { self.bucket(patient) };
        let folder_split = if patient.is_empty() { None } else { self.folder_split()? };
        let sequence = self.sequence;
        let frame = Frame { patient, sequence, folder_split, full_url: address, is_patient, resource: json };
        self.spill.push(bucket, &frame)
    }

    /// The split that the file's folder decides, as an index.
    fn folder_split(&self) -> anyhow::Result<Option<u8>> {
        match self.folder_split {
            _ if !self.options.split_by_folder => Ok(None),
            Some(split) => Ok(Some(split as u8)),
            None => bail!(
                "it lies in no folder named train, validation, calibration or test; move it, or leave out --split-by-folder"
            ),
        }
    }

    fn bucket(&mut self, patient: &str) -> usize {
        if self.last.0 != patient {
            let digest = Sha256::digest(patient);
            let draw = u64::from_le_bytes(std::array::from_fn(|i| digest[i]));
            self.last = (patient.to_owned(), (draw % self.buckets.max(1) as u64) as usize);
        }
        self.last.1
    }
}

/// The logical id of the patient that a resource is or is about.
fn patient_of(seen: &Scan, address: Option<&str>, inside: Option<&Inside>) -> Option<String> {
    if seen.resource_type.as_deref() == Some("Patient") {
        // As the chart reader names it: without an id of its own it has the last part of its address.
        let named = || address?.rsplit(['/', ':']).next();
        return seen.id.as_deref().or_else(named).filter(|id| !id.is_empty()).map(str::to_owned);
    }
    let addressed = inside.and_then(|inside| inside.addresses.get(seen.patient_reference()?));
    addressed.cloned().or_else(|| seen.patient_id().map(str::to_owned))
}
