//! AllergyIntolerance: known when recorded. `clinicalStatus` is a snapshot and not read.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use crate::patient_record::fhir::{AllergyIntolerance, concept_code};

pub(super) fn draft(allergy: &AllergyIntolerance<'_>) -> Draft {
    let mut draft = Draft::new("AllergyIntolerance", &allergy.id, &allergy.meta, allergy.patient.text());
    if allergy.refuted() {
        return draft.not_a_fact();
    }
    draft.add(Kind::Allergy, concept_code(&allergy.code), allergy.onset(), allergy.recorded_date, Value::None);
    draft
}
