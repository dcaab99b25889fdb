//! Answers as FHIR R4 RiskAssessments, one a line, after the profile in `profiles/`.

use super::Assessment;
use crate::decision_support::assess::NOTE;
use crate::patient_record::moment;
use crate::patient_record::timeline::SECONDS_PER_DAY;
use crate::prediction::answer::Oracle;
use crate::prediction::phenotype::Phenotypes;
use anyhow::Context;
use fhir_fence::risk_assessment::{Prediction, RiskAssessment};

/// One line, with its end.
pub fn render(assessment: &Assessment, model: &dyn Oracle, phenotypes: &Phenotypes) -> anyhow::Result<String> {
    let until = |days: u32| moment::write(assessment.as_of + i64::from(days) * SECONDS_PER_DAY);
    let ends: Vec<String> = assessment.answer.risks.iter().map(|risk| until(risk.horizon_days)).collect();
    let predictions = assessment.answer.risks.iter().zip(&ends).map(|(risk, until)| Prediction {
        outcome: &risk.phenotype,
        title: title(model, &risk.phenotype),
        snomed: phenotypes.snomed(&risk.phenotype),
        probability: risk.risk,
        baseline: risk.baseline_risk,
        until,
        abstained: assessment.silence(risk),
    });
    let written = RiskAssessment {
        patient: &assessment.patient,
        as_of: &moment::write(assessment.as_of),
        model: model.identity(),
        predictions: predictions.collect(),
        basis: assessment.basis.iter().map(|source| format!("{}/{}", source.resource_type, source.id)).collect(),
        not_read: assessment.skipped.total(),
        note: NOTE,
    };
    let json = written.to_json().context("no RiskAssessment can be written for this chart")?.json;
    Ok(String::from_utf8(json)? + "\n")
}

/// What a clinician reads; the phenotype's name where the package has no title.
pub fn title<'a>(model: &'a dyn Oracle, phenotype: &'a str) -> &'a str {
    let outcome = model.outcomes().iter().find(|outcome| &*outcome.phenotype == phenotype);
    outcome.map_or(phenotype, |outcome| &outcome.title)
}
