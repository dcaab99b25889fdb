//! FamilyMemberHistory: one event per condition of a relative, the relationship as its value.

use super::super::draft::Draft;
use super::super::{Kind, SkipReason, Value};
use super::is_one_of;
use crate::patient_record::fhir::{FamilyMemberHistory, concept_code};

pub(super) fn draft(history: &FamilyMemberHistory<'_>) -> Draft {
    let mut draft = Draft::new("FamilyMemberHistory", &history.id, &history.meta, history.patient.text());
    if is_one_of(&history.status, &["entered-in-error"]) {
        return draft.not_a_fact();
    }
    let relationship = concept_code(&history.relationship).map_or(Value::None, Value::Coded);
    for condition in history.condition.iter() {
        draft.add(Kind::FamilyHistory, concept_code(&condition.code), history.date, None, relationship.clone());
    }
    if history.condition.is_empty() {
        draft.skip(SkipReason::NoCode);
    }
    draft
}
