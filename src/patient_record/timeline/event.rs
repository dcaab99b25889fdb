//! The words of a timeline. Owns event, patient, source and the count of what could not be read;
//! refuses snapshot fields: there is no place here for a status that was written later.

use crate::patient_record::terminology::Code;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Seconds since 1970-01-01T00:00:00Z. Dates without a time stand for their first second in UTC.
pub type Second = i64;

/// Seconds in a day; timelines are cut and tokenised by UTC days.
pub const SECONDS_PER_DAY: i64 = 86_400;

/// What happened. The short names stand in vocabulary keys and phenotype files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    /// Encounter began; the code is its class, the coded value its type.
    Encounter,
    /// The same encounter's type, as a code of its own.
    EncounterType,
    /// Encounter ended; code and value are those of its beginning.
    EncounterEnd,
    Condition,
    /// A condition's abatement, at its own date.
    ConditionEnd,
    Observation,
    /// A medication ordered (MedicationRequest).
    Medication,
    MedicationStatement,
    MedicationAdministration,
    Procedure,
    Immunization,
    Allergy,
    /// A DiagnosticReport; panels repeat their Observations, so the model does not read it.
    Report,
    /// A ServiceRequest.
    Order,
    CarePlan,
    /// A DocumentReference: its type only, never its text.
    Note,
    Imaging,
    Device,
    FamilyHistory,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Kind; 19] = [
        Kind::Encounter,
        Kind::EncounterType,
        Kind::EncounterEnd,
        Kind::Condition,
        Kind::ConditionEnd,
        Kind::Observation,
        Kind::Medication,
        Kind::MedicationStatement,
        Kind::MedicationAdministration,
        Kind::Procedure,
        Kind::Immunization,
        Kind::Allergy,
        Kind::Report,
        Kind::Order,
        Kind::CarePlan,
        Kind::Note,
        Kind::Imaging,
        Kind::Device,
        Kind::FamilyHistory,
    ];

    /// The short name used in keys: `COND|S:44054006`.
    pub fn short(self) -> &'static str {
        match self {
            Kind::Encounter => "ENC",
            Kind::EncounterType => "ENCTYPE",
            Kind::EncounterEnd => "ENC_END",
            Kind::Condition => "COND",
            Kind::ConditionEnd => "COND_END",
            Kind::Observation => "OBS",
            Kind::Medication => "MED",
            Kind::MedicationStatement => "MEDSTMT",
            Kind::MedicationAdministration => "MEDADM",
            Kind::Procedure => "PROC",
            Kind::Immunization => "IMM",
            Kind::Allergy => "ALLERGY",
            Kind::Report => "REPORT",
            Kind::Order => "ORDER",
            Kind::CarePlan => "CAREPLAN",
            Kind::Note => "NOTE",
            Kind::Imaging => "IMAGING",
            Kind::Device => "DEVICE",
            Kind::FamilyHistory => "FAMHX",
        }
    }
}

/// What an event carries beside its code.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    None,
    /// A number in canonical UCUM form: `unit` is the canonical unit's text (see `terminology::units`),
    /// or, where the unit is not UCUM, the sender's own text with `scaled` false.
    Quantity {
        value: f64,
        unit: Box<str>,
        scaled: bool,
    },
    /// A coded value; for an encounter, its type.
    Coded(Code),
    Bool(bool),
    /// There was a value that is not read: free text, a range, a picture. Present, not absent.
    Unread,
}

/// Index of a [`Source`] within its timeline.
pub type SourceId = u32;

/// The resource an event came from. Provenance only: never an input of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// FHIR resource type, `Condition`.
    pub resource_type: &'static str,
    /// Logical id; empty where the sender gave none.
    pub id: Box<str>,
    /// `meta.versionId`
    pub version: Option<Box<str>>,
}

/// Something that happened, dated by when it could first be known.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When the record could first be read: the latest of onset, recorded and encounter start. Orders the timeline.
    pub known: Second,
    /// Clinical time minus `known`, in seconds: negative where a fact was entered late.
    pub clinical_offset: i64,
    pub kind: Kind,
    pub code: Code,
    pub value: Value,
    pub source: SourceId,
}

/// Administrative sex as the record states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sex {
    Female,
    Male,
    Unknown,
}

/// What is known of the person apart from events.
#[derive(Clone, PartialEq, Eq)]
pub struct Patient {
    /// Logical id. Kept out of `Debug`.
    pub id: Box<str>,
    /// First second of the birth date, UTC; a year or month alone stands for its first day. `None`: not stated.
    pub birth: Option<Second>,
    pub sex: Sex,
    /// Death as stated: the second where a date was given. Label and reason for silence, never a model input.
    pub deceased: Option<Option<Second>>,
}

impl std::fmt::Debug for Patient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patient(..)")
    }
}

/// Why something was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// Not JSON, or a field of the wrong type.
    Unreadable,
    /// A resource type that the timeline does not read.
    TypeNotRead,
    /// No code that can be read.
    NoCode,
    /// No date: it must not count as always known.
    NoDate,
    /// `entered-in-error`, `not-done`, `cancelled` or `nullified`.
    NotAFact,
    /// About another patient than the one asked for.
    OtherPatient,
    /// Refers to no patient at all.
    NoPatient,
    /// An Observation with neither a value nor a component nor a reason: the header of a panel.
    NoValue,
    /// Certifies the death that would be predicted.
    DeathCertificate,
    /// The same resource, or the same version of it, received twice.
    Duplicate,
    /// The sender has it, on a page that did not come: counted at least once.
    NotSent,
}

impl SkipReason {
    /// The stable word in reports, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TypeNotRead => "type-not-read",
            Self::NoCode => "no-code",
            Self::NoDate => "no-date",
            Self::NotAFact => "not-a-fact",
            Self::OtherPatient => "other-patient",
            Self::NoPatient => "no-patient",
            Self::NoValue => "no-value",
            Self::DeathCertificate => "death-certificate",
            Self::Duplicate => "duplicate",
            Self::NotSent => "not-sent",
        }
    }
}

/// Counts of what was not read, by resource type and reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped(pub BTreeMap<(Box<str>, SkipReason), u32>);

impl Skipped {
    /// Counts one more.
    pub fn count(&mut self, resource_type: &str, reason: SkipReason) {
        self.count_many(resource_type, reason, 1);
    }

    /// Counts `many` more.
    pub fn count_many(&mut self, resource_type: &str, reason: SkipReason, many: u32) {
        if many > 0 {
            *self.0.entry((resource_type.into(), reason)).or_default() += many;
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: Self) {
        for (key, count) in other.0 {
            *self.0.entry(key).or_default() += count;
        }
    }

    /// How many in all.
    pub fn total(&self) -> u32 {
        self.0.values().sum()
    }
}

/// One patient's events in the order they could be known, ties by kind and code so that the order of
/// an export carries nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    pub patient: Patient,
    pub events: Vec<Event>,
    pub sources: Vec<Source>,
    pub skipped: Skipped,
}

impl Timeline {
    /// The events known at `as_of`, inclusive: a prefix, since `known` orders them.
    pub fn known_at(&self, as_of: Second) -> &[Event] {
        &self.events[..self.events.partition_point(|event| event.known <= as_of)]
    }

    /// The resource of an event.
    pub fn source(&self, event: &Event) -> &Source {
        &self.sources[event.source as usize]
    }
}
