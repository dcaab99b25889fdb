//! DocumentReference: that a note of a type was written, never its text. `status` (superseded) is a snapshot.

use super::super::draft::Draft;
use super::super::{Kind, Value};
use super::is_one_of;
use crate::patient_record::fhir::{DocumentReference, concept_code};

pub(super) fn draft(document: &DocumentReference<'_>) -> Draft {
    let mut draft = Draft::new("DocumentReference", &document.id, &document.meta, document.subject.text());
    let void = ["entered-in-error", "cancelled"];
    if is_one_of(&document.status, &void) || is_one_of(&document.doc_status, &void) {
        return draft.not_a_fact();
    }
    draft.add(Kind::Note, concept_code(&document.r#type), document.date, None, Value::None);
    draft
}
