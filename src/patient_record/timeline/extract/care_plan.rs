//! CarePlan: its SNOMED CT category, known from the start of its period. Status, end and activities are snapshots.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::CarePlan;
use crate::patient_record::terminology::{Code, CodeSystem};

pub(super) fn draft(plan: &CarePlan<'_>) -> Draft {
    let mut draft = Draft::new("CarePlan", &plan.id, &plan.meta, plan.subject.text());
    if is_one_of(&plan.status, &["draft", "entered-in-error"]) || is_one_of(&plan.intent, &["proposal", "option"]) {
        return draft.not_a_fact();
    }
    let category = plan.category.iter().find_map(|category| category.choose(|system| *system == CodeSystem::Snomed));
    let plain = || Code { system: CodeSystem::Other("".into()), code: "careplan".into(), display: "Care plan".into() };
    draft.add(Kind::CarePlan, Some(category.unwrap_or_else(plain)), plan.period.start(), plan.created, Value::None);
    draft
}
