//! `POST /cds-services/{id}/feedback`: what clinicians did with cards.

use crate::decision_support::protocol::{self, Coding, OverrideReason, Reaction, read_feedback};
use crate::decision_support::repair::{Repair, Repairs};
use crate::governance::feedback::{FeedbackEntry, FeedbackOutcome};
use crate::platform::clock;
use crate::platform::telemetry::signals::FeedbackStored;
use crate::web::body::JsonBody;
use crate::web::credentials::Caller;
use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

/// Most entries of one batch; an EHR sends a handful.
const MOST_ENTRIES: usize = 1_000;

/// Stores a batch, whole or not at all, before it answers. A card of someone else is stored as unknown, so that
/// the answer tells nothing about which cards exist.
pub async fn feedback(
    state: Data<State>,
    caller: Caller,
    id: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let parts = state.parts()?;
    let service = parts.hooks.catalogue.find(&id).ok_or(Problem::UnknownService)?;
    let batch = read_feedback(&body.0)?;
    if batch.len() > MOST_ENTRIES {
        return Err(Problem::TooLarge);
    }
    let mut repairs = Repairs::default();
    for _ in batch.iter().filter(|feedback| feedback.vendor_spelling) {
        repairs.count(Repair::FeedbackSpelling);
    }
    let entries = batch.len();
    let batch = batch.into_iter().map(entry).collect();
    let taken = parts.feedback.record(&service.id, caller.issuer.as_deref(), clock::now(), batch).await?;
    let (stored, unknown_cards) = (taken.stored, taken.unknown_cards);
    FeedbackStored { service: &service.id, entries, stored, unknown_cards }.emit();
    repairs.report(caller.name.as_deref());
    Ok(HttpResponse::Ok().finish())
}

fn entry(feedback: protocol::Feedback) -> FeedbackEntry {
    let (outcome, accepted_suggestions, reason) = match feedback.reaction {
        Reaction::Accepted { suggestions } => (FeedbackOutcome::Accepted, suggestions, None),
        Reaction::Overridden { reason } => (FeedbackOutcome::Overridden, Vec::new(), reason),
    };
    let has_comment = reason.as_ref().is_some_and(|reason| reason.commented);
    FeedbackEntry {
        card: feedback.card,
        outcome,
        accepted_suggestions,
        override_reason: reason.and_then(|OverrideReason { coding, .. }| coding).map(storable),
        has_comment,
        outcome_at_millisecond: feedback.at_millisecond,
    }
}

/// System and code as they may be stored: a client that puts a clinician's words where a code belongs is not
/// kept word by word.
fn storable(coding: Coding) -> (String, String) {
    let keep = |text: String, most: usize| {
        let is_code = text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_code { text } else { "(not a code)".to_string() }
    };
    (keep(coding.system, 256), keep(coding.code, 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_place_of_a_code_are_not_kept() {
        let coding = |code: &str| Coding { system: "http://x.org".into(), code: code.into(), display: None };
        assert_eq!(storable(coding("limited-time")), ("http://x.org".into(), "limited-time".into()));
        assert_eq!(storable(coding("Mrs Lindqvist declined")).1, "(not a code)");
    }
}
