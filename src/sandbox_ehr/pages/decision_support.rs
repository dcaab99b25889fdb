//! What decision support said: cards as an EHR draws them, what was decided on them, how the call went.

use super::super::card::{Card, Link, is_web_address, rendered};
use super::super::decisions::{Choice, Decision};
use super::super::hook_call::{Exchange, Service};
use super::inspector::{Sent, inspector};
use maud::{Markup, html};
use serde_json::Value;
use url::form_urlencoded;

/// One service's answer to an opened chart.
pub struct Call<'a> {
    pub service: Service,
    pub sent: Sent<'a>,
    pub outcome: Result<Exchange, String>,
}

/// The answers of every service, most urgent card first.
pub fn calls(patient: &str, calls: &[Call]) -> Markup {
    html! { @for call in calls { (one(patient, call)) } }
}

fn one(patient: &str, call: &Call) -> Markup {
    html! {
        @match &call.outcome {
            Err(reason) => (failure(reason)),
            Ok(exchange) => {
                p .took {
                    strong { (title(&call.service)) } " answered in " strong { (millis(exchange.took)) }
                    @if let Some(cache) = &exchange.cache { " " span .tag { "cache " (cache) } }
                }
                @if exchange.cards.is_empty() {
                    p .empty { strong { "No cards." } " The service has nothing worth saying about this patient." }
                }
                @for card in sorted(&exchange.cards) { (drawn(patient, card)) }
            }
        }
        (inspector(&call.sent, call.outcome.as_ref().ok()))
    }
}

fn title(service: &Service) -> &str {
    service.title.as_deref().unwrap_or(&service.id)
}

fn sorted(cards: &[Card]) -> Vec<&Card> {
    let mut cards: Vec<&Card> = cards.iter().collect();
    cards.sort_by_key(|card| std::cmp::Reverse(card.indicator as u8));
    cards
}

fn drawn(patient: &str, card: &Card) -> Markup {
    let uuid = card.uuid.as_deref();
    let place = format!("decision-{}", uuid.unwrap_or_default());
    html! {
        article .card .(card.indicator.word()) {
            (card_said(card))
            p .source {
                "Source: "
                @match card.source.url.as_deref().filter(|url| is_web_address(url)) {
                    Some(url) => a href=(url) rel="noreferrer" { (card.source.label) },
                    None => (card.source.label),
                }
                @for (place, link) in card.links.iter().enumerate().filter(|(_, link)| is_web_address(&link.url)) {
                    " · " (followed(patient, uuid, place, link))
                }
            }
            @if let Some(uuid) = uuid {
                div .decide id=(place) aria-live="polite" {
                    (suggestions(patient, card, uuid, &place))
                    (dismissal(patient, card, uuid, &place))
                }
            }
        }
    }
}

/// What a card says, without anything to do about it.
pub(super) fn card_said(card: &Card) -> Markup {
    html! {
        header { span .indicator { (card.indicator.word()) } h3 { (card.summary) } }
        @if let Some(detail) = &card.detail { div .detail { (rendered(detail)) } }
    }
}

/// A link of a card: to a page as it stands; to an app by way of us, who launch it.
fn followed(patient: &str, card: Option<&str>, place: usize, link: &Link) -> Markup {
    html! {
        @match (link.is_smart(), card) {
            (false, _) => a href=(link.url) rel="noreferrer" { (link.label) },
            (true, None) => span { (link.label) " (cannot be launched: the card has no uuid)" },
            (true, Some(card)) => a href=(launched(patient, card, place)) target="_blank" rel="noopener noreferrer" {
                (link.label) " (opens an app)"
            },
        }
    }
}

fn launched(patient: &str, card: &str, place: usize) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("card", card).append_pair("link", &place.to_string());
    format!("/patients/{patient}/launch?{}", query.finish())
}

fn suggestions(patient: &str, card: &Card, uuid: &str, place: &str) -> Markup {
    html! {
        @for suggestion in &card.suggestions {
            @if let Some(id) = &suggestion.uuid {
                form method="post" action={ "/patients/" (patient) "/decisions" } data-into={ "#" (place) } {
                    input type="hidden" name="card" value=(uuid);
                    input type="hidden" name="suggestion" value=(id);
                    button .primary[suggestion.is_recommended] .suggest type="submit" { (suggestion.label) }
                }
            }
        }
    }
}

fn dismissal(patient: &str, card: &Card, uuid: &str, place: &str) -> Markup {
    html! {
        details .dismiss {
            summary { "Dismiss…" }
            form method="post" action={ "/patients/" (patient) "/decisions" } data-into={ "#" (place) } {
                input type="hidden" name="card" value=(uuid);
                fieldset {
                    legend { "Why?" }
                    @for reason in &card.override_reasons {
                        label { input type="radio" name="reason" value=(reason.code); " " (reason.display.as_deref().unwrap_or(&reason.code)) }
                    }
                    label .comment { "In your own words (no names)" input type="text" name="comment" maxlength="300"; }
                }
                button type="submit" { "Dismiss" }
            }
        }
    }
}

/// What was decided just now, with the feedback that was sent.
pub fn decision(decision: &Decision) -> Markup {
    let feedback = serde_json::to_string_pretty(&decision.feedback).unwrap_or_default();
    html! {
        div .decision {
            p { strong { (chosen(&decision.choice)) } }
            @if let Choice::Accepted(suggestion) = &decision.choice {
                @for action in &suggestion.actions {
                    p { "Draft to sign: " (action.description.as_deref().unwrap_or(&action.what)) (resource_type(action.resource.as_ref())) }
                }
            }
            @match &decision.receipt {
                Ok(receipt) => p .took {
                    "Feedback stored by the server: " span .tag { (receipt.status) } " in " (millis(receipt.took))
                },
                Err(reason) => (failure(reason)),
            }
            details {
                summary { "Feedback that was sent" }
                @if let Ok(receipt) = &decision.receipt { p { code { "POST " (receipt.url) } } }
                pre tabindex="0" { (feedback) }
            }
        }
    }
}

/// A decision made earlier, in one line.
pub fn past_decision(decision: &Decision) -> Markup {
    html! {
        time datetime=(decision.at) { (decision.at.strftime("%H:%M")) } " "
        strong { (chosen(&decision.choice)) } " " (decision.shown.card.summary)
        @if decision.receipt.is_err() { " " span .tag { "feedback not sent" } }
    }
}

fn chosen(choice: &Choice) -> String {
    match choice {
        Choice::Accepted(suggestion) => format!("Accepted: {}.", suggestion.label),
        Choice::Dismissed { reason: Some(reason), .. } => {
            format!("Dismissed: {}.", reason.display.as_deref().unwrap_or(&reason.code))
        }
        Choice::Dismissed { reason: None, .. } => "Dismissed.".to_owned(),
    }
}

fn resource_type(resource: Option<&Value>) -> Markup {
    let named = resource.and_then(|resource| resource["resourceType"].as_str());
    html! { @if let Some(named) = named { " " span .tag { (named) } } }
}

/// Something went wrong; says what.
pub fn failure(reason: &str) -> Markup {
    html! { p .failure role="alert" { strong { "That did not work." } " " (reason) } }
}

fn millis(took: std::time::Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    if millis < 10.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}
