//! Why the app does not open, in the log's words; what the browser is told instead is one of [`reasons`].

use super::page::feedback::FeedbackError;
use super::reasons::{self, Reason};
use crate::decision_support::assess::AssessError;
use crate::decision_support::read_back::Unread;
use crate::governance::GovernanceError;
use crate::platform::telemetry::signals::AppRefused;
use crate::prediction::predictor::AskError;
use crate::trust::smart_client::{DiscoveryError, FinishError};
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, ResponseError};

/// Why. What each displays is for the log.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("no [[ehr]] is configured")]
    Off,
    #[error("a parameter is missing, too long or there twice")]
    Request,
    #[error("`iss` is no `fhir_server` of the [[ehr]] tables")]
    UnknownEhr,
    #[error("[[ehr]] `{ehr}`: {error}")]
    Away { ehr: String, error: DiscoveryError },
    #[error("the launch is over, was finished already, or was begun by another browser or at another EHR")]
    NotBegunHere,
    #[error("[[ehr]] `{ehr}`: the EHR or its user said no")]
    Denied { ehr: String },
    #[error("[[ehr]] `{ehr}`: {error}")]
    Token { ehr: String, error: FinishError },
    #[error(
        "[[ehr]] `{ehr}`: the token response names no patient; is the app registered for `launch` and `launch/patient`?"
    )]
    NoPatient { ehr: String },
    #[error("[[ehr]] `{ehr}`: the EHR opened another patient than the card's")]
    OtherPatient { ehr: String },
    #[error("[[ehr]] `{ehr}`: the card's link was used before, is over, or is none of ours")]
    UnknownCard { ehr: String },
    #[error("the server still loads")]
    NotReady,
    #[error("{0}")]
    NotRecorded(#[from] GovernanceError),
    #[error("the browser has no session, or it is over")]
    NoSession,
    #[error("a page of another site posted")]
    FromElsewhere,
    #[error("the chart is not shown: {0}")]
    Chart(#[from] AssessError),
    #[error("the address names no resource of the open patient's chart")]
    NotInChart,
    #[error("a resource is not shown: {0}")]
    Resource(#[from] Unread),
    #[error("feedback is not taken: {0}")]
    Feedback(#[from] FeedbackError),
}

impl Refused {
    /// What the browser is told.
    fn reason(&self) -> Reason {
        match self {
            Self::Off => reasons::OFF,
            Self::Request => reasons::REQUEST,
            Self::UnknownEhr => reasons::UNKNOWN_EHR,
            Self::Away { error: DiscoveryError::Changed(_), .. } => reasons::ENDPOINT_CHANGED,
            Self::Away { .. } => reasons::EHR_AWAY,
            Self::NotBegunHere => reasons::NOT_BEGUN_HERE,
            Self::Denied { .. } => reasons::DENIED,
            Self::Token { error: FinishError::IdToken(_), .. } => reasons::ID_TOKEN,
            Self::Token { .. } => reasons::TOKEN,
            Self::NoPatient { .. } => reasons::NO_PATIENT,
            Self::OtherPatient { .. } => reasons::OTHER_PATIENT,
            Self::UnknownCard { .. } => reasons::UNKNOWN_CARD,
            Self::NotReady => reasons::NOT_READY,
            Self::NotRecorded(_) => reasons::NOT_RECORDED,
            Self::NoSession => reasons::NO_SESSION,
            Self::FromElsewhere => reasons::FROM_ELSEWHERE,
            Self::Chart(error) => of_chart(error),
            Self::NotInChart => reasons::NOT_IN_CHART,
            Self::Resource(unread) => of_resource(*unread),
            Self::Feedback(FeedbackError::Unknown) => reasons::UNKNOWN_FEEDBACK,
            Self::Feedback(FeedbackError::NotStored(_)) => reasons::NOT_STORED,
        }
    }

    /// Leads the browser to the page of the reason, away from an address with what the EHR sent in it: a page that is shown
    /// there would keep it in the address bar and in the history.
    pub fn shown_at(&self, address: &str) -> HttpResponse {
        let reason = self.told();
        HttpResponse::SeeOther().insert_header((LOCATION, format!("{address}/{}", reason.code))).finish()
    }

    /// Says it in the log and counts it.
    fn told(&self) -> Reason {
        let reason = self.reason();
        AppRefused { code: reason.code, status: reason.status.as_u16(), cause: &self.to_string() }.emit();
        reason
    }
}

fn of_chart(error: &AssessError) -> Reason {
    match error {
        AssessError::PatientNotThere | AssessError::NoPatient => reasons::PATIENT_NOT_THERE,
        AssessError::PatientForbidden => reasons::PATIENT_FORBIDDEN,
        AssessError::TokenRefused => reasons::TOKEN_REFUSED,
        AssessError::FhirServerAway | AssessError::NotFhir => reasons::FHIR_SERVER_AWAY,
        AssessError::Ask(AskError::Failed) | AssessError::Interrupted => reasons::FAULT,
        AssessError::Ask(_) | AssessError::NotRecorded(_) => reasons::BUSY,
        AssessError::Parameters(_) | AssessError::SeveralPatients | AssessError::NoState => reasons::FAULT,
    }
}

fn of_resource(unread: Unread) -> Reason {
    match unread {
        Unread::NotThere => reasons::NOT_IN_CHART,
        Unread::Forbidden => reasons::RESOURCE_FORBIDDEN,
        Unread::Refused | Unread::NoToken => reasons::TOKEN_REFUSED,
        Unread::TooLate | Unread::Unreachable | Unread::Failed | Unread::Misshapen => reasons::FHIR_SERVER_AWAY,
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.reason().status
    }

    fn error_response(&self) -> HttpResponse {
        self.told().page()
    }
}
