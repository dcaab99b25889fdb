//! MedicationRequest: a drug ordered, at the time the order was written. Whether the course has ended since
//! or was withdrawn (`status`) is a snapshot and not read; a draft is no order yet, unless it is about to be signed.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::{drug_of, is_one_of};
use crate::patient_record::fhir::{MedicationRequest, Moment};

pub(super) fn draft(order: &MedicationRequest<'_>) -> Draft {
    let mut draft = Draft::new("MedicationRequest", &order.id, &order.meta, order.subject.text());
    if is_one_of(&order.status, &["draft", "entered-in-error"])
        || is_one_of(&order.intent, &["proposal", "option"])
        || order.do_not_perform == Some(true)
    {
        return draft.not_a_fact();
    }
    let code = drug_of(&mut draft, order.drug());
    draft.add(Kind::Medication, code, order.authored_on, None, Value::None);
    draft
}

/// An order about to be signed, as if it were signed at `at`: complete or not, draft or revised.
pub(super) fn unsigned(order: &MedicationRequest<'_>, at: Moment) -> Draft {
    let mut draft = Draft::new("MedicationRequest", &order.id, &order.meta, order.subject.text());
    if is_one_of(&order.status, &["entered-in-error", "cancelled", "stopped", "completed"])
        || order.do_not_perform == Some(true)
    {
        return draft.not_a_fact();
    }
    let code = drug_of(&mut draft, order.drug());
    draft.add(Kind::Medication, code, Some(at), None, Value::None);
    draft
}
