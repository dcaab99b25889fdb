//! One patient's resources, given to the same chart reader that the server uses.

use super::spill::Frame;
use crate::patient_record::chart::{ChartReader, MedicationCatalogue};
use crate::patient_record::timeline::Timeline;
use std::sync::Arc;

/// The timeline of a patient from her frames. `None` without a Patient resource.
pub fn read(patient: &str, frames: &[Frame], medications: &Arc<MedicationCatalogue>) -> Option<Timeline> {
    let mut reader = ChartReader::with_medications(medications.clone());
    let mut entries = Vec::new();
    for frame in frames {
        match frame.full_url {
            // What cannot be read is counted by the reader and found in the timeline.
            None => drop(reader.take_line(frame.resource.as_bytes())),
            Some(url) => {
                let url = serde_json::Value::from(url);
                entries.push(format!("{{\"fullUrl\":{url},\"resource\":{}}}", frame.resource));
            }
        }
    }
    if !entries.is_empty() {
        let entries = entries.join(",");
        let bundle = format!("{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{entries}]}}");
        drop(reader.take_line(bundle.as_bytes()));
    }
    reader.finish_one(patient)
}
