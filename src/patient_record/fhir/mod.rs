//! FHIR resources read by borrowed fields, release differences settled here and nowhere else.
//!
//! Each struct holds only the fields that may be read as facts; what a release names or shapes differently
//! (R4, R4B, R5) is settled by its methods, so callers never ask for the release. Snapshot fields that the
//! timeline must not see (`clinicalStatus`, free text, extensions) have no place here. A field of the wrong type
//! fails the one resource that holds it.

mod bundle;
mod condition;
mod datatype;
mod date;
mod document;
mod encounter;
mod medication;
mod names;
mod observation;
mod patient;
mod primitive;
mod procedure;
mod resource;

pub use bundle::{Bundle, Entry};
pub use condition::{AllergyIntolerance, Condition, FamilyCondition, FamilyMemberHistory};
pub use datatype::{Concept, Meta, Period, Reference, concept_code, logical_id};
pub use date::parse_date;
pub use document::{Device, DocumentReference};
pub use encounter::Encounter;
pub use medication::{Drug, Medication, MedicationAdministration, MedicationRequest, MedicationStatement};
pub use names::known_type;
pub use observation::{Answer, DiagnosticReport, ImagingStudy, Measured, Observation, Quantity};
pub use patient::Patient;
pub use primitive::{Many, Moment, One, Text};
pub use procedure::{CarePlan, Immunization, Procedure, ServiceRequest};
pub(crate) use resource::resource;
pub use resource::{Scan, resource_type};
