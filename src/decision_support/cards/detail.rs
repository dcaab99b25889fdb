//! The card's long text, in GitHub-flavoured markdown without HTML.

use super::compose::CardFacts;
use super::wording::{date, horizon, left_out, moves, percent, plain, with_interval};
use crate::decision_support::service_definition::ShownOutcome;
use crate::patient_record::timeline::{Event, SkipReason, Value};
use crate::prediction::answer::{Abstention, Reason, Reasons, Risk};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Reasons on a card.
const MOST_REASONS: usize = 5;

/// Risks by horizon beside the average, what moved them, what was not read, and what this is not.
pub(super) fn detail(facts: &CardFacts<'_>, shown: &ShownOutcome, risk: &Risk) -> String {
    let mut text = table(facts, shown);
    let same = |reasons: &&Reasons| reasons.phenotype == risk.phenotype && reasons.horizon_days == risk.horizon_days;
    let found = facts.answer.reasons.iter().find(same).map(|found| found.reasons.as_slice()).unwrap_or_default();
    text.push_str(&reasons(facts, risk, found));
    text.push_str(&not_read(facts));
    let _ = write!(
        text,
        "Estimated for {} by {} from {} in this record. The model was trained on **synthetic data** only. \
         What moved the estimate is association, not effect: changing it need not change the risk.",
        date(facts.as_of),
        facts.model,
        counted(facts.chart.events_read)
    );
    text
}

pub(super) fn counted(events: usize) -> String {
    if events == 1 { "1 event".into() } else { format!("{events} events") }
}

fn table(facts: &CardFacts<'_>, shown: &ShownOutcome) -> String {
    let mut text = format!("**Risk of {}**\n\n", plain(&shown.wording));
    let mut sure = false;
    text.push_str("| Within | This patient | Average, same age and sex |\n|---|---|---|\n");
    for risk in facts.answer.risks.iter().filter(|risk| *risk.phenotype == *shown.phenotype) {
        let row = [horizon(risk.horizon_days), with_interval(risk), percent(risk.baseline_risk)];
        let no_skill = if risk.abstained == Some(Abstention::NoSkill) { " (no better than age and sex)" } else { "" };
        let _ = writeln!(text, "| {}{no_skill} | {} | {} |", row[0], row[1], row[2]);
        sure |= risk.interval.is_some();
    }
    if sure {
        text.push_str("\nIn brackets: where the risk would lie had other patients calibrated it (95 %).\n");
    }
    text.push('\n');
    text
}

/// What moved a risk most, as the model found.
pub(super) fn reasons(facts: &CardFacts<'_>, risk: &Risk, found: &[Reason]) -> String {
    let worth = |reason: &&Reason| moves(risk.risk, reason.risk_without);
    let lines: Vec<String> =
        found.iter().filter(worth).filter_map(|reason| line(facts, risk, reason)).take(MOST_REASONS).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("What moved the estimate for {} most:\n\n{}\n\n", horizon(risk.horizon_days), lines.join("\n"))
}

/// `- Creatinine, on 33 days, last 1.42 mg/dL on 2018-05-01: raises the estimate (without it 12 %)`
fn line(facts: &CardFacts<'_>, risk: &Risk, reason: &Reason) -> Option<String> {
    let event: &Event = facts.event(reason.event)?;
    let source = facts.timeline.source(event);
    // What the risk would be without an order that is being written reads like advice, which it is not.
    if facts.orders.iter().any(|order| order.source == *source) {
        return None;
    }
    let name = match event.code.display.trim() {
        "" => plain(&event.code.code),
        display => plain(display),
    };
    let when = match measured(&event.value) {
        Some(value) => format!("{value} on {}", date(event.known.saturating_add(event.clinical_offset))),
        None => date(event.known.saturating_add(event.clinical_offset)),
    };
    let when = match reason.occurrences {
        0 | 1 => when,
        days => format!("on {days} days, last {when}"),
    };
    let direction = if reason.risk_without < risk.risk { "raises" } else { "lowers" };
    let without = percent(reason.risk_without);
    Some(format!("- {name}, {when}: {direction} the estimate (without it {without})"))
}

/// A measured value as a clinician reads it, to three digits. A pure number is left out: percentages are kept as
/// shares, and 0.071 for an HbA1c would only puzzle.
fn measured(value: &Value) -> Option<String> {
    let Value::Quantity { value, unit, .. } = value else { return None };
    if &**unit == "1" || unit.is_empty() || !value.is_finite() {
        return None;
    }
    let digits = if *value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i64).clamp(0, 6) as usize };
    Some(format!("{value:.digits$} {}", plain(unit)))
}

/// What was not sent, and what was sent but not used: nobody may take it for absent. Resources of a type that is never read
/// are told where the service asks for them; what else an EHR sends along changes nothing, not even these words.
pub(super) fn not_read(facts: &CardFacts<'_>) -> String {
    let mut text = String::new();
    if !facts.unread.is_empty() {
        let keys: Vec<String> = facts.unread.iter().map(|key| format!("`{}`", key.replace('`', ""))).collect();
        let _ = write!(text, "Not sent, or not whole: {}.\n\n", keys.join(", "));
    }
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let asked = |name: &str| facts.asked.iter().any(|key| key.resource_type() == Some(name));
    for ((resource_type, reason), count) in &facts.timeline.skipped.0 {
        if *reason == SkipReason::TypeNotRead && !asked(resource_type) {
            continue;
        }
        if let Some(words) = left_out(*reason) {
            *counts.entry(words).or_default() += count;
        }
    }
    if !counts.is_empty() {
        let counts: Vec<String> = counts.iter().map(|(words, count)| format!("{count} {words}")).collect();
        let _ = write!(text, "Sent but not read: {}.\n\n", counts.join(", "));
    }
    text
}
