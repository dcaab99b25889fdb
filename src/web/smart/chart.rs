//! One resource at a time from the FHIR server of a session, read with its token, which goes nowhere else.

use super::{Bearer, Refused, SmartSession};
use crate::decision_support::answer_hook::HookParts;
use crate::decision_support::read_back::{FhirBase, KeyQuery, Leave, Unread, Wanted, read_back};
use crate::platform::telemetry::signals::FhirRead;
use std::time::Instant;

/// The FHIR server of a session.
///
/// # Errors
/// Where the registered address is none that can be read from.
pub fn base(session: &SmartSession) -> Result<FhirBase, Refused> {
    FhirBase::parse(&session.launch.client.ehr.fhir_server).ok_or(Refused::UnknownEhr)
}

/// The resource at `Type/id`, as the FHIR server gives it.
///
/// # Errors
/// Why it did not come within the time that a chart has.
pub async fn resource(hooks: &HookParts, base: &FhirBase, bearer: &Bearer, address: String) -> Result<String, Unread> {
    let leave = Leave::Given { token: bearer.token.clone(), until: bearer.until };
    let query = KeyQuery { key: String::new(), query: address, after: None };
    let deadline = Instant::now() + hooks.fhir.limits.chart_patience;
    let read = read_back(&hooks.fhir, Wanted { base: base.clone(), leave, queries: vec![query] }, deadline).await;
    let document = read.into_iter().next().map_or(Err(Unread::Unreachable), |one| one.document);
    FhirRead { outcome: document.as_ref().map_or_else(|unread| unread.as_str(), |_| "read") }.emit();
    document
}
