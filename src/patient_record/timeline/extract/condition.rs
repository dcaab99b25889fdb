//! Condition: known at the latest of onset, recorded date and the start of its encounter; its abatement is an
//! event of its own, never before the condition. `clinicalStatus` is a snapshot and not read. A refuted condition never
//! was a fact, whenever that was found out. Of several codings SNOMED CT's is read, since outcomes are defined in it.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use crate::patient_record::fhir::{Condition, concept_code};
use crate::patient_record::terminology::CodeSystem;

pub(super) fn draft(condition: &Condition<'_>) -> Draft {
    let mut draft = Draft::new("Condition", &condition.id, &condition.meta, condition.subject.text());
    if condition.refuted() {
        return draft.not_a_fact();
    }
    draft.encounter = condition.encounter.text().map(Into::into);
    let snomed = condition.code.as_ref().and_then(|code| code.choose(|system| *system == CodeSystem::Snomed));
    let code = snomed.or_else(|| concept_code(&condition.code));
    let (onset, recorded) = (condition.onset(), condition.recorded_date);
    if let Some(abatement) = condition.abatement() {
        draft.add(Kind::ConditionEnd, code.clone(), Some(abatement), onset.max(recorded), Value::None);
    }
    draft.add(Kind::Condition, code, onset, recorded, Value::None);
    draft
}
