//! Format 1 of `service.toml`: what may stand in it, and how it becomes a [`Service`].

use super::catalogue::Known;
use super::fault::nearest;
use super::pairs_v1::{PairEntry, pairs};
use super::{Mode, Offer, Service, ShownOutcome};
use crate::decision_support::prefetch::{PrefetchKey, standard};
use crate::decision_support::protocol::{Coding, Indicator, LIBRARY};
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
    pair: Vec<PairEntry>,
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
pub(super) struct OfferEntry {
    label: String,
    system: String,
    code: String,
    #[serde(default)]
    also: Vec<String>,
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
    pub(super) fn into_service(self, id: &str, text: &str, known: Known<'_>) -> Result<Service, String> {
        let hooks = hooks(self.hooks)?;
        if self.description.trim().is_empty() {
            return Err("`description` is empty; say what the service does".into());
        }
        let prefetch = prefetch(self.prefetch)?;
        if !self.outcome.is_empty() && !self.pair.is_empty() {
            return Err(
                "it has [[outcome]] and [[pair]]: make a service of each, since a pair also reads orders that \
                        are not signed"
                    .into(),
            );
        }
        let outcomes = outcomes(self.outcome, known.outcomes)?;
        let pairs = pairs(self.pair, known.pairs, &hooks)?;
        let override_reasons = self.override_reason.into_iter().map(|entry| Coding {
            system: entry.system.unwrap_or_else(|| REASONS.to_owned()),
            code: entry.code,
            display: Some(entry.display),
        });
        let has_skill = |shown: &ShownOutcome| {
            known.outcomes.iter().any(|outcome| shown.is_of(outcome) && outcome.silent.is_none())
        };
        let declared = outcomes.len() + pairs.declared;
        let unskilled = declared > 0 && !pairs.any_skill && !outcomes.iter().any(has_skill);
        let usage_requirements = self.usage_requirements.filter(|text| !text.trim().is_empty());
        Ok(Service {
            id: id.to_owned(),
            hooks,
            source_label: self.source.filter(|label| !label.trim().is_empty()).unwrap_or_else(|| "Prodrome".to_owned()),
            title: self.title,
            description: self.description,
            usage_requirements: if unskilled { Some(silenced(usage_requirements)) } else { usage_requirements },
            mode: if unskilled { Mode::Silent } else { self.mode },
            prefetch,
            outcomes,
            pairs: pairs.asked,
            override_reasons: override_reasons.collect(),
            hash: Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

/// What a service says of itself when the model package has skill at nothing that it would show.
fn silenced(usage_requirements: Option<String>) -> String {
    const SILENT: &str = "With the model package in use it stays silent: the package is no better than age and sex at \
                          anything that this service would show.";
    usage_requirements.map_or_else(|| SILENT.to_owned(), |text| format!("{text} {SILENT}"))
}

/// Distinct hook names with `patient-view` last: a public client keeps only the last entry of an id.
fn hooks(mut hooks: Vec<String>) -> Result<Vec<String>, String> {
    let is_published = |hook: &str| LIBRARY.iter().any(|(known, _)| *known == hook);
    let is_name = |hook: &str| {
        hook.len() <= 100
            && hook
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))
    };
    if hooks.is_empty() || hooks.len() > MANY {
        return Err("`hooks` is empty or too long; write for example [\"patient-view\"]".into());
    }
    if let Some(bad) = hooks.iter().find(|hook| !(is_published(hook) || hook.contains('.') && is_name(hook))) {
        let nearest = nearest(bad, LIBRARY.iter().map(|(known, _)| *known)).unwrap_or("patient-view");
        return Err(format!(
            "`hooks`: `{bad}` is neither in the library of hooks (the nearest one is `{nearest}`) nor a reverse-domain \
             name such as `com.example.ward-round`"
        ));
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
    let wording = entry.wording.unwrap_or_else(|| answered.title.clone());
    if wording.trim().is_empty() || wording.chars().count() > 60 || wording.chars().any(char::is_control) {
        return Err("`wording` must be 1 to 60 characters, to fit into a summary".into());
    }
    let suggestions = offers(entry.suggestion, "outcome")?;
    let topic = topic(entry.topic, &wording)?;
    Ok(ShownOutcome {
        phenotype: entry.phenotype,
        horizon_days: entry.horizon_days,
        threshold,
        indicator: entry.indicator,
        topic,
        wording,
        family: entry.family,
        suggestions,
    })
}

/// The suggestions of a card, at least one.
pub(super) fn offers(entries: Vec<OfferEntry>, of: &str) -> Result<Vec<Offer>, String> {
    if entries.is_empty() {
        return Err(format!("it needs a [[{of}.suggestion]]: without one an EHR cannot report a card as accepted"));
    }
    entries.into_iter().map(offer).collect()
}

fn offer(entry: OfferEntry) -> Result<Offer, String> {
    let OfferEntry { label, system, code, also, display } = entry;
    let is_code = |also: &String| !also.is_empty() && !also.contains(char::is_whitespace);
    let is_new =
        |(place, one): (usize, &String)| *one != code && !also.iter().take(place).any(|earlier| earlier == one);
    if also.len() > MANY || !also.iter().all(is_code) || !also.iter().enumerate().all(is_new) {
        return Err(format!(
            "suggestion `{label}`: `also` must be at most {MANY} other codes of its `system`, each once and without blanks"
        ));
    }
    Ok(Offer { label, code: Coding { system, code, display: Some(display) }, also })
}

/// A topic's code, which EHRs suppress overridden cards by.
pub(super) fn topic(code: String, wording: &str) -> Result<Coding, String> {
    if code.is_empty() || code.len() > 100 || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("`topic` must be 1 to 100 letters and digits: some EHRs accept no other".into());
    }
    Ok(Coding { system: TOPICS.into(), code, display: Some(wording.to_owned()) })
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
