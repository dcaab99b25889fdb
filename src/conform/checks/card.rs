//! Every card of the run, member by member.

use super::{Check, answers, has_text, list, seen};
use crate::conform::bench::Bench;
use crate::conform::exchange::Exchange;
use crate::conform::verdict::Findings;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    name: "card",
    items: &[
        "CH-160", "CH-161", "CH-162", "CH-163", "CH-165", "CH-166", "CH-167", "CH-168", "CH-169", "CH-170", "CH-171",
        "CH-172", "CH-173",
    ],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for exchange in answers(bench) {
        for card in exchange.cards() {
            outline(&exchange.name, card, findings);
            source(&exchange.name, &card["source"], findings);
            name(&exchange.name, card, findings);
            choice(&exchange.name, card, findings);
        }
    }
    instances(bench, findings);
    source_of_patients(bench, findings);
}

fn outline(request: &str, card: &Value, findings: &mut Findings) {
    let length = card["summary"].as_str().map_or(0, |summary| summary.trim().chars().count());
    findings.judge("CH-160", request, (1..140).contains(&length), "1 to 139 characters", seen(card, "summary"));
    let known = matches!(card["indicator"].as_str(), Some("info" | "warning" | "critical"));
    findings.judge("CH-161", request, known, "info, warning or critical", seen(card, "indicator"));
    if let Some(detail) = card.get("detail") {
        let text = detail.as_str();
        let is_narrative = text
            .is_some_and(|text| text.trim_start().starts_with("<div") || text.contains("http://www.w3.org/1999/xhtml"));
        let told = if is_narrative { "an XHTML narrative".to_owned() } else { seen(card, "detail") };
        findings.judge("CH-167", request, text.is_some() && !is_narrative, "Markdown", told);
    }
}

fn source(request: &str, source: &Value, findings: &mut Findings) {
    findings.judge("CH-162", request, has_text(source, "label"), "a source with a label", seen(source, "label"));
    for member in ["url", "icon"].into_iter().filter(|member| source.get(member).is_some()) {
        let absolute = source[member].as_str().is_some_and(is_absolute);
        findings.judge("CH-163", request, absolute, "an absolute URL", format!("{member} that is none"));
    }
    if let Some(topic) = source.get("topic") {
        let whole = has_text(topic, "code") && has_text(topic, "system");
        findings.judge("CH-166", request, whole, "code and system", "a topic without both");
    }
}

/// Scheme and host.
pub(super) fn is_absolute(url: &str) -> bool {
    url.parse::<awc::http::Uri>().is_ok_and(|uri| uri.scheme().is_some() && uri.host().is_some_and(|h| !h.is_empty()))
}

fn name(request: &str, card: &Value, findings: &mut Findings) {
    findings.judge("CH-170", request, has_text(card, "uuid"), "a uuid", seen(card, "uuid"));
    if card.get("uuid").is_some() {
        let bare = card["uuid"].as_str().is_some_and(is_uuid);
        findings.judge("CH-169", request, bare, "a bare UUID in lower case", seen(card, "uuid"));
    }
}

/// 36 characters, lower case, without a prefix.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::parse_str(text).is_ok_and(|uuid| uuid.to_string() == text)
}

fn choice(request: &str, card: &Value, findings: &mut Findings) {
    if list(card, "suggestions").next().is_some() {
        let stated = card.get("selectionBehavior").is_some();
        findings.judge("CH-171", request, stated, "selectionBehavior beside suggestions", "none");
    }
    if let Some(behaviour) = card.get("selectionBehavior") {
        let known = matches!(behaviour.as_str(), Some("at-most-one" | "any"));
        findings.judge("CH-172", request, known, "at-most-one or any", seen(card, "selectionBehavior"));
    }
    for reason in list(card, "overrideReasons") {
        let missing = ["code", "system", "display"].into_iter().find(|member| !has_text(reason, member));
        let told = missing.map(|member| format!("a reason without {member}")).unwrap_or_default();
        findings.judge("CH-173", request, missing.is_none(), "code, system and display", told);
    }
}

/// A uuid may come back for the same call only.
fn instances(bench: &Bench, findings: &mut Findings) {
    let mut of_call: BTreeMap<&str, String> = BTreeMap::new();
    for shown in &bench.shown {
        let call = shown.call.to_string();
        let uuids: Vec<&str> = uuids(&shown.exchange).collect();
        let twice = uuids.iter().enumerate().any(|(at, uuid)| uuids[..at].contains(uuid));
        let elsewhere = uuids.iter().any(|uuid| of_call.get(uuid).is_some_and(|other| *other != call));
        if !uuids.is_empty() {
            let told = if twice { "one uuid twice in an answer" } else { "a uuid of another call" };
            findings.judge("CH-168", &shown.exchange.name, !twice && !elsewhere, "uuids of its own", told);
        }
        of_call.extend(uuids.into_iter().map(|uuid| (uuid, call.clone())));
    }
}

fn uuids(exchange: &Exchange) -> impl Iterator<Item = &str> {
    exchange.cards().iter().filter_map(|card| card["uuid"].as_str())
}

/// The address of the source says nothing of the patient.
fn source_of_patients(bench: &Bench, findings: &mut Findings) {
    for calls in bench.shown.chunks(4) {
        let [first, .., another] = calls else { continue };
        let urls = |shown: &crate::conform::bench::Shown| {
            let sources = shown.exchange.cards().iter().filter_map(|card| card["source"]["url"].as_str());
            let mut urls: Vec<String> = sources.map(str::to_owned).collect();
            urls.dedup();
            urls
        };
        let (ours, theirs) = (urls(first), urls(another));
        if ours.is_empty() || theirs.is_empty() {
            continue;
        }
        let names_patient = ours.iter().any(|url| url.contains(&*bench.chart().patient));
        let same = ours.iter().all(|url| theirs.contains(url)) || ours.len() != theirs.len();
        let told = "an address that differs by patient";
        findings.judge("CH-165", &another.exchange.name, same && !names_patient, "one address for all", told);
    }
}
