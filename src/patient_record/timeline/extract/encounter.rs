//! Encounter: its start with class and type, and its end at its own date. Reasons and diagnoses are written
//! after the visit and not read.

use super::super::draft::Draft;
use super::super::{Kind, SECONDS_PER_DAY, Value};
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
    if let (Some(start), Some(end)) = (start, encounter.end()) {
        let seconds = end.0.saturating_sub(start.0).max(0);
        let days = seconds as f64 / SECONDS_PER_DAY as f64;
        let length = Value::Quantity { value: days, unit: "d".into(), scaled: true };
        draft.add(Kind::EncounterEnd, class.clone(), Some(end), Some(start), length);
    }
    let value = kind_of_visit.clone().map_or(Value::None, Value::Coded);
    draft.add(Kind::Encounter, class, start, None, value);
    if kind_of_visit.is_some() {
        draft.add(Kind::EncounterType, kind_of_visit, start, None, Value::None);
    }
    draft
}
