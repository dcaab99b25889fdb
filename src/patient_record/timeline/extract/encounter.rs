//! Encounter: its start with class and type, and its end at its own date. Reasons and diagnoses are written
//! after the visit and not read.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::{Encounter, concept_code};
use crate::patient_record::terminology::{Code, CodeSystem};

pub(super) fn draft(encounter: &Encounter<'_>) -> Draft {
    let mut draft = Draft::new("Encounter", &encounter.id, &encounter.meta, encounter.subject.text());
    if is_one_of(&encounter.status, &["planned", "cancelled", "entered-in-error"]) {
        return draft.not_a_fact();
    }
    let unstated = || Code { system: CodeSystem::ActCode, code: "?".into(), display: "".into() };
    let class = Some(encounter.class().unwrap_or_else(unstated));
    let kind_of_visit = concept_code(&encounter.r#type);
    let start = encounter.start();
    let value = kind_of_visit.clone().map_or(Value::None, Value::Coded);
    if let (Some(start), Some(end)) = (start, encounter.end()) {
        draft.add(Kind::EncounterEnd, class.clone(), Some(end), Some(start), value.clone());
    }
    draft.add(Kind::Encounter, class, start, None, value);
    if kind_of_visit.is_some() {
        draft.add(Kind::EncounterType, kind_of_visit, start, None, Value::None);
    }
    draft
}
