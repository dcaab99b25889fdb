//! MedicationStatement: a drug that the patient is said to take, known when it was said.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::drug_of;
use crate::patient_record::fhir::MedicationStatement;

pub(super) fn draft(statement: &MedicationStatement<'_>) -> Draft {
    let mut draft = Draft::new("MedicationStatement", &statement.id, &statement.meta, statement.subject.text());
    if matches!(statement.status(), Some("draft" | "intended" | "entered-in-error")) || statement.not_taken() {
        return draft.not_a_fact();
    }
    let code = drug_of(&mut draft, statement.drug());
    draft.add(Kind::MedicationStatement, code, statement.effective(), statement.date_asserted, Value::None);
    draft
}
