//! What the clinician says of an outcome: useful, or not and why. It ends where the feedback on cards does.

use super::standing::Standing;
use super::{Drawn, frame};
use crate::decision_support::assess::PAGE_SERVICE;
use crate::decision_support::protocol::Coding;
use crate::decision_support::service_definition::Catalogue;
use crate::governance::GovernanceError;
use crate::governance::feedback::{Feedback, FeedbackEntry, FeedbackOutcome, FeedbackTaken};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;

/// Where forms are sent.
pub const ADDRESS: &str = "/smart/feedback";

/// A form as sent. Whoever holds the session has checked by then that it comes from a page of it.
#[derive(Debug, Deserialize)]
pub struct FeedbackForm {
    /// [`super::PageContext::form_token`]
    pub token: Option<String>,
    pub card: Uuid,
    pub service: String,
    pub outcome: Said,
    /// A code of the service's override reasons; empty: none given.
    #[serde(default)]
    pub reason: String,
}

/// Which button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    Useful,
    NotUseful,
}

/// Why a form is not taken. Holds no part of it.
#[derive(Debug, thiserror::Error)]
pub enum FeedbackError {
    /// 400
    #[error("the form names a service or a reason that this server does not know: load the page again")]
    Unknown,
    /// 503
    #[error("the feedback could not be stored: try again shortly")]
    NotStored(#[from] GovernanceError),
}

/// The form of one outcome; of that which a card led to, it is feedback on that card.
pub(super) fn form(drawn: &Drawn<'_>, standing: &Standing<'_>) -> Markup {
    let Some((service, _)) = standing.shown_by else { return html! {} };
    let phenotype = &standing.outcome.phenotype;
    let launched = drawn.context.card.as_ref().filter(|card| card.phenotype.as_deref() == Some(&**phenotype));
    let (card, of) = match launched {
        Some(card) => (card.uuid, card.service.as_str()),
        None => (drawn.course.now.card(phenotype), PAGE_SERVICE),
    };
    controls(drawn, &standing.outcome.title, (card, of), &service.override_reasons)
}

/// The form of the card that led here, where it is not known which outcome it was about.
pub(super) fn of_launch_card(drawn: &Drawn<'_>) -> Markup {
    let card = drawn.context.card.as_ref().filter(|card| card.phenotype.is_none());
    let Some((card, service)) = card.and_then(|card| Some((card, drawn.catalogue.find(&card.service)?))) else {
        return html! {};
    };
    html! {
        div .panel .launched {
            p { "This page was opened from a card of " strong { (service.title) } "." }
            (controls(drawn, "the card that led here", (card.uuid, &card.service), &service.override_reasons))
        }
    }
}

fn controls(drawn: &Drawn<'_>, on: &str, (card, service): (Uuid, &str), reasons: &[Coding]) -> Markup {
    html! {
        form .feedback method="post" action=(ADDRESS) aria-label={ "Feedback on " (on) } {
            @if let Some(token) = &drawn.context.form_token { input type="hidden" name="token" value=(token); }
            input type="hidden" name="card" value=(card);
            input type="hidden" name="service" value=(service);
            button type="submit" name="outcome" value="useful" { "Useful" }
            label { span .hidden { "Why not useful" }
                select name="reason" {
                    option value="" { "Reason, if not useful" }
                    @for reason in reasons {
                        option value=(reason.code) { (reason.display.as_deref().unwrap_or(&reason.code)) }
                    }
                }
            }
            button type="submit" name="outcome" value="not-useful" { "Not useful" }
            span .said role="status" {}
        }
    }
}

/// Stores a form whose session was checked. `client`: the issuer of the session's EHR.
///
/// # Errors
/// [`FeedbackError::Unknown`] where it names what this installation does not have.
pub async fn take(
    store: &Feedback,
    catalogue: &Catalogue,
    client: Option<&str>,
    now: Timestamp,
    form: &FeedbackForm,
) -> Result<FeedbackTaken, FeedbackError> {
    let known = form.service == PAGE_SERVICE || catalogue.find(&form.service).is_some();
    if !known {
        return Err(FeedbackError::Unknown);
    }
    let override_reason = match (form.outcome, form.reason.as_str()) {
        (Said::Useful, _) | (_, "") => None,
        (Said::NotUseful, code) => {
            let mut all = catalogue.services().iter().flat_map(|service| &service.override_reasons);
            let reason = all.find(|reason| reason.code == code).ok_or(FeedbackError::Unknown)?;
            Some((reason.system.clone(), reason.code.clone()))
        }
    };
    let entry = FeedbackEntry {
        card: form.card,
        outcome: match form.outcome {
            Said::Useful => FeedbackOutcome::Accepted,
            Said::NotUseful => FeedbackOutcome::Overridden,
        },
        accepted_suggestions: Vec::new(),
        override_reason,
        has_comment: false,
        outcome_at_millisecond: now.as_millisecond(),
    };
    Ok(store.record(&form.service, client, now, vec![entry]).await?)
}

/// What the clinician sees after a form; `back`: where the page is.
pub fn thanks(said: Said, back: &str) -> Markup {
    let words = match said {
        Said::Useful => "Noted as useful.",
        Said::NotUseful => "Noted as not useful.",
    };
    frame::frame(
        "Feedback",
        &html! {
            section .panel { p #said { (words) } p { a href=(back) { "Back to the page" } } }
        },
    )
}
