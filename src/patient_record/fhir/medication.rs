//! Medication and the resources that name one. R4 has `medicationCodeableConcept` or `medicationReference`;
//! R5 one CodeableReference `medication`, and spells MedicationAdministration's time `occurence`.

use super::{Concept, Many, Moment, One, Period, Reference, Text, concept_code, resource};
use crate::patient_record::terminology::Code;
use serde_json::value::RawValue;

resource! {
    /// A drug or product.
    Medication {
        code: One<Concept<'a>>,
    }
}

/// What a resource says of its drug.
pub enum Drug<'a> {
    Code(Code),
    /// A reference to a Medication elsewhere.
    Elsewhere(&'a str),
    Unknown,
}

/// Adds the drug to the resources that name one.
macro_rules! names_a_drug {
    ($(#[$about:meta])* $name:ident { $($field:ident: $type:ty,)* }) => {
        resource! {
            $(#[$about])*
            $name {
                contained: Option<Vec<&'a RawValue>>,
                medication_codeable_concept: One<Concept<'a>>,
                medication_reference: One<Reference<'a>>,
                medication: One<Concept<'a>>,
                $($field: $type,)*
            }
        }

        impl $name<'_> {
            /// The drug: its code, also from a contained Medication, or where to find it.
            pub fn drug(&self) -> Drug<'_> {
                let own = concept_code(&self.medication_codeable_concept).or_else(|| concept_code(&self.medication));
                if let Some(code) = own {
                    return Drug::Code(code);
                }
                let r5 = self.medication.as_ref().and_then(|medication| medication.reference.text());
                match self.medication_reference.text().or(r5) {
                    None => Drug::Unknown,
                    Some(reference) => match reference.strip_prefix('#') {
                        None => Drug::Elsewhere(reference),
                        Some(id) => contained_code(&self.contained, id).map_or(Drug::Unknown, Drug::Code),
                    },
                }
            }
        }
    };
}

fn contained_code(contained: &Option<Vec<&RawValue>>, id: &str) -> Option<Code> {
    contained.iter().flatten().find_map(|raw| {
        let medication = serde_json::from_str::<Medication<'_>>(raw.get()).ok()?;
        (medication.id.as_deref() == Some(id)).then(|| concept_code(&medication.code))?
    })
}

names_a_drug! {
    /// An order of a drug.
    MedicationRequest {
        status: Option<Text<'a>>,
        intent: Option<Text<'a>>,
        do_not_perform: Option<bool>,
        subject: One<Reference<'a>>,
        authored_on: Option<Moment>,
    }
}

names_a_drug! {
    /// A drug that the patient is said to take.
    MedicationStatement {
        status: Option<Text<'a>>,
        subject: One<Reference<'a>>,
        effective_date_time: Option<Moment>,
        effective_period: One<Period>,
        date_asserted: Option<Moment>,
        adherence: One<Adherence<'a>>,
        extension: Many<StatusExtension<'a>>,
    }
}

/// Where HL7's converter keeps an R4 status that R5 has no word for. No other extension is read.
const STATUS_OF_R4: &str = "http://hl7.org/fhir/4.0/StructureDefinition/extension-MedicationStatement.status";

/// An extension, read only where it holds a MedicationStatement's R4 status.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct StatusExtension<'a> {
    pub url: Option<Text<'a>>,
    pub value_code: Option<Text<'a>>,
}

/// R5's place for what R4 says by the status `not-taken`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Adherence<'a> {
    pub code: One<Concept<'a>>,
}

impl MedicationStatement<'_> {
    pub fn effective(&self) -> Option<Moment> {
        self.effective_date_time.or(self.effective_period.start())
    }

    /// The status in R4's words, of which R5 has fewer.
    pub fn status(&self) -> Option<&str> {
        let kept = self.extension.iter().find(|extension| extension.url.as_deref() == Some(STATUS_OF_R4));
        kept.and_then(|extension| extension.value_code.as_deref()).or(self.status.as_deref())
    }

    /// Said not to be taken.
    pub fn not_taken(&self) -> bool {
        let adherence = self.adherence.as_ref().and_then(|adherence| concept_code(&adherence.code));
        self.status() == Some("not-taken")
            || adherence.is_some_and(|code| matches!(code.code.as_ref(), "not-taking" | "on-hold-not-taking"))
    }
}

names_a_drug! {
    /// A drug given.
    MedicationAdministration {
        status: Option<Text<'a>>,
        subject: One<Reference<'a>>,
        effective_date_time: Option<Moment>,
        effective_period: One<Period>,
        occurence_date_time: Option<Moment>,
        occurence_period: One<Period>,
    }
}

impl MedicationAdministration<'_> {
    pub fn given(&self) -> Option<Moment> {
        let period = self.effective_period.start().or(self.occurence_period.start());
        self.effective_date_time.or(self.occurence_date_time).or(period)
    }
}
