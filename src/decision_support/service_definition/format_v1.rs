//! Format 1 of `service.toml`: what may stand in it, and how it becomes a [`Service`].

use super::fault::nearest;
use super::{Mode, Offer, Service, ShownOutcome};
use crate::decision_support::prefetch::{PrefetchKey, standard};
use crate::decision_support::protocol::{Coding, Indicator};
use crate::prediction::model::Outcome;
use crate::prediction::phenotype::Group;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use toml::Spanned;

/// Code system of this project's topics.
const TOPICS: &str = "https://prodrome.org/topics";
/// HL7's reasons not to follow advice (CDS Hooks 3.0), the default system of override reasons.
const REASONS: &str = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes";
/// Most hooks, outcomes or templates that one service may declare.
const MANY: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Definition {
    pub format: u32,
    hooks: Vec<String>,
    #[serde(default)]
    title: String,
    description: String,
    usage_requirements: Option<String>,
    #[serde(default = "live")]
    mode: Mode,
    source: Option<String>,
    #[serde(default)]
    prefetch: BTreeMap<String, Spanned<PrefetchEntry>>,
    #[serde(default)]
    outcome: Vec<OutcomeEntry>,
    #[serde(default)]
    override_reason: Vec<ReasonEntry>,
}

fn live() -> Mode {
    Mode::Live
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrefetchEntry {
    template: Option<String>,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeEntry {
    phenotype: String,
    horizon_days: u32,
    threshold: Option<f64>,
    indicator: Indicator,
    topic: String,
    wording: Option<String>,
    family: Option<String>,
    suggestion: Vec<OfferEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfferEntry {
    label: String,
    system: String,
    code: String,
    display: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonEntry {
    system: Option<String>,
    code: String,
    display: String,
}

impl Definition {
    /// Checks everything that a shape cannot say. `known` is what the model answers.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub(super) fn into_service(self, id: &str, text: &str, known: &[Outcome]) -> Result<Service, String> {
        let hooks = hooks(self.hooks)?;
        if self.description.trim().is_empty() {
            return Err("`description` is empty; say what the service does".into());
        }
        let prefetch = prefetch(self.prefetch)?;
        let outcomes = outcomes(self.outcome, known)?;
        let override_reasons = self.override_reason.into_iter().map(|entry| Coding {
            system: entry.system.unwrap_or_else(|| REASONS.to_owned()),
            code: entry.code,
            display: Some(entry.display),
        });
        Ok(Service {
            id: id.to_owned(),
            hooks,
            source_label: self.source.filter(|label| !label.trim().is_empty()).unwrap_or_else(|| "Prodrome".to_owned()),
            title: self.title,
            description: self.description,
            usage_requirements: self.usage_requirements.filter(|text| !text.trim().is_empty()),
            mode: self.mode,
            prefetch,
            outcomes,
            override_reasons: override_reasons.collect(),
            hash: Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

/// Distinct hook names with `patient-view` last: a public client keeps only the last entry of an id.
fn hooks(mut hooks: Vec<String>) -> Result<Vec<String>, String> {
    let is_name = |hook: &String| {
        !hook.is_empty() && hook.len() <= 100 && hook.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    if hooks.is_empty() || hooks.len() > MANY {
        return Err("`hooks` is empty or too long; write for example [\"patient-view\"]".into());
    }
    if let Some(bad) = hooks.iter().find(|hook| !is_name(hook)) {
        return Err(format!("`hooks`: `{bad}` is no hook name"));
    }
    if let Some((_, twice)) = hooks.iter().enumerate().find(|(at, hook)| hooks.iter().take(*at).any(|h| h == *hook)) {
        return Err(format!("`hooks`: `{twice}` stands twice"));
    }
    hooks.sort_by_key(|hook| hook == "patient-view");
    Ok(hooks)
}

/// The declared keys as written, since later templates may build on earlier ones; none declared: everything
/// that the timeline reads.
fn prefetch(declared: BTreeMap<String, Spanned<PrefetchEntry>>) -> Result<Vec<PrefetchKey>, String> {
    if declared.is_empty() {
        return Ok(standard());
    }
    let mut declared: Vec<_> = declared.into_iter().collect();
    declared.sort_by_key(|(_, entry)| entry.span().start);
    let mut keys = Vec::new();
    for (key, entry) in declared.into_iter().map(|(key, entry)| (key, entry.into_inner())) {
        let fail = |why: String| format!("`prefetch.{key}`: {why}");
        let named = || standard().into_iter().find(|known| known.key == key).map(|known| known.template);
        let template = entry.template.or_else(named).ok_or_else(|| fail("`template` is missing".into()))?;
        let declared = PrefetchKey { key: key.clone(), template, required: entry.required };
        declared.check().map_err(|error| fail(error.to_string()))?;
        keys.push(declared);
    }
    Ok(keys)
}

fn outcomes(entries: Vec<OutcomeEntry>, known: &[Outcome]) -> Result<Vec<ShownOutcome>, String> {
    let mut shown: Vec<ShownOutcome> = Vec::new();
    for entry in entries {
        let name = entry.phenotype.clone();
        if shown.iter().any(|earlier| earlier.phenotype == name) {
            return Err(format!("outcome `{name}` stands twice; a service shows at most one card for it"));
        }
        shown.push(outcome(entry, known).map_err(|why| format!("outcome `{name}`: {why}"))?);
    }
    Ok(shown)
}

fn outcome(entry: OutcomeEntry, known: &[Outcome]) -> Result<ShownOutcome, String> {
    let answered = find_outcome(&entry, known)?;
    if !matches!(answered.group, Group::Disease | Group::Utilisation) {
        return Err("it can never be shown: only diseases and use of care are, on which a clinician can act".into());
    }
    let threshold = entry.threshold.unwrap_or(answered.alert_threshold);
    if !(0.0..=1.0).contains(&threshold) {
        return Err("`threshold` must lie between 0 and 1".into());
    }
    if entry.topic.is_empty() || entry.topic.len() > 100 || !entry.topic.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err("`topic` must be 1 to 100 letters and digits: some EHRs accept no other".into());
    }
    let wording = entry.wording.unwrap_or_else(|| answered.title.clone());
    if wording.trim().is_empty() || wording.chars().count() > 60 || wording.chars().any(char::is_control) {
        return Err("`wording` must be 1 to 60 characters, to fit into a summary".into());
    }
    if entry.suggestion.is_empty() {
        return Err("it needs a [[outcome.suggestion]]: without one an EHR cannot report a card as accepted".into());
    }
    let suggestions = entry.suggestion.into_iter().map(|offer| Offer {
        label: offer.label,
        code: Coding { system: offer.system, code: offer.code, display: Some(offer.display) },
    });
    let topic = Coding { system: TOPICS.into(), code: entry.topic, display: Some(wording.clone()) };
    Ok(ShownOutcome {
        phenotype: entry.phenotype,
        horizon_days: entry.horizon_days,
        threshold,
        indicator: entry.indicator,
        topic,
        wording,
        family: entry.family,
        suggestions: suggestions.collect(),
    })
}

fn find_outcome<'a>(entry: &OutcomeEntry, known: &'a [Outcome]) -> Result<&'a Outcome, String> {
    let named: Vec<&Outcome> = known.iter().filter(|outcome| *outcome.phenotype == *entry.phenotype).collect();
    if named.is_empty() {
        let nearest = nearest(&entry.phenotype, known.iter().map(|outcome| &*outcome.phenotype));
        return Err(format!("the model does not answer it; the nearest one is `{}`", nearest.unwrap_or("none")));
    }
    named.iter().find(|outcome| outcome.horizon_days == entry.horizon_days).copied().ok_or_else(|| {
        let horizons: Vec<String> = named.iter().map(|outcome| outcome.horizon_days.to_string()).collect();
        format!("`horizon_days` must be {}", horizons.join(" or "))
    })
}
