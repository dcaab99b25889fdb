//! Observation, DiagnosticReport and ImagingStudy. R5 renamed ImagingStudy's `procedureCode` to `procedure`
//! (CodeableReferences) and made modalities CodeableConcepts.

use super::{Concept, Many, Moment, One, Period, Reference, Text, concept_code, resource};
use crate::patient_record::terminology::Code;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Declares Observation and its component together: they hold the same value fields.
macro_rules! measured {
    ($declare:ident! { $(#[$about:meta])* $name:ident { $($field:ident: $type:ty,)* } }) => {
        $declare! {
            $(#[$about])*
            $name {
                code: One<Concept<'a>>,
                value_quantity: One<Quantity<'a>>,
                value_codeable_concept: One<Concept<'a>>,
                value_boolean: Option<bool>,
                value_integer: Option<f64>,
                value_string: Option<IgnoredAny>,
                value_range: Option<IgnoredAny>,
                value_ratio: Option<IgnoredAny>,
                value_sampled_data: Option<IgnoredAny>,
                value_time: Option<IgnoredAny>,
                value_date_time: Option<IgnoredAny>,
                value_period: Option<IgnoredAny>,
                value_attachment: Option<IgnoredAny>,
                value_reference: Option<IgnoredAny>,
                data_absent_reason: Option<IgnoredAny>,
                $($field: $type,)*
            }
        }

        impl $name<'_> {
            /// The value; `None` where there is none and no reason is given.
            pub fn answer(&self) -> Option<Answer<'_>> {
                let other = [
                    self.value_string, self.value_range, self.value_ratio, self.value_sampled_data, self.value_time,
                    self.value_date_time, self.value_period, self.value_attachment, self.value_reference,
                ];
                let other = || other.iter().any(Option::is_some).then_some(Answer::Unread);
                let quantity = self.value_quantity.as_ref().map(Answer::Quantity);
                quantity
                    .or_else(|| self.value_codeable_concept.as_ref().map(Answer::Coded))
                    .or_else(|| self.value_boolean.map(Answer::Bool))
                    .or_else(|| self.value_integer.map(Answer::Integer))
                    .or_else(other)
                    .or_else(|| self.data_absent_reason.map(|_| Answer::Absent))
            }
        }
    };
}

measured! { resource! {
    /// A measurement, finding or answer.
    Observation {
        status: Option<Text<'a>>,
        subject: One<Reference<'a>>,
        effective_date_time: Option<Moment>,
        effective_instant: Option<Moment>,
        effective_period: One<Period>,
        effective_timing: One<Timing>,
        issued: Option<Moment>,
        component: Many<Measured<'a>>,
    }
} }

macro_rules! component {
    ($(#[$about:meta])* $name:ident { $($field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
        pub struct $name<'a> { $(pub $field: $type,)* }
    };
}

measured! { component! {
    /// A component of an Observation.
    Measured {}
} }

/// What an Observation or a component says.
pub enum Answer<'a> {
    Quantity(&'a Quantity<'a>),
    Coded(&'a Concept<'a>),
    Bool(bool),
    Integer(f64),
    /// Text, a range, a picture: there, but not read.
    Unread,
    /// Asked for, and a reason given why there is no value.
    Absent,
}

/// A number with its unit.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Quantity<'a> {
    pub value: Option<f64>,
    pub unit: Option<Text<'a>>,
    pub code: Option<Text<'a>>,
    pub system: Option<Text<'a>>,
}

impl Quantity<'_> {
    /// The UCUM code where there is one, else the unit's text.
    pub fn unit(&self) -> &str {
        let ucum = self.system.as_deref().is_none_or(|system| system == "http://unitsofmeasure.org");
        let code = self.code.as_deref().filter(|code| ucum && !code.is_empty());
        code.or(self.unit.as_deref()).or(self.code.as_deref()).unwrap_or_default()
    }
}

/// Moments of a schedule.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Timing {
    pub event: Vec<Moment>,
}

impl Observation<'_> {
    /// When it was true of the patient: the start of a period.
    pub fn effective(&self) -> Option<Moment> {
        let timing = || self.effective_timing.as_ref()?.event.first().copied();
        self.effective_date_time.or(self.effective_instant).or(self.effective_period.start()).or_else(timing)
    }
}

resource! {
    /// A report on specimens or images; only what it is, never its text.
    DiagnosticReport {
        status: Option<Text<'a>>,
        code: One<Concept<'a>>,
        subject: One<Reference<'a>>,
        effective_date_time: Option<Moment>,
        effective_period: One<Period>,
        issued: Option<Moment>,
    }
}

impl DiagnosticReport<'_> {
    pub fn effective(&self) -> Option<Moment> {
        self.effective_date_time.or(self.effective_period.start())
    }
}

resource! {
    /// Pictures taken.
    ImagingStudy {
        status: Option<Text<'a>>,
        subject: One<Reference<'a>>,
        started: Option<Moment>,
        procedure_code: One<Concept<'a>>,
        procedure: One<Concept<'a>>,
        modality: One<Concept<'a>>,
        series: One<Series<'a>>,
    }
}

/// A series of an ImagingStudy.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Series<'a> {
    pub modality: One<Concept<'a>>,
}

impl ImagingStudy<'_> {
    /// What was done, else how the pictures were made.
    pub fn code(&self) -> Option<Code> {
        concept_code(&self.procedure_code)
            .or_else(|| concept_code(&self.procedure))
            .or_else(|| concept_code(&self.modality))
            .or_else(|| concept_code(&self.series.as_ref()?.modality))
    }
}
