//! A code and the system it belongs to. Owns the short prefixes used in vocabularies and phenotypes.

use std::fmt;

/// Where a code comes from. The common systems have one-letter prefixes in keys such as `S:44054006`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CodeSystem {
    /// SNOMED CT, `S`.
    Snomed,
    /// LOINC, `L`.
    Loinc,
    /// RxNorm, `R`.
    RxNorm,
    /// CVX vaccines, `V`.
    Cvx,
    /// ICD-10-CM, `I`.
    Icd10Cm,
    /// HL7 v3 ActCode, the encounter classes, no prefix (`IMP`, `AMB`, `EMER`).
    ActCode,
    /// Any other system, `X`; the URI is kept for the report of unknown systems.
    Other(Box<str>),
}

impl CodeSystem {
    /// The system of a `Coding.system` URI.
    pub fn from_uri(uri: &str) -> Self {
        match uri {
            "http://snomed.info/sct" => Self::Snomed,
            "http://loinc.org" => Self::Loinc,
            "http://www.nlm.nih.gov/research/umls/rxnorm" => Self::RxNorm,
            "http://hl7.org/fhir/sid/cvx" => Self::Cvx,
            "http://hl7.org/fhir/sid/icd-10-cm" | "http://hl7.org/fhir/sid/icd-10" => Self::Icd10Cm,
            "http://terminology.hl7.org/CodeSystem/v3-ActCode" => Self::ActCode,
            other => Self::Other(other.into()),
        }
    }

    /// The prefix with its colon, empty for encounter classes.
    pub fn prefix(&self) -> &'static str {
        match self {
            Self::Snomed => "S:",
            Self::Loinc => "L:",
            Self::RxNorm => "R:",
            Self::Cvx => "V:",
            Self::Icd10Cm => "I:",
            Self::ActCode => "",
            Self::Other(_) => "X:",
        }
    }
}

/// A code with its system and the display it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub system: CodeSystem,
    pub code: Box<str>,
    /// The sender's display or text; may be empty. Never free text of a note.
    pub display: Box<str>,
}

impl fmt::Display for Code {
    /// `S:44054006`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.system.prefix(), self.code)
    }
}
