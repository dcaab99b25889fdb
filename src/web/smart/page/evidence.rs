//! What moved an estimate: facts of this record, each with its mark in the picture and its resource.

use super::standing::Standing;
use super::timeline::{Mark, day_of, lane_of};
use super::{PageContext, wording};
use crate::decision_support::assess::{AssessedRisk, Evidence};
use crate::decision_support::cards::wording::{date, moves, percent};
use crate::decision_support::protocol::is_fhir_id;
use crate::patient_record::timeline::Timeline;
use maud::{Markup, html};

/// Facts that are listed for one outcome.
const MOST: usize = 5;

/// The facts worth a line, the strongest first.
fn worth(risk: &AssessedRisk) -> impl Iterator<Item = &Evidence> {
    let changes = |one: &&Evidence| moves(risk.risk.risk, one.risk_without);
    risk.evidence.iter().filter(changes).take(MOST)
}

/// A mark for every fact that a list below shows, once.
pub fn marks(standings: &[Standing<'_>], timeline: &Timeline) -> Vec<Mark> {
    let shown = standings.iter().filter_map(Standing::main).flat_map(worth);
    let mark = |one: &Evidence| {
        let event = timeline.events.get(one.event)?;
        Some(Mark { event: one.event, day: day_of(event), lane: lane_of(event.kind) })
    };
    let mut marks: Vec<Mark> = shown.filter_map(mark).collect();
    marks.sort_by_key(|mark| mark.event);
    marks.dedup();
    marks
}

/// The list of one risk; says so where nothing was looked for.
pub fn list(risk: &AssessedRisk, timeline: &Timeline, context: &PageContext) -> Markup {
    let found: Vec<&Evidence> = worth(risk).collect();
    html! {
        @if found.is_empty() {
            p .quiet {
                @if risk.evidence.is_empty() { "Evidence is looked for above the alert threshold only." }
                @else { "No single fact of the record changes the estimate." }
            }
        } @else {
            h4 { "What moved the estimate most" }
            ol .evidence { @for one in found { (item(one, risk, timeline, context)) } }
            p .quiet { "Association, not effect: changing it need not change the risk." }
        }
    }
}

fn item(one: &Evidence, risk: &AssessedRisk, timeline: &Timeline, context: &PageContext) -> Markup {
    let raises = one.risk_without < risk.risk.risk;
    let event = timeline.events.get(one.event);
    html! {
        li data-mark={ "mark-" (one.event) } {
            a .fact href={ "#mark-" (one.event) } { (wording::words(&one.what)) }
            @if let Some(value) = event.and_then(wording::value) { " " strong { (value) } }
            " " span .quiet {
                time datetime=(date(one.when)) { (date(one.when)) }
                @if one.occurrences > 1 { ", the last of " (one.occurrences) }
            }
            br;
            span .effect {
                (if raises { "raises" } else { "lowers" }) " the estimate; without it " (percent(one.risk_without))
            }
            " · " (resource(one, context))
        }
    }
}

/// The resource: a link where resources are shown and it has an id that can be one.
fn resource(one: &Evidence, context: &PageContext) -> Markup {
    let source = &one.source;
    html! {
        @if !is_fhir_id(&source.id) {
            span .quiet { (source.resource_type) " without an id" }
        } @else if let Some(at) = &context.resources_at {
            a .resource href={ (at) "/" (source.resource_type) "/" (source.id) } {
                (source.resource_type) "/" (source.id)
            }
        } @else {
            code { (source.resource_type) "/" (source.id) }
        }
    }
}
