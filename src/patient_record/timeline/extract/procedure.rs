//! Procedure: known when it began or, later, was recorded. The end of its period is not read.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::{Procedure, concept_code};

pub(super) fn draft(procedure: &Procedure<'_>) -> Draft {
    let mut draft = Draft::new("Procedure", &procedure.id, &procedure.meta, procedure.subject.text());
    if is_one_of(&procedure.status, &["preparation", "not-done", "entered-in-error"]) {
        return draft.not_a_fact();
    }
    let code = concept_code(&procedure.code);
    draft.add(Kind::Procedure, code, procedure.performed(), procedure.recorded, Value::None);
    draft
}
