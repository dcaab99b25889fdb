//! Every address of the server for programs, told once: what is sent, what comes back, by what right, and why it is
//! refused, in rows of the one table of errors.

use super::operations::Operation;
use crate::web::error_table::{self as table, Row};
use std::collections::BTreeMap;

/// One address.
pub struct Address {
    pub method: &'static str,
    pub path: &'static str,
    pub summary: &'static str,
    pub sent: Option<Sent>,
    /// What comes back: a FHIR type, `text`, `HTML`, or the name of something in JSON.
    pub answer: &'static str,
    pub token: Token,
    pub refused: &'static [&'static [Row]],
}

/// What is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The Parameters of an operation.
    Parameters(Operation),
    /// A Bundle of operations.
    Batch,
    HookCall,
    Feedback,
}

/// By what right it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    None,
    /// A SMART access token with one of these scopes.
    Access(&'static [&'static str]),
    /// The JWT of a CDS client.
    Hook,
}

const RISK: Token = Token::Access(&["patient/RiskAssessment.r", "user/RiskAssessment.r", "system/RiskAssessment.r"]);
const STATE: Token = Token::Access(&["patient/*.r", "user/*.r", "system/*.r"]);

const BODY: &[Row] =
    &[table::BROKEN_BODY, table::SLOW_BODY, table::TOO_LARGE, table::MEDIA_TYPE, table::CONTENT_ENCODING];
const ACCESS: &[Row] = &[table::INVALID_TOKEN, table::INSUFFICIENT_SCOPE, table::OTHER_PATIENT, table::TOKEN_UNDECIDED];
const CHART: &[Row] = &[
    table::WRONG_PARAMETER,
    table::CHART_NOT_FHIR,
    table::WHICH_PATIENT,
    table::PATIENT_FORBIDDEN,
    table::PATIENT_NOT_THERE,
    table::FHIR_SERVER_AWAY,
];
const BATCH: &[Row] = &[table::NOT_A_BATCH, table::TOO_MANY_ENTRIES];
const CALL: &[Row] = &[
    table::INVALID_REQUEST,
    table::HOOK_NOT_SERVED,
    table::PREFETCH_NOT_FHIR,
    table::DATA_MISSING,
    table::UNAUTHORIZED,
    table::UNKNOWN_SERVICE,
    table::TOKEN_NOT_RECORDED,
];
const FEEDBACK: &[Row] =
    &[table::INVALID_REQUEST, table::UNAUTHORIZED, table::UNKNOWN_SERVICE, table::TOKEN_NOT_RECORDED];
const MODEL: &[Row] = &[table::BUSY, table::TOO_LATE, table::STOPPING, table::MODEL_FAILED];
const STATELESS: &[Row] = &[table::NO_STATE];
const LIST: &[Row] = &[table::UNAUTHORIZED, table::NOT_READY];
const READY: &[Row] = &[table::NOT_READY, table::DATABASE_AWAY];
const WRITTEN: &[Row] = &[table::NOT_READY, table::DATABASE_AWAY, table::NOT_RECORDED, table::PANIC];
const NAMED: &[Row] = &[table::UNKNOWN_ROUTE];
const CALLED: &[&[Row]] = &[CALL, BODY, MODEL, WRITTEN];
const TOLD: &[&[Row]] = &[FEEDBACK, BODY, WRITTEN];

const fn read(
    path: &'static str,
    summary: &'static str,
    answer: &'static str,
    refused: &'static [&'static [Row]],
) -> Address {
    Address { method: "get", path, summary, sent: None, answer, token: Token::None, refused }
}

const fn operation(
    path: &'static str,
    summary: &'static str,
    (sent, answer): (Sent, &'static str),
    token: Token,
    refused: &'static [&'static [Row]],
) -> Address {
    Address { method: "post", path, summary, sent: Some(sent), answer, token, refused }
}

const fn call(path: &'static str, summary: &'static str) -> Address {
    operation(path, summary, (Sent::HookCall, "CDS Hooks response"), Token::Hook, CALLED)
}

const fn feedback(path: &'static str, summary: &'static str) -> Address {
    operation(path, summary, (Sent::Feedback, "nothing"), Token::Hook, TOLD)
}

/// All of them.
pub const ADDRESSES: [Address; 18] = [
    operation(
        "/fhir/$assess-risk",
        "Risks of one chart as of one moment",
        (Sent::Parameters(Operation::AssessRisk), "Bundle"),
        RISK,
        &[CHART, ACCESS, BODY, MODEL, WRITTEN],
    ),
    operation(
        "/fhir/$embed",
        "The model's state of one chart, as a vector",
        (Sent::Parameters(Operation::Embed), "Parameters"),
        STATE,
        &[CHART, ACCESS, BODY, STATELESS, MODEL, WRITTEN],
    ),
    operation(
        "/fhir",
        "A batch of operations, each answered with a status of its own",
        (Sent::Batch, "Bundle"),
        RISK,
        &[BATCH, ACCESS, BODY, WRITTEN],
    ),
    read("/fhir/metadata", "What the API offers", "CapabilityStatement", &[]),
    read(
        "/fhir/OperationDefinition/{code}",
        "One operation: assess-risk or embed, with the codes of all outcomes",
        "OperationDefinition",
        &[NAMED],
    ),
    read("/fhir/.well-known/smart-configuration", "Where access tokens are had", "JSON", &[NAMED]),
    read("/cds-services", "CDS Hooks 2.0: the services", "JSON", &[LIST]),
    call("/cds-services/{id}", "CDS Hooks 2.0: one call, answered with cards"),
    feedback("/cds-services/{id}/feedback", "CDS Hooks 2.0: what was done with cards"),
    read("/v3/cds-services", "CDS Hooks 3.0: the services", "JSON", &[LIST]),
    call("/v3/cds-services/{id}", "CDS Hooks 3.0: one call, answered with cards"),
    feedback("/v3/cds-services/{id}/feedback", "CDS Hooks 3.0: what was done with cards"),
    read("/.well-known/jwks.json", "Public halves of our own keys", "JWK Set", &[NAMED]),
    read("/healthz", "Alive", "text", &[]),
    read("/readyz", "Ready: model and database are loaded", "text", &[READY]),
    read("/metrics", "Prometheus metrics", "text", &[]),
    read("/openapi.json", "This list as OpenAPI 3.1", "OpenAPI", &[]),
    read("/docs", "This list as a page", "HTML", &[]),
];

impl Address {
    /// The parts of the path that stand for something.
    pub fn places(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }

    /// Why it is refused, by status.
    pub fn refusals(&self) -> BTreeMap<u16, Vec<&'static Row>> {
        let mut refusals = BTreeMap::<_, Vec<_>>::new();
        for row in self.refused.iter().copied().flatten() {
            refusals.entry(row.status.as_u16()).or_default().push(row);
        }
        refusals
    }
}
