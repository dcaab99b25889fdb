//! Why the app does not open, as a clinician is told, and `GET /smart/refused/{reason}`: the same at an address of its own.
//!
//! Each reason has one fixed page. Nothing of what browser or EHR sent is on it or in its address, so that an address with a
//! code in it can be left for it.

use super::pages;
use crate::web::problem::Problem;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::Path;

/// One reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The stable word for logs, metrics and the page's address.
    pub code: &'static str,
    pub status: StatusCode,
    title: &'static str,
    /// What to do.
    text: &'static str,
}

const AGAIN: &str = "Go back to the EHR and open the app again.";
const IN_A_MOMENT: &str = "Try again in a moment.";
const NO_USABLE_ANSWER: (&str, &str) = (
    "The EHR gave no usable answer",
    "Try again in a moment. If it stays so, tell this server's operators; the log has the cause.",
);
const CANNOT_BE_SHOWN: (&str, &str) =
    ("The chart cannot be shown now", "It could not be read, or not assessed. Load this page again in a moment.");

const fn reason(status: StatusCode, code: &'static str, (title, text): (&'static str, &'static str)) -> Reason {
    Reason { code, status, title, text }
}

pub const OFF: Reason =
    reason(StatusCode::NOT_FOUND, "off", ("Nothing is here", "This server is not set up as an app of any EHR."));
pub const REQUEST: Reason = reason(StatusCode::BAD_REQUEST, "request", ("This link is not whole", AGAIN));
pub const UNKNOWN_EHR: Reason = reason(
    StatusCode::FORBIDDEN,
    "unknown-ehr",
    ("This EHR is not known", "The app opens only from EHRs that this server's operators registered."),
);
pub const ENDPOINT_CHANGED: Reason = reason(
    StatusCode::BAD_GATEWAY,
    "endpoint-changed",
    (
        "The EHR has changed",
        "It names other addresses for signing in than it did before. The app stays closed until this server's operators \
         have looked into it.",
    ),
);
pub const EHR_AWAY: Reason = reason(StatusCode::BAD_GATEWAY, "ehr-away", NO_USABLE_ANSWER);
pub const NOT_BEGUN_HERE: Reason = reason(StatusCode::BAD_REQUEST, "not-begun-here", ("This launch is over", AGAIN));
pub const DENIED: Reason = reason(StatusCode::FORBIDDEN, "denied", ("The EHR did not let the app in", AGAIN));
pub const ID_TOKEN: Reason = reason(StatusCode::BAD_GATEWAY, "id-token", NO_USABLE_ANSWER);
pub const TOKEN: Reason = reason(StatusCode::BAD_GATEWAY, "token", NO_USABLE_ANSWER);
pub const NO_PATIENT: Reason = reason(
    StatusCode::BAD_GATEWAY,
    "no-patient",
    ("No patient is open", "Choose a patient in the EHR, then open the app again."),
);
pub const OTHER_PATIENT: Reason = reason(
    StatusCode::FORBIDDEN,
    "other-patient",
    (
        "Another patient is open",
        "The card that you followed is about another patient than the one open in the EHR, so nothing of it is shown. Open \
         the right chart and follow its card.",
    ),
);
pub const UNKNOWN_CARD: Reason = reason(
    StatusCode::FORBIDDEN,
    "unknown-card",
    (
        "This card's link was used already",
        "A card's link opens once, and only while the card is current. Open the chart again for new cards, or open the app \
         without a card.",
    ),
);
pub const NOT_READY: Reason = reason(StatusCode::SERVICE_UNAVAILABLE, "not-ready", ("Not yet ready", IN_A_MOMENT));
pub const NOT_RECORDED: Reason =
    reason(StatusCode::SERVICE_UNAVAILABLE, "not-recorded", ("Not yet ready", IN_A_MOMENT));
pub const NO_SESSION: Reason = reason(
    StatusCode::FORBIDDEN,
    "no-session",
    ("No patient is open here", "The session has ended or was never begun. Open the app from the EHR."),
);
pub const FROM_ELSEWHERE: Reason =
    reason(StatusCode::FORBIDDEN, "from-elsewhere", ("Not from here", "This form belongs to another site."));
pub const PATIENT_NOT_THERE: Reason = reason(
    StatusCode::NOT_FOUND,
    "patient-not-there",
    ("No such patient", "The EHR has no chart under this patient's id."),
);
pub const PATIENT_FORBIDDEN: Reason = reason(
    StatusCode::FORBIDDEN,
    "patient-forbidden",
    ("The EHR does not show this patient", "It does not let the app read this chart. Open the app again from the EHR."),
);
pub const NOT_IN_CHART: Reason = reason(
    StatusCode::NOT_FOUND,
    "not-in-chart",
    ("Not in this chart", "The EHR has no such entry in the chart of the patient that is open here."),
);
pub const RESOURCE_FORBIDDEN: Reason = reason(
    StatusCode::FORBIDDEN,
    "resource-forbidden",
    ("The EHR does not show this entry", "It does not let the app read entries of this kind one by one."),
);
pub const TOKEN_REFUSED: Reason = reason(
    StatusCode::FORBIDDEN,
    "token-refused",
    ("The EHR has ended the app's leave", "It lets nothing more be read. Open the app again from the EHR."),
);
pub const FHIR_SERVER_AWAY: Reason = reason(StatusCode::BAD_GATEWAY, "fhir-server-away", CANNOT_BE_SHOWN);
pub const BUSY: Reason = reason(StatusCode::SERVICE_UNAVAILABLE, "busy", CANNOT_BE_SHOWN);
pub const FAULT: Reason = reason(StatusCode::INTERNAL_SERVER_ERROR, "fault", CANNOT_BE_SHOWN);
pub const UNKNOWN_FEEDBACK: Reason = reason(
    StatusCode::BAD_REQUEST,
    "unknown-feedback",
    ("Not understood", "Load the patient's page again before you give feedback."),
);
pub const NOT_STORED: Reason = reason(StatusCode::SERVICE_UNAVAILABLE, "not-recorded", ("Not stored", IN_A_MOMENT));

/// Those in which a launch can end on its way back from the EHR.
pub const ON_THE_WAY_BACK: [Reason; 10] = [
    REQUEST,
    NOT_BEGUN_HERE,
    DENIED,
    ID_TOKEN,
    TOKEN,
    NO_PATIENT,
    OTHER_PATIENT,
    UNKNOWN_CARD,
    NOT_READY,
    NOT_RECORDED,
];

impl Reason {
    /// Its page.
    pub fn page(&self) -> HttpResponse {
        let page = pages::refusal(self.title, self.text);
        HttpResponse::build(self.status).content_type(ContentType::html()).body(page.0)
    }
}

/// The page of a launch that ended on its way back.
pub async fn page(code: Path<String>) -> Result<HttpResponse, Problem> {
    let reason = ON_THE_WAY_BACK.iter().find(|reason| reason.code == *code);
    Ok(reason.ok_or(Problem::UnknownRoute)?.page())
}
