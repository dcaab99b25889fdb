//! Why the app does not open, in a clinician's words and in the log's. The page repeats nothing of what browser or EHR sent.

use super::page::feedback::FeedbackError;
use super::pages;
use crate::decision_support::assess::AssessError;
use crate::governance::GovernanceError;
use crate::platform::telemetry::signals::AppRefused;
use crate::prediction::predictor::AskError;
use crate::trust::smart_client::{DiscoveryError, FinishError};
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
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
    #[error("feedback is not taken: {0}")]
    Feedback(#[from] FeedbackError),
}

impl Refused {
    /// Status, and a stable word for logs and metrics.
    fn row(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Off => (StatusCode::NOT_FOUND, "off"),
            Self::Request => (StatusCode::BAD_REQUEST, "request"),
            Self::UnknownEhr => (StatusCode::FORBIDDEN, "unknown-ehr"),
            Self::Away { error: DiscoveryError::Changed(_), .. } => (StatusCode::BAD_GATEWAY, "endpoint-changed"),
            Self::Away { .. } => (StatusCode::BAD_GATEWAY, "ehr-away"),
            Self::NotBegunHere => (StatusCode::BAD_REQUEST, "not-begun-here"),
            Self::Denied { .. } => (StatusCode::FORBIDDEN, "denied"),
            Self::Token { error: FinishError::IdToken(_), .. } => (StatusCode::BAD_GATEWAY, "id-token"),
            Self::Token { .. } => (StatusCode::BAD_GATEWAY, "token"),
            Self::NoPatient { .. } => (StatusCode::BAD_GATEWAY, "no-patient"),
            Self::OtherPatient { .. } => (StatusCode::FORBIDDEN, "other-patient"),
            Self::UnknownCard { .. } => (StatusCode::FORBIDDEN, "unknown-card"),
            Self::NotReady => (StatusCode::SERVICE_UNAVAILABLE, "not-ready"),
            Self::NotRecorded(_) => (StatusCode::SERVICE_UNAVAILABLE, "not-recorded"),
            Self::NoSession => (StatusCode::FORBIDDEN, "no-session"),
            Self::FromElsewhere => (StatusCode::FORBIDDEN, "from-elsewhere"),
            Self::Chart(error) => chart_row(error),
            Self::Feedback(FeedbackError::Unknown) => (StatusCode::BAD_REQUEST, "unknown-feedback"),
            Self::Feedback(FeedbackError::NotStored(_)) => (StatusCode::SERVICE_UNAVAILABLE, "not-recorded"),
        }
    }

    /// What the page says: a title, and what to do.
    fn words(&self) -> (&'static str, &'static str) {
        const AGAIN: &str = "Go back to the EHR and open the app again.";
        match self {
            Self::Off => ("Nothing is here", "This server is not set up as an app of any EHR."),
            Self::Request => ("This link is not whole", AGAIN),
            Self::UnknownEhr => {
                ("This EHR is not known", "The app opens only from EHRs that this server's operators registered.")
            }
            Self::Away { error: DiscoveryError::Changed(_), .. } => (
                "The EHR has changed",
                "It names other addresses for signing in than it did before. The app stays closed until this server's \
                 operators have looked into it.",
            ),
            Self::Away { .. } | Self::Token { .. } => (
                "The EHR gave no usable answer",
                "Try again in a moment. If it stays so, tell this server's operators; the log has the cause.",
            ),
            Self::NotBegunHere => ("This launch is over", AGAIN),
            Self::Denied { .. } => ("The EHR did not let the app in", AGAIN),
            Self::NoPatient { .. } => ("No patient is open", "Choose a patient in the EHR, then open the app again."),
            Self::OtherPatient { .. } => (
                "Another patient is open",
                "The card that you followed is about another patient than the one open in the EHR, so nothing of it is \
                 shown. Open the right chart and follow its card.",
            ),
            Self::UnknownCard { .. } => (
                "This card's link was used already",
                "A card's link opens once, and only while the card is current. Open the chart again for new cards, or \
                 open the app without a card.",
            ),
            Self::NotReady | Self::NotRecorded(_) => ("Not yet ready", "Try again in a moment."),
            Self::NoSession => {
                ("No patient is open here", "The session has ended or was never begun. Open the app from the EHR.")
            }
            Self::FromElsewhere => ("Not from here", "This form belongs to another site."),
            Self::Chart(AssessError::PatientNotThere) => {
                ("No such patient", "The EHR has no chart under this patient's id.")
            }
            Self::Chart(AssessError::PatientForbidden) => (
                "The EHR does not show this patient",
                "It does not let the app read this chart. Open the app again from the EHR.",
            ),
            Self::Chart(_) => (
                "The chart cannot be shown now",
                "It could not be read, or not assessed. Load this page again in a moment.",
            ),
            Self::Feedback(FeedbackError::Unknown) => {
                ("Not understood", "Load the patient's page again before you give feedback.")
            }
            Self::Feedback(FeedbackError::NotStored(_)) => ("Not stored", "Try again in a moment."),
        }
    }
}

fn chart_row(error: &AssessError) -> (StatusCode, &'static str) {
    match error {
        AssessError::PatientNotThere | AssessError::NoPatient => (StatusCode::NOT_FOUND, "patient-not-there"),
        AssessError::PatientForbidden => (StatusCode::FORBIDDEN, "patient-forbidden"),
        AssessError::FhirServerAway | AssessError::NotFhir => (StatusCode::BAD_GATEWAY, "fhir-server-away"),
        AssessError::Ask(AskError::Failed) | AssessError::Interrupted => (StatusCode::INTERNAL_SERVER_ERROR, "fault"),
        AssessError::Ask(_) | AssessError::NotRecorded(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        AssessError::Parameters(_) | AssessError::SeveralPatients | AssessError::NoState => {
            (StatusCode::INTERNAL_SERVER_ERROR, "fault")
        }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        self.row().0
    }

    fn error_response(&self) -> HttpResponse {
        let ((status, code), (title, text)) = (self.row(), self.words());
        AppRefused { code, status: status.as_u16(), cause: &self.to_string() }.emit();
        HttpResponse::build(status).content_type(ContentType::html()).body(pages::refusal(title, text).0)
    }
}
