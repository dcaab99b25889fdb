//! Immunization: a vaccine given, known when it was given. `recorded` is not read: R5 has no such element, and one chart
//! must read alike in every release.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::{Immunization, concept_code};

pub(super) fn draft(immunization: &Immunization<'_>) -> Draft {
    let mut draft = Draft::new("Immunization", &immunization.id, &immunization.meta, immunization.patient.text());
    if is_one_of(&immunization.status, &["entered-in-error", "not-done"]) {
        return draft.not_a_fact();
    }
    let code = concept_code(&immunization.vaccine_code);
    draft.add(Kind::Immunization, code, immunization.occurrence_date_time, None, Value::None);
    draft
}
