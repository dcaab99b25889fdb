//! The door of the patient record: bytes in, timelines out.
//!
//! A [`ChartReader`] takes Bundles, NDJSON and single resources of one source in any order, then gives one
//! timeline per patient, or the timeline of one patient with the others' resources left out and counted.
//! Resources are read as they come and their bytes let go; references are followed at the end.

mod assemble;
mod catalogue;
pub mod file;
mod orders;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use crate::patient_record::fhir::{self, Bundle, parse_date};
use crate::patient_record::timeline::draft::Draft;
use crate::patient_record::timeline::extract::{Extracted, PatientDraft, extract};
use crate::patient_record::timeline::{Second, SkipReason, Skipped, Timeline};
pub use catalogue::MedicationCatalogue;
pub use fhir::Scan;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Why bytes could not be taken as FHIR at all. Holds no part of the content.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    #[error("the content is not UTF-8 text")]
    NotText,
    #[error("the content is not JSON: line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("the content is JSON but not a FHIR resource: `resourceType` is missing")]
    NotFhir,
}

/// Bundles within Bundles beyond this depth are counted, not read.
const DEEPEST_BUNDLE: usize = 8;
/// What stands in counts for a resource whose type cannot be told.
const UNKNOWN_TYPE: &str = "unknown";

/// Collects the resources of one chart or many.
#[derive(Default)]
pub struct ChartReader {
    patients: BTreeMap<Box<str>, PatientDraft>,
    drafts: Vec<Draft>,
    /// Not signed yet: never part of a timeline.
    orders: Vec<orders::OrderDraft>,
    medications: MedicationCatalogue,
    shared: Option<Arc<MedicationCatalogue>>,
    /// Entry addresses (`urn:uuid:...`) whose resource has another logical id.
    addresses: HashMap<Box<str>, Box<str>>,
    timestamp: Option<Second>,
    skipped: Skipped,
}

impl ChartReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader that also finds Medications in a catalogue read elsewhere, as those of an export belong to no patient.
    pub fn with_medications(shared: Arc<MedicationCatalogue>) -> Self {
        Self { shared: Some(shared), ..Self::default() }
    }

    /// Takes one JSON document: a Bundle of any type (nested Bundles too) or a single resource.
    ///
    /// What it holds and cannot be read is counted; an error means that nothing was taken.
    pub fn take_json(&mut self, bytes: &[u8]) -> Result<(), ChartError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ChartError::NotText)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(resource_type) = fhir::resource_type(text)
            && self.take(&resource_type, text, None, 0).is_ok()
        {
            return Ok(());
        }
        check_json(text)?;
        match fhir::resource_type(text) {
            Some(resource_type) => self.skipped.count(label(&resource_type), SkipReason::Unreadable),
            None => return Err(ChartError::NotFhir),
        }
        Ok(())
    }

    /// Takes newline-delimited resources; a line that cannot be read is counted, the others are kept.
    ///
    /// # Errors
    /// [`ChartError::NotJson`] or [`ChartError::NotText`] where not a single line is JSON.
    pub fn take_ndjson(&mut self, bytes: &[u8]) -> Result<(), ChartError> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let (mut first_error, mut any) = (None, false);
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match self.take_line(line) {
                Ok(()) => any = true,
                Err(ChartError::NotJson { column, .. }) => {
                    first_error.get_or_insert(ChartError::NotJson { line: number + 1, column });
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.filter(|_| !any).map_or(Ok(()), Err)
    }

    /// Takes one resource, as it stands on a line of an export. What cannot be read is counted, also when the
    /// line is no resource at all.
    pub fn take_line(&mut self, line: &[u8]) -> Result<(), ChartError> {
        let taken = self.take_json(line);
        if taken.is_err() {
            self.skipped.count(UNKNOWN_TYPE, SkipReason::Unreadable);
        }
        taken
    }

    /// `Bundle.timestamp` of the first Bundle that had one: the default as-of time of a chart.
    pub fn bundle_timestamp(&self) -> Option<Second> {
        self.timestamp
    }

    /// One timeline per patient, ordered by patient id, and what belonged to none.
    pub fn finish(self) -> (Vec<Timeline>, Skipped) {
        let (timelines, skipped, _) = assemble::assemble(self, None);
        (timelines, skipped)
    }

    /// The timeline of one patient (by logical id); resources of others are left out and counted.
    /// `None` when no Patient resource with this id was taken.
    pub fn finish_one(self, patient_id: &str) -> Option<Timeline> {
        self.finish_one_with_orders(patient_id).map(|(timeline, _)| timeline)
    }

    /// Takes a resource; an error, with nothing counted, where it cannot be read.
    fn take(&mut self, resource_type: &str, json: &str, address: Option<&str>, depth: usize) -> Result<(), SkipReason> {
        if resource_type == "Bundle" {
            return self.take_bundle(json, depth);
        }
        match extract(resource_type, json) {
            Ok(Extracted::Patient(mut draft)) => {
                self.name(&mut draft.patient.id, address);
                self.take_patient(draft);
            }
            Ok(Extracted::Medication(mut id, code)) => {
                self.name(&mut id, address);
                match code {
                    Some(code) => self.medications.insert(id, code),
                    None => self.skipped.count("Medication", SkipReason::NoCode),
                }
            }
            Ok(Extracted::Draft(mut draft)) => {
                self.name(&mut draft.source.id, address);
                self.drafts.push(draft);
            }
            Err(SkipReason::TypeNotRead) => {
                // Types that are not read are not parsed either, but a broken one is no type at all.
                check_json(json).map_err(|_| SkipReason::Unreadable)?;
                self.skipped.count(label(resource_type), SkipReason::TypeNotRead);
            }
            Err(reason) => return Err(reason),
        }
        Ok(())
    }

    fn take_bundle(&mut self, json: &str, depth: usize) -> Result<(), SkipReason> {
        if depth >= DEEPEST_BUNDLE {
            return Err(SkipReason::Unreadable);
        }
        let (bundle, unreadable) = Bundle::read(json).map_err(|_| SkipReason::Unreadable)?;
        self.skipped.count_many(UNKNOWN_TYPE, SkipReason::Unreadable, unreadable);
        self.timestamp = self.timestamp.or_else(|| parse_date(bundle.timestamp.as_deref()?));
        for entry in bundle.entry.iter() {
            let Some(resource) = entry.resource else { continue };
            let json = resource.get();
            let resource_type = fhir::resource_type(json);
            let resource_type = resource_type.as_deref().unwrap_or(UNKNOWN_TYPE);
            if resource_type == UNKNOWN_TYPE
                || self.take(resource_type, json, entry.full_url.as_deref(), depth + 1).is_err()
            {
                self.skipped.count(label(resource_type), SkipReason::Unreadable);
            }
        }
        Ok(())
    }

    /// Gives a resource without an id that of its entry's address, and remembers an address that differs.
    fn name(&mut self, id: &mut Box<str>, address: Option<&str>) {
        let Some(address) = address else { return };
        let last = address.rsplit(['/', ':']).next().unwrap_or_default();
        if id.is_empty() {
            *id = last.into();
        } else if last != &**id && address.starts_with("urn:") {
            self.addresses.insert(address.into(), id.clone());
        }
    }

    fn take_patient(&mut self, draft: PatientDraft) {
        let id = draft.patient.id.clone();
        if id.is_empty() {
            self.skipped.count("Patient", SkipReason::NoPatient);
            return;
        }
        if let Some(known) = self.patients.get(&id) {
            self.skipped.count("Patient", SkipReason::Duplicate);
            if !draft.replaces(known) {
                return;
            }
        }
        self.patients.insert(id, draft);
    }
}

fn check_json(text: &str) -> Result<(), ChartError> {
    let not_json = |error: serde_json::Error| ChartError::NotJson { line: error.line(), column: error.column() };
    serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| ()).map_err(not_json)
}

/// A resource type as it may stand in a report: never a word that only the sender knows.
fn label(resource_type: &str) -> &'static str {
    fhir::known_type(resource_type).unwrap_or(UNKNOWN_TYPE)
}
