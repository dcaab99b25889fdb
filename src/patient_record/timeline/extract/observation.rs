//! Observation: one event per value, components each their own. A parent that only groups is no event; a value
//! that cannot be read is one, marked so. Known when it was issued, where that is later than its effective time.

use super::super::draft::Draft;
use super::super::{Kind, SkipReason, Value};
use super::is_one_of;
use crate::patient_record::fhir::{Answer, Observation, concept_code};
use crate::patient_record::terminology::{Code, CodeSystem, canonical_of};

pub(super) fn draft(observation: &Observation<'_>) -> Draft {
    let mut draft = Draft::new("Observation", &observation.id, &observation.meta, observation.subject.text());
    if is_one_of(&observation.status, &["registered", "cancelled", "entered-in-error"]) {
        return draft.not_a_fact();
    }
    let (effective, issued) = (observation.effective(), observation.issued);
    let own = observation.answer().map(|answer| (&observation.code, answer));
    let parts = observation.component.iter().filter_map(|part| Some((&part.code, part.answer()?)));
    for (code, answer) in own.into_iter().chain(parts) {
        let code = concept_code(code);
        let value = value(answer, code.as_ref());
        draft.add(Kind::Observation, code, effective, issued, value);
    }
    if draft.findings.is_empty() {
        draft.skip(SkipReason::NoValue);
    }
    draft
}

fn value(answer: Answer<'_>, code: Option<&Code>) -> Value {
    let loinc = code.filter(|code| code.system == CodeSystem::Loinc).map(|code| &*code.code);
    let number = |value, unit| {
        let canonical = canonical_of(loinc, value, unit);
        Value::Quantity { value: canonical.value, unit: canonical.unit, scaled: canonical.scaled }
    };
    match answer {
        Answer::Quantity(quantity) => quantity.value.map_or(Value::Unread, |value| number(value, quantity.unit())),
        Answer::Coded(concept) => concept.to_code().map_or(Value::Unread, Value::Coded),
        Answer::Bool(value) => Value::Bool(value),
        Answer::Integer(value) => number(value, "1"),
        Answer::Unread => Value::Unread,
        Answer::Absent => Value::None,
    }
}
