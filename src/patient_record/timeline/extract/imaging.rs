//! ImagingStudy: what was done, else the modality, at its start.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::ImagingStudy;
use crate::patient_record::terminology::{Code, CodeSystem};

pub(super) fn draft(study: &ImagingStudy<'_>) -> Draft {
    let mut draft = Draft::new("ImagingStudy", &study.id, &study.meta, study.subject.text());
    if is_one_of(&study.status, &["registered", "cancelled", "entered-in-error"]) {
        return draft.not_a_fact();
    }
    let plain = || Code { system: CodeSystem::Other("".into()), code: "imaging".into(), display: "Imaging".into() };
    draft.add(Kind::Imaging, Some(study.code().unwrap_or_else(plain)), study.started, None, Value::None);
    draft
}
