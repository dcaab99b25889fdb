//! What can be searched by, type by type (R4, "Search" of each resource), and whether a resource fits. The FHIR server's
//! CapabilityStatement tells this table, and a search knows no other parameters.

use super::super::chart::Resource;
use super::super::facts::Token;
use super::dates::{self, Bound};
use super::{Unsearchable, one_of};
use jiff::Timestamp;

/// What of a resource a parameter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Id,
    Patient,
    Code,
    Category,
    /// The code alone: which system it is of is not looked at.
    Status,
    /// When it was or began, and ended.
    Date,
    /// When it was written down.
    Recorded,
}

/// A name and what stands behind it.
pub type Parameter = (&'static str, Kind);

const ID: Parameter = ("_id", Kind::Id);
const PATIENT: Parameter = ("patient", Kind::Patient);
const SUBJECT: Parameter = ("subject", Kind::Patient);
const CODE: Parameter = ("code", Kind::Code);
const TYPE: Parameter = ("type", Kind::Code);
const CATEGORY: Parameter = ("category", Kind::Category);
const STATUS: Parameter = ("status", Kind::Status);
const CLINICAL_STATUS: Parameter = ("clinical-status", Kind::Status);
const DATE: Parameter = ("date", Kind::Date);

const TYPES: [(&str, &[Parameter]); 21] = [
    ("AllergyIntolerance", &[ID, PATIENT, CODE, CLINICAL_STATUS, ("date", Kind::Recorded)]),
    ("CarePlan", &[ID, PATIENT, SUBJECT, CATEGORY, STATUS, DATE]),
    ("CareTeam", &[ID, PATIENT, SUBJECT, CATEGORY, STATUS, DATE]),
    (
        "Condition",
        &[
            ID,
            PATIENT,
            SUBJECT,
            CODE,
            CATEGORY,
            CLINICAL_STATUS,
            ("onset-date", Kind::Date),
            ("recorded-date", Kind::Recorded),
        ],
    ),
    ("Device", &[ID, PATIENT, TYPE, STATUS]),
    ("DiagnosticReport", &[ID, PATIENT, SUBJECT, CODE, CATEGORY, STATUS, DATE]),
    ("DocumentReference", &[ID, PATIENT, SUBJECT, TYPE, CATEGORY, STATUS, DATE]),
    ("Encounter", &[ID, PATIENT, SUBJECT, TYPE, STATUS, DATE]),
    ("FamilyMemberHistory", &[ID, PATIENT, STATUS, DATE]),
    ("ImagingStudy", &[ID, PATIENT, SUBJECT, STATUS, ("started", Kind::Date)]),
    ("Immunization", &[ID, PATIENT, ("vaccine-code", Kind::Code), STATUS, DATE]),
    ("Medication", &[ID, CODE, STATUS]),
    ("MedicationAdministration", &[ID, PATIENT, SUBJECT, CODE, STATUS, ("effective-time", Kind::Date)]),
    ("MedicationRequest", &[ID, PATIENT, SUBJECT, CODE, CATEGORY, STATUS, ("authoredon", Kind::Date)]),
    ("MedicationStatement", &[ID, PATIENT, SUBJECT, CODE, CATEGORY, STATUS, ("effective", Kind::Date)]),
    ("Observation", &[ID, PATIENT, SUBJECT, CODE, CATEGORY, STATUS, DATE]),
    ("Patient", &[ID]),
    ("Practitioner", &[ID]),
    ("PractitionerRole", &[ID]),
    ("Procedure", &[ID, PATIENT, SUBJECT, CODE, CATEGORY, STATUS, DATE]),
    ("ServiceRequest", &[ID, PATIENT, SUBJECT, CODE, CATEGORY, STATUS, ("authored", Kind::Date)]),
];
/// Of a type that is not in the table.
const OF_OTHERS: &[Parameter] = &[ID, PATIENT, SUBJECT];
/// Orders and records of drugs may name them as resources of their own.
const WITH_MEDICATIONS: [&str; 3] = ["MedicationAdministration", "MedicationRequest", "MedicationStatement"];
/// Lasts until it is said to have ended.
const LASTING: [&str; 3] = ["CarePlan", "CareTeam", "Encounter"];

/// Every type of the table.
pub fn types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _)| *name)
}

/// What resources of a type can be searched by.
pub fn of_type(resource_type: &str) -> &'static [Parameter] {
    TYPES.iter().find(|(name, _)| *name == resource_type).map_or(OF_OTHERS, |(_, parameters)| *parameters)
}

/// What `_include` may say in a search for this type.
pub fn include_of(resource_type: &str) -> Option<String> {
    WITH_MEDICATIONS.contains(&resource_type).then(|| format!("{resource_type}:medication"))
}

impl Kind {
    /// The type of search parameter, as FHIR calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patient => "reference",
            Self::Id | Self::Code | Self::Category | Self::Status => "token",
            Self::Date | Self::Recorded => "date",
        }
    }
}

/// A parameter with its value, read.
pub enum Criterion {
    Id(Vec<String>),
    Patient(Vec<String>),
    Code(Vec<String>),
    Category(Vec<String>),
    Status(Vec<String>),
    Date(Bound),
    Recorded(Bound),
}

impl Criterion {
    /// Reads one parameter of a search for a type.
    ///
    /// # Errors
    /// A name that is not in the table, or a value that is none of its kind.
    pub fn read(resource_type: &str, name: &str, value: &str) -> Result<Self, Unsearchable> {
        let known = of_type(resource_type).iter().find(|(known, _)| *known == name);
        let Some((_, kind)) = known else { return Err(Unsearchable::parameter(resource_type, name)) };
        let bound = || Bound::read(value).ok_or_else(|| Unsearchable::value(name, dates::TAKES));
        Ok(match kind {
            Kind::Id => Self::Id(one_of(value)),
            Kind::Patient => Self::Patient(one_of(value)),
            Kind::Code => Self::Code(one_of(value)),
            Kind::Category => Self::Category(one_of(value)),
            Kind::Status => Self::Status(one_of(value)),
            Kind::Date => Self::Date(bound()?),
            Kind::Recorded => Self::Recorded(bound()?),
        })
    }

    /// Whether a resource of that type fits.
    pub fn holds(&self, resource: &Resource) -> bool {
        let facts = &resource.facts;
        match self {
            Self::Id(ids) => ids.iter().any(|id| **id == *resource.id),
            Self::Patient(ids) => {
                let about = facts.subject.as_deref().and_then(|subject| subject.strip_prefix("Patient/"));
                about.is_some_and(|about| ids.iter().any(|id| id.strip_prefix("Patient/").unwrap_or(id) == about))
            }
            Self::Code(wanted) => wanted.iter().any(|one| is_among(&facts.codes, one)),
            Self::Category(wanted) => wanted.iter().any(|one| is_among(&facts.categories, one)),
            Self::Status(wanted) => {
                let is = |status: &str| wanted.iter().any(|one| one.rsplit('|').next() == Some(status));
                facts.status.as_deref().is_some_and(is)
            }
            Self::Date(bound) => lasted(resource).is_some_and(|(start, end)| bound.holds(start, end)),
            Self::Recorded(bound) => facts.recorded.is_some_and(|moment| bound.holds(moment, moment)),
        }
    }
}

/// From when to when; a moment is both. An end of a condition is no part of its onset.
fn lasted(resource: &Resource) -> Option<(Timestamp, Timestamp)> {
    let start = resource.facts.start?;
    let end = match &*resource.resource_type {
        "Condition" => start,
        other => resource.facts.end.unwrap_or(if LASTING.contains(&other) { Timestamp::MAX } else { start }),
    };
    Some((start, end))
}

/// `code`, `system|code`, `|code` without a system, `system|` with any code.
fn is_among(tokens: &[Token], wanted: &str) -> bool {
    tokens.iter().any(|token| match wanted.split_once('|') {
        Some((system, code)) => *token.system == *system && (code.is_empty() || *token.code == *code),
        None => *token.code == *wanted,
    })
}

/// What a search is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Id,
    Date,
    Recorded,
}

/// Reads `_sort`: the type's dates and `_id`, each with `-` where it falls.
///
/// # Errors
/// Anything else in the list.
pub fn order(resource_type: &str, value: &str) -> Result<Vec<(Key, bool)>, Unsearchable> {
    let keys = of_type(resource_type).iter().filter_map(|(name, kind)| match kind {
        Kind::Id => Some((*name, Key::Id)),
        Kind::Date => Some((*name, Key::Date)),
        Kind::Recorded => Some((*name, Key::Recorded)),
        _ => None,
    });
    let keys: Vec<(&str, Key)> = keys.collect();
    let one = |asked: &str| {
        let (name, falls) = asked.strip_prefix('-').map_or((asked, false), |name| (name, true));
        keys.iter().find(|(known, _)| *known == name).map(|(_, key)| (*key, falls))
    };
    let order = value.split(',').map(one).collect::<Option<Vec<_>>>();
    order.ok_or_else(|| {
        let names: Vec<String> = keys.iter().map(|(name, _)| format!("`{name}`")).collect();
        Unsearchable::value("_sort", &format!("{}, each with `-` before it where it falls", names.join(" or ")))
    })
}
