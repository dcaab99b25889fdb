//! What was not read, which is not absent, and which tests would help, as far as the record shows when they were last done.

use super::standing::{Place, Standing};
use super::timeline::day_of;
use super::{Drawn, wording};
use crate::decision_support::cards::wording::{date, left_out};
use crate::decision_support::protocol::Coding;
use crate::decision_support::service_definition::Offer;
use crate::patient_record::terminology::CodeSystem;
use crate::patient_record::timeline::{Event, Kind, Second, Timeline};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

pub fn missing(drawn: &Drawn<'_>) -> Markup {
    let not_used = not_used(&drawn.course.timeline);
    let unread = &drawn.course.now.unread;
    html! {
        section .panel aria-labelledby="missing-title" {
            h2 #missing-title { "Not read, and what would help" }
            @if unread.is_empty() && not_used.is_empty() {
                p { "Everything that the FHIR server gave was read." }
            }
            @if !unread.is_empty() {
                p .unread { strong { "Not read: " } (wording::kinds(unread)) ". The FHIR server did not give them, or not whole; whether the patient has any is not known." }
            }
            @if !not_used.is_empty() {
                p { "Given, but not used: "
                    @for (place, (words, (count, types))) in not_used.iter().enumerate() {
                        @if place > 0 { "; " }
                        (count) " " (words) " (" (types.iter().copied().collect::<Vec<_>>().join(", ")) ")"
                    }
                    "."
                }
            }
            (tests(drawn))
        }
    }
}

type NotUsed = BTreeMap<&'static str, (u32, BTreeSet<&'static str>)>;

/// Resources that were left out, by reason, with their types.
fn not_used(timeline: &Timeline) -> NotUsed {
    let mut counts = NotUsed::new();
    for ((resource_type, reason), count) in &timeline.skipped.0 {
        if let Some(words) = left_out(*reason) {
            let (sum, types) = counts.entry(words).or_default();
            *sum += count;
            types.insert(fhir_fence::resource_type(resource_type).unwrap_or("unknown type"));
        }
    }
    counts
}

/// Tests that the live services suggest for outcomes that stand out.
fn tests(drawn: &Drawn<'_>) -> Markup {
    let out = drawn.standings.iter().filter(|one| one.place == Place::StandsOut);
    let mut codes = BTreeSet::new();
    let offers = out.filter_map(|one: &Standing<'_>| one.shown_by).flat_map(|(_, shown)| &shown.suggestions);
    let offers: Vec<&Offer> = offers.filter(|offer| codes.insert((&offer.code.system, &offer.code.code))).collect();
    html! {
        @if !offers.is_empty() {
            h3 { "Would help to judge what stands out" }
            ul .tests {
                @for offer in offers { li { (test(offer, drawn)) } }
            }
        }
    }
}

fn test(offer: &Offer, drawn: &Drawn<'_>) -> Markup {
    let Coding { system, code, display } = &offer.code;
    html! {
        (display.as_deref().unwrap_or(&offer.label)) ": " span .quiet {
            @match last_done(&drawn.course.timeline, drawn.course.now.as_of, offer) {
                Some(event) => {
                    "last on " (date(event.known.saturating_add(event.clinical_offset)))
                    @if let Some(value) = wording::value(event) { ", " (value) }
                    @if *event.code.code != **code {
                        ", under " (wording::code_in_system(system, &wording::words(&event.code.code)))
                    }
                },
                None => {
                    "nothing under " (wording::code_in_system(system, code))
                    @if !offer.also.is_empty() { " or other codes of the same measurement" }
                    " in what was read"
                },
            }
        }
    }
}

/// The last result of what is ordered, under any code of the measurement. Orders and plans are no results.
fn last_done<'a>(timeline: &'a Timeline, as_of: Second, offer: &Offer) -> Option<&'a Event> {
    let system = CodeSystem::from_uri(&offer.code.system);
    let done = |kind| !matches!(kind, Kind::Order | Kind::CarePlan | Kind::Note);
    let events = timeline.known_at(as_of).iter().filter(|event| done(event.kind));
    let same = events.filter(|event| event.code.system == system && offer.is_measured_by(&event.code.code));
    same.max_by_key(|event| day_of(event))
}
