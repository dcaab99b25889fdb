//! What decision support said: cards as an EHR draws them, what was decided on them, how the call went.

use super::super::card::{Card, Link, is_web_address, rendered};
use super::super::decisions::{Choice, Decision, Told};
use super::super::hook_call::{Call, Round, Service};
use super::inspector::{Sent, inspector};
use maud::{Markup, html};
use serde_json::Value;
use url::form_urlencoded;

/// What the answers are drawn for.
pub struct Drawing<'a> {
    pub patient: &'a str,
    pub page_base: &'a str,
    /// The rest of the address of a ready-made `patient-view` request, where that is what was sent.
    pub ready_made: Option<&'a str>,
    /// Reasons of the house.
    pub own_reasons: &'a [String],
}

/// The answers of every service, most urgent card first.
pub fn calls(drawing: &Drawing, round: &Round) -> Markup {
    html! {
        @for problem in &round.problems { (failure(problem)) }
        @if round.calls.is_empty() && round.problems.is_empty() {
            p .empty { strong { "Nobody was called." } " No service wants to know of this, or this EHR does not fire the hook." }
        }
        (jumps(round))
        @for call in &round.calls { (one(drawing, call, first_card(round))) }
    }
}

/// The cards of a round, as they are drawn.
fn cards(round: &Round) -> impl Iterator<Item = &Card> {
    round.calls.iter().filter_map(|call| call.outcome.as_ref().ok()).flat_map(|exchange| sorted(&exchange.cards))
}

/// The card that is drawn in full; the others are folded.
fn first_card(round: &Round) -> Option<&str> {
    cards(round).next().map(|card| &*card.key)
}

/// How many cards there are, and the way to each, since all but the first may be out of sight.
fn jumps(round: &Round) -> Markup {
    let cards: Vec<&Card> = cards(round).collect();
    html! {
        @if cards.len() > 1 {
            nav .jumps aria-label="Cards" {
                strong { (cards.len()) " cards" }
                ol { @for card in cards { li { a href={ "#card-" (card.key) } { (card.summary) } } } }
            }
        }
    }
}

fn one(drawing: &Drawing, call: &Call, first: Option<&str>) -> Markup {
    let exchange = call.outcome.as_ref().ok();
    let ready_made = match (drawing.ready_made, exchange) {
        (Some(rest), _) => format!(
            "{}/patients/{}/patient-view.json?service={}{rest}",
            drawing.page_base, drawing.patient, call.service.id
        ),
        (None, Some(exchange)) => format!("{}/control/exchanges/{}/body", drawing.page_base, exchange.number),
        (None, None) => format!("{}/exchanges", drawing.page_base),
    };
    let sent = Sent { url: &call.url, body: &call.body, prefetch: &call.prefetch, ready_made };
    html! {
        @match &call.outcome {
            Err(reason) => (failure(reason)),
            Ok(exchange) => {
                p .took {
                    strong { (title(&call.service)) } " answered in " strong { (millis(exchange.took)) }
                    @if let Some(cache) = &exchange.cache { " " span .tag { "cache " (cache) } }
                }
                @if exchange.cards.is_empty() {
                    p .empty {
                        strong { "No cards came back." }
                        @if names_drug_without_code(&call.body) { " A drug without a code may not be recognised." }
                    }
                }
                @for problem in &exchange.problems { p .note { (problem) } }
                @for card in sorted(&exchange.cards) { (drawn(drawing, card, first == Some(&*card.key))) }
                @for change in &call.applied { p .note { "Changed by the service: " (change.action) " " code { (change.reference) } } }
            }
        }
        (inspector(&sent, exchange))
    }
}

/// Whether a request is about a drug that only words name.
fn names_drug_without_code(body: &str) -> bool {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    let bundles = ["draftOrders", "medications"].map(|name| request["context"][name]["entry"].as_array().cloned());
    bundles.into_iter().flatten().flatten().any(|entry| {
        let order = &entry["resource"];
        let coded = order["medicationReference"].is_object()
            || order["medicationCodeableConcept"]["coding"].as_array().is_some_and(|codes| !codes.is_empty());
        order["resourceType"] == "MedicationRequest" && !coded
    })
}

fn title(service: &Service) -> &str {
    service.title.as_deref().unwrap_or(&service.id)
}

fn sorted(cards: &[Card]) -> Vec<&Card> {
    let mut cards: Vec<&Card> = cards.iter().collect();
    cards.sort_by_key(|card| std::cmp::Reverse(card.indicator as u8));
    cards
}

/// A card with what can be done about it; one that is not `open` has its detail folded.
fn drawn(drawing: &Drawing, card: &Card, open: bool) -> Markup {
    let (patient, key) = (drawing.patient, &*card.key);
    let place = decision_place(card);
    html! {
        article .card .(card.indicator.word()) id={ "card-" (key) } {
            @if open { (card_said(card)) } @else { (card_folded(card)) }
            p .source {
                "Source: "
                @match card.source.url.as_deref().filter(|url| is_web_address(url)) {
                    Some(url) => a href=(url) rel="noreferrer" { (card.source.label) },
                    None => (card.source.label),
                }
                @for (place, link) in card.links.iter().enumerate().filter(|(_, link)| is_web_address(&link.url)) {
                    " · " (followed(patient, key, place, link))
                }
            }
            div .decide id=(place) aria-live="polite" {
                (suggestions(patient, card, &place))
                (dismissal(drawing, card, &place))
            }
        }
    }
}

/// What a card says, without anything to do about it.
pub(super) fn card_said(card: &Card) -> Markup {
    html! { (card_head(card)) (card_detail(card)) }
}

/// The same with the detail to be opened.
fn card_folded(card: &Card) -> Markup {
    html! {
        (card_head(card))
        @if card.detail.is_some() { details .more { summary { "What it says" } (card_detail(card)) } }
    }
}

fn card_head(card: &Card) -> Markup {
    html! { header { span .indicator { (card.indicator.word()) } h3 { (card.summary) } } }
}

fn card_detail(card: &Card) -> Markup {
    html! {
        @match (&card.detail, card.plain_detail) {
            (Some(detail), true) => div .detail .plain { (detail) },
            (Some(detail), false) => div .detail { (rendered(detail)) },
            (None, _) => {}
        }
    }
}

/// A link of a card: to a page as it stands; to an app by way of us, who launch it.
fn followed(patient: &str, card: &str, place: usize, link: &Link) -> Markup {
    html! {
        @match (link.is_smart(), link.listed) {
            (_, false) => span .unlisted { (link.label) " (not opened: this EHR does not know its address)" },
            (false, true) => a href=(link.url) rel="noreferrer" { (link.label) },
            (true, true) => a href=(launched(patient, card, place)) target="_blank" rel="noopener noreferrer" {
                (link.label) " (opens an app)"
            },
        }
        @if link.opens_at_once { " " span .tag { "opens at once" } }
    }
}

fn launched(patient: &str, card: &str, place: usize) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("card", card).append_pair("link", &place.to_string());
    format!("/patients/{patient}/launch?{}", query.finish())
}

/// The id of the place where a card is decided on.
fn decision_place(card: &Card) -> String {
    format!("decision-{}", card.key)
}

fn suggestions(patient: &str, card: &Card, place: &str) -> Markup {
    html! {
        @for (number, suggestion) in card.suggestions.iter().enumerate().filter(|(_, suggestion)| !suggestion.taken) {
            @let name = suggestion.uuid.clone().unwrap_or_else(|| number.to_string());
            form method="post" action={ "/patients/" (patient) "/decisions" } data-into={ "#" (place) } {
                input type="hidden" name="card" value=(card.key);
                input type="hidden" name="suggestion" value=(name);
                button .suggest .primary[suggestion.is_recommended] type="submit" { (suggestion.label) }
            }
        }
    }
}

fn dismissal(drawing: &Drawing, card: &Card, place: &str) -> Markup {
    html! {
        details .dismiss {
            summary { "Dismiss…" }
            form method="post" action={ "/patients/" (drawing.patient) "/decisions" } data-into={ "#" (place) } {
                input type="hidden" name="card" value=(card.key);
                fieldset {
                    legend { "Why?" }
                    @for reason in &card.override_reasons {
                        label { input type="radio" name="reason" value=(reason.code); " " (reason.display.as_deref().unwrap_or(&reason.code)) }
                    }
                    @for reason in drawing.own_reasons {
                        label { input type="radio" name="reason" value=(reason); " " (reason) }
                    }
                    label .comment { "In your own words (no names)" input type="text" name="comment" maxlength="300"; }
                }
                button type="submit" { "Dismiss" }
            }
        }
    }
}

/// What was decided just now, and what of the card may still be accepted.
pub fn decision_and_rest(decision: &Decision, rest: Option<&Card>) -> Markup {
    html! {
        (self::decision(decision))
        @if let Some(card) = rest {
            p { "More of this card:" }
            (suggestions(&decision.shown.patient, card, &decision_place(card)))
        }
    }
}

/// What was decided just now, with the feedback that was sent.
fn decision(decision: &Decision) -> Markup {
    let feedback = decision.feedback.as_ref().map(|entry| serde_json::to_string_pretty(entry).unwrap_or_default());
    html! {
        div .decision {
            p { strong { (chosen(&decision.choice)) } }
            @if let Choice::Accepted(suggestion, _) = &decision.choice {
                @for action in &suggestion.actions {
                    p { "Draft to sign: " (action.description.as_deref().unwrap_or(&action.what)) (resource_type(action.resource.as_ref())) }
                }
            }
            @match &decision.told {
                Told::Stored(receipt) => p .took {
                    "Feedback stored by the server: " span .tag { (receipt.status) } " in " (millis(receipt.took))
                },
                Told::Failed(reason) => (failure(reason)),
                Told::Waits => p .took { "Feedback waits for its batch." },
                Told::Nobody => p .took { "Nobody is told: the card, or the suggestion, has no uuid." },
            }
            @if let Some(feedback) = feedback {
                details {
                    summary { "Feedback that was sent" }
                    @if let Told::Stored(receipt) = &decision.told { p { code { "POST " (receipt.url) } } }
                    pre tabindex="0" { (feedback) }
                }
            }
        }
    }
}

/// A decision made earlier, in one line.
pub fn past_decision(decision: &Decision) -> Markup {
    html! {
        time datetime=(decision.at) { (decision.at.strftime("%H:%M")) } " "
        strong { (chosen(&decision.choice)) } " " (decision.shown.card.summary)
        @if matches!(decision.told, Told::Failed(_)) { " " span .tag { "feedback not sent" } }
    }
}

fn chosen(choice: &Choice) -> String {
    match choice {
        Choice::Accepted(suggestion, _) => format!("Accepted: {}.", suggestion.label),
        Choice::Dismissed(Some(reason)) => {
            format!("Dismissed: {}.", reason.display.as_deref().unwrap_or(&reason.code))
        }
        Choice::Dismissed(None) => "Dismissed.".to_owned(),
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
