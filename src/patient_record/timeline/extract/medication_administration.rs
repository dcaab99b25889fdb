//! MedicationAdministration: a drug given.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::{drug_of, is_one_of};
use crate::patient_record::fhir::MedicationAdministration;

pub(super) fn draft(given: &MedicationAdministration<'_>) -> Draft {
    let mut draft = Draft::new("MedicationAdministration", &given.id, &given.meta, given.subject.text());
    if is_one_of(&given.status, &["entered-in-error", "not-done"]) {
        return draft.not_a_fact();
    }
    let code = drug_of(&mut draft, given.drug());
    draft.add(Kind::MedicationAdministration, code, given.given(), None, Value::None);
    draft
}
