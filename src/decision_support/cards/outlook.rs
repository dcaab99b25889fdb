//! Cards of pairs: what happened to patients like this one after such a day. Association, never effect.
//!
//! Owns which pairs become cards, their words, and the change of an order that goes with a suggestion: a note, and
//! nothing else of it.

use super::choose::MOST_CARDS;
use super::compose::{CardFacts, assessment, source, suggestion};
use super::detail::{counted, not_read, reasons};
use super::wording::{date, horizon, percent, plain, with_interval};
use crate::decision_support::occasions::Begun;
use crate::decision_support::protocol::{Action, Card, SelectionBehavior, Suggestion};
use crate::decision_support::service_definition::{Service, ShownPair};
use crate::patient_record::timeline::UnsignedOrder;
use crate::prediction::answer::PairRisk;
use serde_json::{Value, json};
use std::fmt::Write;

/// A pair to show.
#[derive(Clone, Copy)]
struct Shown<'a> {
    shown: &'a ShownPair,
    said: &'a PairRisk,
    begun: Begun,
}

/// The cards of the pairs asked about: at or above their thresholds and not silent, furthest above first, one of each
/// family, at most [`MOST_CARDS`].
pub(super) fn compose(service: &Service, facts: &CardFacts<'_>) -> Vec<Card> {
    choose(service, facts).into_iter().map(|shown| card(service, facts, shown)).collect()
}

fn choose<'a>(service: &'a Service, facts: &CardFacts<'a>) -> Vec<Shown<'a>> {
    let find = |begun: &Begun| {
        let shown = service.pairs.get(begun.pair)?;
        let said = facts.answer.pairs.iter().find(|said| said.pair == shown.pair)?;
        let speaks = said.risk.abstained.is_none() && said.risk.risk >= shown.threshold;
        speaks.then_some(Shown { shown, said, begun: *begun })
    };
    let mut candidates: Vec<Shown<'a>> = facts.begun.iter().filter_map(find).collect();
    let excess = |one: &Shown<'_>| one.said.risk.risk / one.shown.threshold.max(1e-9);
    candidates.sort_by(|a, b| excess(b).total_cmp(&excess(a)));
    let mut chosen: Vec<Shown<'a>> = Vec::new();
    for one in candidates {
        let family = &one.shown.family;
        let is_first = family.is_none() || chosen.iter().all(|earlier| earlier.shown.family != *family);
        if chosen.len() < MOST_CARDS && is_first {
            chosen.push(one);
        }
    }
    chosen
}

fn card(service: &Service, facts: &CardFacts<'_>, one: Shown<'_>) -> Card {
    let Shown { shown, said, begun } = one;
    let order = begun.order.and_then(|index| facts.orders.get(index));
    let offers = shown.suggestions.iter().enumerate();
    let mut suggestions: Vec<Suggestion> =
        offers.map(|(number, offer)| suggestion(facts, &shown.pair, number, offer)).collect();
    let noted = shown.note.as_deref().zip(order).and_then(|(note, order)| noted(order, note));
    if let (Some(action), Some(first)) = (noted, suggestions.first_mut()) {
        first.actions.push(action);
    }
    let mut extension = assessment(facts, &said.risk);
    for figures in extension.values_mut().filter_map(Value::as_object_mut) {
        figures.insert("occasion".into(), shown.occasion.as_str().into());
    }
    Card {
        uuid: facts.seed.uuid(&format!("card/{}", shown.pair)),
        summary: summary(shown, said),
        detail: Some(detail(service, facts, one)),
        indicator: shown.indicator,
        source: source(service, facts, &shown.topic),
        suggestions,
        selection_behavior: Some(SelectionBehavior::Any),
        override_reasons: service.override_reasons.clone(),
        links: Vec::new(),
        extension,
    }
}

/// Fewer than 140 characters, since `group` and `wording` have at most 58 together.
fn summary(shown: &ShownPair, said: &PairRisk) -> String {
    format!(
        "Patients like this {}: {} {} within {} (average for age and sex: {})",
        shown.group,
        percent(said.risk.risk),
        shown.wording,
        horizon(said.risk.horizon_days),
        percent(said.risk.baseline_risk)
    )
}

fn detail(service: &Service, facts: &CardFacts<'_>, Shown { shown, said, begun }: Shown<'_>) -> String {
    let risk = &said.risk;
    let group = plain(&shown.group);
    let mut text = format!(
        "**Patients like this {group}: how many {}**\n\n| Within | Like this patient | Same age and sex, {group} |\n\
         |---|---|---|\n| {} | {} | {} |\n\n",
        plain(&shown.wording),
        horizon(risk.horizon_days),
        with_interval(risk),
        percent(risk.baseline_risk)
    );
    if risk.interval.is_some() {
        text.push_str("In brackets: where the share would lie had other patients calibrated it (95 %).\n\n");
    }
    text.push_str(&reasons(facts, risk, &said.reasons));
    if begun.order.is_some() && earlier_orders_unread(service, facts) {
        text.push_str("Earlier orders were not sent, or not whole: this may be a renewal and no start.\n\n");
    }
    text.push_str(&not_read(facts));
    let cause =
        if begun.order.is_some() { "the drug, or from the reason for which it is given" } else { "the illness" };
    let _ = write!(
        text,
        "Estimated for {} by {} from {} in this record. The model was trained on **synthetic data** only. This is \
         association, not effect: what follows may come from {cause}, and acting otherwise need not change the risk.",
        date(facts.as_of),
        facts.model,
        counted(facts.chart.events_read)
    );
    text
}

fn earlier_orders_unread(service: &Service, facts: &CardFacts<'_>) -> bool {
    let mut orders = service.prefetch.iter().filter(|key| key.resource_type() == Some("MedicationRequest"));
    orders.any(|key| facts.unread.contains(&key.key))
}

/// The order as sent with one note more. `None` where it has no id to be found by, or notes of a shape that FHIR does
/// not have.
fn noted(order: &UnsignedOrder, note: &str) -> Option<Action> {
    let mut resource: Value = serde_json::from_str(&order.json).ok()?;
    resource.get("id")?.as_str().filter(|id| !id.is_empty())?;
    let notes = resource.as_object_mut()?.entry("note").or_insert_with(|| json!([]));
    notes.as_array_mut()?.push(json!({ "text": note }));
    Some(Action { kind: "update".into(), description: format!("Note on the order: {note}"), resource })
}
