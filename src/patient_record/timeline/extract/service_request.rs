//! ServiceRequest: something ordered, at the time the order was written. That it was withdrawn later (`revoked`)
//! is a snapshot and not read.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::{Moment, ServiceRequest, concept_code};

pub(super) fn draft(order: &ServiceRequest<'_>) -> Draft {
    let mut draft = Draft::new("ServiceRequest", &order.id, &order.meta, order.subject.text());
    if is_one_of(&order.status, &["draft", "entered-in-error"])
        || is_one_of(&order.intent, &["proposal", "option"])
        || order.do_not_perform == Some(true)
    {
        return draft.not_a_fact();
    }
    draft.add(Kind::Order, concept_code(&order.code), order.authored_on, None, Value::None);
    draft
}

/// An order about to be signed, as if it were signed at `at`.
pub(super) fn unsigned(order: &ServiceRequest<'_>, at: Moment) -> Draft {
    let mut draft = Draft::new("ServiceRequest", &order.id, &order.meta, order.subject.text());
    if is_one_of(&order.status, &["entered-in-error", "revoked", "completed"]) || order.do_not_perform == Some(true) {
        return draft.not_a_fact();
    }
    draft.add(Kind::Order, concept_code(&order.code), Some(at), None, Value::None);
    draft
}
