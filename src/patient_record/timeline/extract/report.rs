//! DiagnosticReport: that there is a report; its results are Observations of their own.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::{DiagnosticReport, concept_code};

pub(super) fn draft(report: &DiagnosticReport<'_>) -> Draft {
    let mut draft = Draft::new("DiagnosticReport", &report.id, &report.meta, report.subject.text());
    if is_one_of(&report.status, &["registered", "cancelled", "entered-in-error"]) {
        return draft.not_a_fact();
    }
    draft.add(Kind::Report, concept_code(&report.code), report.effective(), report.issued, Value::None);
    draft
}
