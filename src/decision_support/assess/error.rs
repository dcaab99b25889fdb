//! Why a chart is not assessed, each reason with the status that it becomes.

use super::request::ParameterError;
use crate::governance::GovernanceError;
use crate::prediction::predictor::AskError;

/// Why a chart is not assessed. Holds no part of the request.
#[derive(Debug, thiserror::Error)]
pub enum AssessError {
    /// 400
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// 400
    #[error("`chart` is no FHIR Bundle that can be read")]
    NotFhir,
    /// 400
    #[error("`chart` holds no Patient with this id")]
    NoPatient,
    /// 400
    #[error("`chart` holds several patients: say which one by `patient`")]
    SeveralPatients,
    /// 404
    #[error("the FHIR server has no such patient")]
    PatientNotThere,
    /// 403
    #[error("the FHIR server does not let this token read the patient")]
    PatientForbidden,
    /// 403
    #[error("the FHIR server does not take this token, or not any more")]
    TokenRefused,
    /// 502
    #[error("the FHIR server did not give the patient")]
    FhirServerAway,
    /// 501
    #[error("the model of this server has no state to give")]
    NoState,
    /// 503, but 500 for [`AskError::Failed`]
    #[error(transparent)]
    Ask(#[from] AskError),
    /// 503
    #[error("the call could not be recorded, so it was not answered")]
    NotRecorded(#[from] GovernanceError),
    /// 500
    #[error("reading the chart failed because of a fault in this server")]
    Interrupted,
}
