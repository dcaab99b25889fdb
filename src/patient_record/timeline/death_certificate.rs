//! Codes that certify a death: written after it, they would give away what is to be foreseen.

use crate::patient_record::terminology::{Code, CodeSystem};

/// LOINC: primary cause of death, certificate of death.
const LOINC: [&str; 2] = ["69453-9", "69409-1"];
/// SNOMED CT: death certification, cause of death, brought in dead, found dead, dead, deceased, registered dead.
const SNOMED: [&str; 6] = ["308646001", "79899007", "268923008", "419099009", "419620001", "184305005"];

/// Whether a code certifies a death.
pub(crate) fn certifies_death(code: &Code) -> bool {
    match code.system {
        CodeSystem::Loinc => LOINC.contains(&code.code.as_ref()),
        CodeSystem::Snomed => SNOMED.contains(&code.code.as_ref()),
        _ => false,
    }
}
