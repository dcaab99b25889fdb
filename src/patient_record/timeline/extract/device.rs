//! Device: what it is. No release dates its use, so none becomes an event; each is counted as undated.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::{Device, concept_code};

pub(super) fn draft(device: &Device<'_>) -> Draft {
    let mut draft = Draft::new("Device", &device.id, &device.meta, device.patient.text());
    if is_one_of(&device.status, &["entered-in-error"]) {
        return draft.not_a_fact();
    }
    draft.add(Kind::Device, concept_code(&device.r#type), None, None, Value::None);
    draft
}
