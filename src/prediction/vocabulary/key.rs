//! An event's key: what it is called in vocabularies, shards and phenotypes.

use super::personal_trait;
use crate::patient_record::timeline::{Event, Kind, Value};
use serde::{Deserialize, Serialize};

/// An event without its date and number: kind, code and coded value, as stored in shard dictionaries.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    pub kind: Kind,
    /// Prefixed code, `S:44054006`; an encounter's is its class, `IMP`.
    pub code: String,
    /// Prefixed code of a coded value; an encounter's is its type; `true`/`false` for booleans.
    pub value: Option<String>,
    /// What the sender called the code; feeds the text path of unknown codes.
    pub display: String,
}

impl Fact {
    /// The fact of an event.
    pub fn of(event: &Event) -> Self {
        Self {
            kind: event.kind,
            code: event.code.to_string(),
            value: match &event.value {
                Value::Coded(code) => Some(code.to_string()),
                Value::Bool(value) => Some(value.to_string()),
                Value::None | Value::Quantity { .. } | Value::Unread => None,
            },
            display: event.code.display.to_string(),
        }
    }

    /// The vocabulary key: `COND|S:44054006`, `OBS|L:72166-2=S:266919005`. An encounter's type is not part
    /// of its key, since it is an event of its own.
    pub fn key(&self) -> String {
        match (&self.value, self.kind) {
            (Some(value), Kind::Observation | Kind::Allergy | Kind::FamilyHistory) => {
                format!("{}|{}={}", self.kind.short(), self.code, value)
            }
            _ => format!("{}|{}", self.kind.short(), self.code),
        }
    }
}

/// Whether the model reads a fact: one of a kind that it reads, and no personal trait. The one answer for ingest,
/// training and serving.
pub fn read_by_the_model(fact: &Fact) -> bool {
    kind_is_read(fact.kind) && personal_trait(fact).is_none()
}

/// Whether the model reads events of this kind. Administrations repeat their orders and reports their
/// observations; an encounter's end and a note's type were not part of the measured recipe.
pub fn kind_is_read(kind: Kind) -> bool {
    !matches!(kind, Kind::MedicationAdministration | Kind::Report | Kind::EncounterEnd | Kind::Note)
}
