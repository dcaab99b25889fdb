//! Patient: who the timeline is about. Death is kept apart: a label and a reason for silence, no event.

use super::super::{Patient, Second, Sex};
use crate::patient_record::fhir;

/// A Patient resource read.
pub(crate) struct PatientDraft {
    pub patient: Patient,
    pub updated: Option<Second>,
    pub version: Option<Box<str>>,
}

impl PatientDraft {
    /// Whether this copy is to be kept instead of another: the newer; of equal age always the same one.
    pub fn replaces(&self, other: &Self) -> bool {
        let rank = |draft: &Self| {
            let number = draft.version.as_ref().and_then(|version| version.parse::<u64>().ok());
            let patient = &draft.patient;
            (draft.updated, number, draft.version.clone(), patient.deceased, patient.birth, patient.sex as u8)
        };
        rank(self) > rank(other)
    }
}

pub(super) fn draft(patient: &fhir::Patient<'_>) -> PatientDraft {
    let meta = patient.meta.as_ref();
    PatientDraft {
        patient: Patient {
            id: patient.id.as_deref().unwrap_or_default().into(),
            birth: patient.birth_date.map(|moment| moment.0),
            sex: match patient.gender.as_deref() {
                Some("female") => Sex::Female,
                Some("male") => Sex::Male,
                _ => Sex::Unknown,
            },
            deceased: match (patient.deceased_date_time, patient.deceased_boolean) {
                (Some(moment), _) => Some(Some(moment.0)),
                (None, Some(true)) => Some(None),
                (None, _) => None,
            },
        },
        updated: meta.and_then(|meta| meta.last_updated).map(|moment| moment.0),
        version: meta.and_then(|meta| meta.version_id.as_deref()).map(Into::into),
    }
}
