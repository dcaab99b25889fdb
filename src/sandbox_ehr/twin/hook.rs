//! The hooks of the library that a workflow of this EHR fires.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    PatientView,
    OrderSelect,
    OrderSign,
    OrderDispatch,
    AppointmentBook,
    EncounterStart,
    EncounterDischarge,
    MedicationRefill,
    #[serde(rename = "allergyintolerance-create")]
    AllergyIntoleranceCreate,
    ProblemListItemCreate,
    MedicationVerify,
}

impl Hook {
    pub const ALL: [Self; 11] = [
        Self::PatientView,
        Self::OrderSelect,
        Self::OrderSign,
        Self::OrderDispatch,
        Self::AppointmentBook,
        Self::EncounterStart,
        Self::EncounterDischarge,
        Self::MedicationRefill,
        Self::AllergyIntoleranceCreate,
        Self::ProblemListItemCreate,
        Self::MedicationVerify,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::PatientView => "patient-view",
            Self::OrderSelect => "order-select",
            Self::OrderSign => "order-sign",
            Self::OrderDispatch => "order-dispatch",
            Self::AppointmentBook => "appointment-book",
            Self::EncounterStart => "encounter-start",
            Self::EncounterDischarge => "encounter-discharge",
            Self::MedicationRefill => "medication-refill",
            Self::AllergyIntoleranceCreate => "allergyintolerance-create",
            Self::ProblemListItemCreate => "problem-list-item-create",
            Self::MedicationVerify => "medication-verify",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// Epic's number of the workflow that fires its advisories.
    pub fn epic_trigger(self) -> u8 {
        match self {
            Self::PatientView => 60,
            Self::OrderSelect => 18,
            Self::OrderSign | Self::OrderDispatch => 23,
            Self::ProblemListItemCreate => 6,
            Self::EncounterStart => 26,
            Self::EncounterDischarge => 27,
            _ => 5,
        }
    }
}
