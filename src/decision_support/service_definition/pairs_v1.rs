//! The `[[pair]]` tables of format 1: what a service shows on days that ask a question of their own.
//!
//! Refuses a pair whose occasion none of the service's hooks can be, and words that do not fit into a summary.

use super::ShownPair;
use super::fault::nearest;
use super::format_v1::{OfferEntry, offers, topic};
use crate::decision_support::protocol::Indicator;
use crate::prediction::occasion::OccasionRule;
use crate::prediction::pairs::KnownPair;
use serde::Deserialize;

/// Characters that a summary has for `group` and `wording` together.
const MOST_WORDS: usize = 58;
/// Longest note that is offered for an order.
const LONGEST_NOTE: usize = 500;
/// The hooks that bring orders which are being written.
const ORDER_HOOKS: [&str; 4] = ["order-select", "order-sign", "order-review", "medication-prescribe"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairEntry {
    pair: String,
    threshold: Option<f64>,
    indicator: Indicator,
    topic: String,
    group: String,
    wording: String,
    family: Option<String>,
    note: Option<String>,
    suggestion: Vec<OfferEntry>,
}

/// The pairs of a definition.
#[derive(Default)]
pub(super) struct Pairs {
    /// Those that the model knows: each is asked about when its occasion comes.
    pub asked: Vec<ShownPair>,
    /// Whether the model has skill at one of them.
    pub any_skill: bool,
    pub declared: usize,
}

/// Checks the pairs of a definition. A package that was made before there were pairs knows none: then nothing is asked.
pub(super) fn pairs(entries: Vec<PairEntry>, known: &[KnownPair], hooks: &[String]) -> Result<Pairs, String> {
    let mut pairs = Pairs { declared: entries.len(), ..Pairs::default() };
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        let name = entry.pair.clone();
        let fail = |why: String| format!("pair `{name}`: {why}");
        if names.contains(&name) {
            return Err(fail("it stands twice; a service shows at most one card for it".into()));
        }
        names.push(name.clone());
        let Some(answered) = find(&name, known).map_err(fail)? else { continue };
        pairs.any_skill |= answered.fitted.silent.is_none();
        pairs.asked.push(pair(entry, answered, hooks).map_err(fail)?);
    }
    Ok(pairs)
}

fn find<'a>(name: &str, known: &'a [KnownPair]) -> Result<Option<&'a KnownPair>, String> {
    let found = known.iter().find(|pair| *pair.name == *name);
    match (found, nearest(name, known.iter().map(|pair| &*pair.name))) {
        (None, Some(nearest)) => Err(format!("the model does not answer it; the nearest one is `{nearest}`")),
        (found, _) => Ok(found),
    }
}

fn pair(entry: PairEntry, answered: &KnownPair, hooks: &[String]) -> Result<ShownPair, String> {
    check_hooks(answered, hooks)?;
    let threshold = entry.threshold.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&threshold) {
        return Err("`threshold` must lie between 0 and 1".into());
    }
    let characters = entry.group.chars().count() + entry.wording.chars().count();
    let is_text = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
    if !is_text(&entry.group) || !is_text(&entry.wording) || characters > MOST_WORDS {
        return Err(format!(
            "`group` and `wording` must be 1 to {MOST_WORDS} characters together, to fit into a summary"
        ));
    }
    if entry.note.as_ref().is_some_and(|note| !is_text(note) || note.chars().count() > LONGEST_NOTE) {
        return Err(format!("`note` must be 1 to {LONGEST_NOTE} characters"));
    }
    if entry.note.is_some() && answered.rule == OccasionRule::Discharge {
        return Err("`note` is for the order that starts a drug, and a discharge has none".into());
    }
    Ok(ShownPair {
        pair: answered.name.clone(),
        occasion: answered.occasion.clone(),
        threshold,
        indicator: entry.indicator,
        topic: topic(entry.topic, &entry.wording)?,
        group: entry.group,
        wording: entry.wording,
        family: entry.family,
        note: entry.note,
        suggestions: offers(entry.suggestion, "pair")?,
    })
}

/// A pair that no hook can ask about would never be shown.
fn check_hooks(answered: &KnownPair, hooks: &[String]) -> Result<(), String> {
    let (what, asked_at): (_, &[&str]) = match answered.rule {
        OccasionRule::Discharge => ("a discharge", &["encounter-discharge"]),
        OccasionRule::MedicationStart => ("an order", &ORDER_HOOKS),
    };
    match hooks.iter().any(|hook| asked_at.contains(&hook.as_str())) {
        true => Ok(()),
        false => Err(format!("it begins with {what}, which none of `hooks` is; add `{}`", asked_at[0])),
    }
}
