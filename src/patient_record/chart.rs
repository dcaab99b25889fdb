//! The door of the patient record: bytes in, timelines out.
//!
//! A [`ChartReader`] takes Bundles, NDJSON and single resources of one source in any order, then gives one
//! timeline per patient, or the timeline of one patient with the others' resources left out and counted.

use crate::patient_record::timeline::{Skipped, Timeline};

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

/// Collects the resources of one chart or many.
#[derive(Default)]
pub struct ChartReader {}

impl ChartReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one JSON document: a Bundle of any type (nested Bundles too) or a single resource.
    pub fn take_json(&mut self, _bytes: &[u8]) -> Result<(), ChartError> {
        unimplemented!("reader")
    }

    /// Takes newline-delimited resources; a line that cannot be read is counted, the others are kept.
    pub fn take_ndjson(&mut self, _bytes: &[u8]) -> Result<(), ChartError> {
        unimplemented!("reader")
    }

    /// `Bundle.timestamp` of the first Bundle that had one: the default as-of time of a chart.
    pub fn bundle_timestamp(&self) -> Option<crate::patient_record::timeline::Second> {
        unimplemented!("reader")
    }

    /// One timeline per patient, ordered by patient id, and what belonged to none.
    pub fn finish(self) -> (Vec<Timeline>, Skipped) {
        unimplemented!("reader")
    }

    /// The timeline of one patient (by logical id); resources of others are left out and counted.
    /// `None` when no Patient resource with this id was taken.
    pub fn finish_one(self, _patient_id: &str) -> Option<Timeline> {
        unimplemented!("reader")
    }
}
