//! The pretend clinicians of this EHR: who opens charts, and whom an app may be told about.

use super::chart::Resource;
use serde_json::{Value, json};
use std::sync::Arc;

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Practitioner {
    pub id: &'static str,
    /// As in references: `Practitioner/sandbox`.
    pub reference: &'static str,
    pub given: &'static str,
    pub family: &'static str,
    /// What an `id_token` calls the user: never the id of a resource.
    pub subject: &'static str,
}

/// All of them; the first is on duty: charts are opened by them.
pub const PRACTITIONERS: [Practitioner; 2] = [
    Practitioner {
        id: "sandbox",
        reference: "Practitioner/sandbox",
        given: "Robin",
        family: "Sands",
        subject: "5b0f6a0e-1a4f-4d0e-9b7c-3d2a1c5e7f01",
    },
    Practitioner {
        id: "sandbox-2",
        reference: "Practitioner/sandbox-2",
        given: "Kim",
        family: "Shore",
        subject: "c2d9e3b4-7f60-4c1b-8a55-90e1f2a3b402",
    },
];

/// Everybody, as resources: each as a Practitioner and as a PractitionerRole of the same id.
pub fn staff() -> Vec<Arc<Resource>> {
    let resources = PRACTITIONERS.iter().flat_map(|one| [one.resource(), one.role()]);
    resources.filter_map(|resource| Resource::of(&resource).map(Arc::new)).collect()
}

/// Who opens charts on the page.
pub const ON_DUTY: &Practitioner = &PRACTITIONERS[0];

impl Practitioner {
    /// The one of this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        PRACTITIONERS.iter().find(|one| one.id == id)
    }

    /// As people write it.
    pub fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// As FHIR writes them.
    pub fn resource(&self) -> Value {
        json!({
            "resourceType": "Practitioner", "id": self.id, "active": true,
            "name": [{"text": self.name(), "given": [self.given], "family": self.family}],
        })
    }

    /// What they are here, as FHIR writes it.
    fn role(&self) -> Value {
        json!({
            "resourceType": "PractitionerRole", "id": self.id, "active": true,
            "practitioner": {"reference": self.reference},
            "code": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/practitioner-role", "code": "doctor"}]}],
        })
    }
}
