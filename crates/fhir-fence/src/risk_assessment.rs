//! What Prodrome says of one patient at one moment, written as an R4 RiskAssessment after its profile
//! (`profiles/` in the repository): built in fhirbolt's model, then checked like anything from outside.

use crate::error::FenceError;
use crate::{Checked, check, typed};
use fhirbolt::model::r4::Resource;
use fhirbolt::model::r4::resources;
use fhirbolt::model::r4::resources::{RiskAssessmentOccurrence, RiskAssessmentPredictionProbability};
use fhirbolt::model::r4::resources::{RiskAssessmentPrediction, RiskAssessmentPredictionWhen};
use fhirbolt::model::r4::types::{
    Annotation, CodeableConcept, Coding, Decimal, Extension, ExtensionValue, Meta, Period, Reference,
};

/// Canonical of the profile that every RiskAssessment here claims.
pub const PROFILE: &str = "https://prodrome.org/fhir/StructureDefinition/prodrome-risk-assessment";
/// Canonical of the extension with the average of the same age and sex.
pub const BASELINE: &str = "https://prodrome.org/fhir/StructureDefinition/baseline-probability";
/// Canonical of the extension with the 95 % interval of a probability.
pub const INTERVAL: &str = "https://prodrome.org/fhir/StructureDefinition/probability-interval";
/// Canonical of the extension with the reason why the server would stay silent.
pub const ABSTAINED: &str = "https://prodrome.org/fhir/StructureDefinition/abstained";
/// Canonical of the extension with how many resources of the chart could not be used.
pub const NOT_READ: &str = "https://prodrome.org/fhir/StructureDefinition/resources-not-read";
/// Code system of the outcomes, whose codes are the names of phenotypes.
pub const OUTCOMES: &str = "https://prodrome.org/fhir/CodeSystem/outcome";
/// Code system of the models, whose codes are name and content hash.
pub const MODELS: &str = "https://prodrome.org/fhir/CodeSystem/model";

const TYPE: &str = "RiskAssessment";

/// One assessment.
#[derive(Clone, Debug)]
pub struct RiskAssessment<'a> {
    /// Logical id of the patient, without `Patient/`.
    pub patient: &'a str,
    /// The moment it speaks of, an R4 dateTime.
    pub as_of: &'a str,
    /// Name and content hash of the model.
    pub model: &'a str,
    pub predictions: Vec<Prediction<'a>>,
    /// Literal references to the resources that moved the risks most, `Observation/x`.
    pub basis: Vec<String>,
    /// How many resources of the chart could not be used.
    pub not_read: u32,
    /// What every reader must know, as text.
    pub note: &'a str,
}

/// One outcome within one horizon.
#[derive(Clone, Debug)]
pub struct Prediction<'a> {
    /// Name of the phenotype.
    pub outcome: &'a str,
    /// The same for people.
    pub title: &'a str,
    /// The SNOMED CT code, where the outcome is exactly one.
    pub snomed: Option<&'a str>,
    /// 0 to 1; written in percent, as R4 wants it.
    pub probability: f64,
    /// 0 to 1; written in percent.
    pub baseline: f64,
    /// End of the horizon, an R4 dateTime; it begins at the assessment's moment.
    pub until: &'a str,
    /// Why it would not be shown.
    pub abstained: Option<&'a str>,
}

impl RiskAssessment<'_> {
    /// Writes it. Fails where a value is not what R4 takes: a patient id with a blank, a date that is none.
    pub fn to_json(&self) -> Result<Checked, FenceError> {
        let prediction = self.predictions.iter().map(|prediction| self.prediction(prediction));
        let resource = resources::RiskAssessment {
            meta: Some(Box::new(Meta {
                profile: vec![PROFILE.into()],
                security: vec![Coding {
                    system: Some("http://terminology.hl7.org/CodeSystem/v3-ObservationValue".into()),
                    code: Some("AIAST".into()),
                    display: Some("Artificial Intelligence asserted".into()),
                    ..Coding::default()
                }],
                ..Meta::default()
            })),
            extension: vec![extension(NOT_READ, ExtensionValue::UnsignedInt(self.not_read.into()))],
            status: "preliminary".into(),
            method: Some(Box::new(concept(vec![coding(MODELS, self.model)], self.model))),
            subject: Box::new(reference(format!("Patient/{}", self.patient))),
            occurrence: Some(RiskAssessmentOccurrence::DateTime(self.as_of.into())),
            basis: self.basis.iter().cloned().map(reference).collect(),
            prediction: prediction.collect::<Result<_, _>>()?,
            note: vec![Annotation { text: self.note.into(), ..Annotation::default() }],
            ..resources::RiskAssessment::default()
        };
        check(&typed::write(TYPE, &Resource::RiskAssessment(Box::new(resource)))?)
    }

    fn prediction(&self, of: &Prediction<'_>) -> Result<RiskAssessmentPrediction, FenceError> {
        let mut extensions = vec![extension(BASELINE, ExtensionValue::Decimal(percent(of.baseline)?))];
        extensions.extend(of.abstained.map(|reason| extension(ABSTAINED, ExtensionValue::Code(reason.into()))));
        let mut codes = vec![coding(OUTCOMES, of.outcome)];
        codes.extend(of.snomed.map(|code| coding("http://snomed.info/sct", code)));
        let ratio = of.probability / of.baseline;
        Ok(RiskAssessmentPrediction {
            extension: extensions,
            outcome: Some(Box::new(concept(codes, of.title))),
            probability: Some(RiskAssessmentPredictionProbability::Decimal(percent(of.probability)?)),
            relative_risk: ratio.is_finite().then(|| format!("{ratio:.3}").into()),
            when: Some(RiskAssessmentPredictionWhen::Period(Box::new(Period {
                start: Some(self.as_of.into()),
                end: Some(of.until.into()),
                ..Period::default()
            }))),
            ..RiskAssessmentPrediction::default()
        })
    }
}

/// R4 writes probabilities in percent (comment of `RiskAssessment.prediction.probability[x]`).
fn percent(probability: f64) -> Result<Decimal, FenceError> {
    if !(0.0..=1.0).contains(&probability) {
        return Err(FenceError::Unwritable { resource_type: TYPE, why: "a probability is not between 0 and 1" });
    }
    Ok(format!("{:.4}", probability * 100.0).into())
}

fn extension(url: &str, value: ExtensionValue) -> Extension {
    Extension { url: url.into(), value: Some(value), ..Extension::default() }
}

fn coding(system: &str, code: &str) -> Coding {
    Coding { system: Some(system.into()), code: Some(code.into()), ..Coding::default() }
}

fn concept(coding: Vec<Coding>, text: &str) -> CodeableConcept {
    CodeableConcept { coding, text: Some(text.into()), ..CodeableConcept::default() }
}

fn reference(to: String) -> Reference {
    Reference { reference: Some(to.into()), ..Reference::default() }
}
