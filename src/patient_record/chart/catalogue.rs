//! Medications by logical id, for the resources that only refer to one.

use crate::patient_record::fhir;
use crate::patient_record::terminology::Code;
use crate::patient_record::timeline::extract::{Extracted, extract};
use std::collections::HashMap;

/// The codes of Medication resources by logical id.
#[derive(Default)]
pub struct MedicationCatalogue {
    codes: HashMap<Box<str>, Code>,
}

impl MedicationCatalogue {
    /// Takes one Medication resource; false if it is none, has no id, or no code.
    pub fn take_line(&mut self, json: &str) -> bool {
        if fhir::resource_type(json).as_deref() != Some("Medication") {
            return false;
        }
        match extract("Medication", json) {
            Ok(Extracted::Medication(id, Some(code))) if !id.is_empty() => {
                self.insert(id, code);
                true
            }
            _ => false,
        }
    }

    /// Adds a Medication's code. Of two codes for one id the smaller stays, whatever their order.
    pub(super) fn insert(&mut self, id: Box<str>, code: Code) {
        let kept = self.codes.entry(id).or_insert_with(|| code.clone());
        if (&code.system, &code.code, &code.display) < (&kept.system, &kept.code, &kept.display) {
            *kept = code;
        }
    }

    /// The code of the Medication with this logical id.
    pub(super) fn get(&self, id: &str) -> Option<&Code> {
        self.codes.get(id)
    }

    /// How many Medications are known.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }
}
