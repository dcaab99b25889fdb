//! `fhirAuthorization`: the leave to read this patient's chart that a call brings (CDS Hooks, "FHIR resource access").

use super::CdsServer;
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::chart::Chart;
use crate::sandbox_ehr::twin::Snapshot;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Leave to read the chart from this EHR's FHIR server while the call lasts.
#[derive(Serialize)]
pub struct FhirAuthorization {
    pub access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<String>,
}

impl FhirAuthorization {
    /// For one service, and one call to it.
    pub fn give(ehr: &SandboxEhr, server: &CdsServer, chart: &Chart, desk: &Snapshot) -> Self {
        let switches = &desk.switches;
        let (scope, seconds) = (scope(chart, &switches.forbidden_types), switches.token_life_seconds);
        let life = if desk.faults.expired_access_token { 0 } else { seconds };
        let life = Duration::from_secs(life);
        let access_token = ehr.authorization.give_leave(&server.client_id, &scope, Some(&chart.id), life);
        Self {
            access_token,
            token_type: "Bearer",
            expires_in: seconds,
            scope: if switches.vendor_scope { vendor_scope() } else { scope },
            subject: server.client_id.clone(),
            patient: switches.names_patient.then(|| chart.id.to_string()),
        }
    }
}

/// The user's own rights: everything of this patient, or the types that are left.
fn scope(chart: &Chart, forbidden: &[String]) -> String {
    if forbidden.is_empty() {
        return "patient/*.rs".to_owned();
    }
    let types: BTreeSet<&str> = chart.resources.iter().map(|one| &*one.resource_type).collect();
    let left = types.into_iter().filter(|one| !forbidden.iter().any(|other| other == one));
    left.map(|one| format!("patient/{one}.rs")).collect::<Vec<_>>().join(" ")
}

/// Scopes as Epic writes them: no SMART syntax, and several KB.
fn vendor_scope() -> String {
    let types = "AdverseEvent AllergyIntolerance Appointment Binary BodyStructure CarePlan CareTeam Communication Condition Consent \
        Coverage Device DeviceRequest DiagnosticReport DocumentReference Encounter EpisodeOfCare ExplanationOfBenefit \
        FamilyMemberHistory Flag Goal Immunization List Location Media Medication MedicationAdministration MedicationDispense \
        MedicationRequest MedicationStatement NutritionOrder Observation Organization Patient Practitioner PractitionerRole \
        Procedure Questionnaire QuestionnaireResponse RelatedPerson ResearchStudy ServiceRequest Specimen Task";
    let words = types.split_whitespace().flat_map(|one| {
        [
            format!("{one}.Read (R4)"),
            format!("{one}.Search (R4)"),
            format!("EPIC.FHIR.R4.CLINICAL.{}.READ", one.to_uppercase()),
        ]
    });
    words.collect::<Vec<_>>().join(" ")
}
