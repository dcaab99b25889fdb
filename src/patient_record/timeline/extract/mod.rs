//! The rules by which a resource becomes events, one file per resource type.
//!
//! A rule dates what it finds by the moment it could first be read and drops what states no fact
//! (`entered-in-error`, `not-done`, `cancelled`, drafts). It reads no status that would come from the record's
//! future, and of a period only the start, unless the end is an event of its own.

mod allergy;
mod care_plan;
mod condition;
mod device;
mod document;
mod encounter;
mod family_history;
mod imaging;
mod immunization;
mod medication_administration;
mod medication_request;
mod medication_statement;
mod observation;
mod patient;
mod procedure;
mod report;
mod service_request;

use super::SkipReason;
use super::draft::Draft;
use crate::patient_record::fhir::{self, Drug, Moment, Text};
use crate::patient_record::terminology::Code;
pub(crate) use patient::PatientDraft;
use serde::Deserialize;

/// What a resource was read as.
pub(crate) enum Extracted {
    Patient(PatientDraft),
    /// Logical id and code of a Medication.
    Medication(Box<str>, Option<Code>),
    Draft(Draft),
}

/// Reads one resource of a type that may or may not be one of ours.
pub(crate) fn extract(resource_type: &str, json: &str) -> Result<Extracted, SkipReason> {
    let draft = match resource_type {
        "Patient" => return Ok(Extracted::Patient(patient::draft(&read(json)?))),
        "Medication" => {
            let medication: fhir::Medication<'_> = read(json)?;
            let id = medication.id.as_deref().unwrap_or_default().into();
            return Ok(Extracted::Medication(id, fhir::concept_code(&medication.code)));
        }
        "Encounter" => encounter::draft(&read(json)?),
        "Condition" => condition::draft(&read(json)?),
        "Observation" => observation::draft(&read(json)?),
        "MedicationRequest" => medication_request::draft(&read(json)?),
        "MedicationStatement" => medication_statement::draft(&read(json)?),
        "MedicationAdministration" => medication_administration::draft(&read(json)?),
        "Procedure" => procedure::draft(&read(json)?),
        "Immunization" => immunization::draft(&read(json)?),
        "AllergyIntolerance" => allergy::draft(&read(json)?),
        "DiagnosticReport" => report::draft(&read(json)?),
        "ServiceRequest" => service_request::draft(&read(json)?),
        "CarePlan" => care_plan::draft(&read(json)?),
        "DocumentReference" => document::draft(&read(json)?),
        "ImagingStudy" => imaging::draft(&read(json)?),
        "Device" => device::draft(&read(json)?),
        "FamilyMemberHistory" => family_history::draft(&read(json)?),
        _ => return Err(SkipReason::TypeNotRead),
    };
    Ok(Extracted::Draft(draft))
}

/// Reads an order that is being written, dated `at`: what it will say once it is signed.
pub(crate) fn extract_unsigned(resource_type: &str, json: &str, at: Moment) -> Result<Draft, SkipReason> {
    match resource_type {
        "MedicationRequest" => Ok(medication_request::unsigned(&read(json)?, at)),
        "ServiceRequest" => Ok(service_request::unsigned(&read(json)?, at)),
        _ => Err(SkipReason::TypeNotRead),
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, SkipReason> {
    serde_json::from_str(json).map_err(|_| SkipReason::Unreadable)
}

/// Whether a status is one of those that state no fact.
fn is_one_of(status: &Option<Text<'_>>, not_facts: &[&str]) -> bool {
    status.as_deref().is_some_and(|status| not_facts.contains(&status))
}

/// The code of a drug, or where it is to be found.
fn drug_of(draft: &mut Draft, drug: Drug<'_>) -> Option<Code> {
    match drug {
        Drug::Code(code) => Some(code),
        Drug::Elsewhere(reference) => {
            draft.medication = Some(reference.into());
            None
        }
        Drug::Unknown => None,
    }
}
