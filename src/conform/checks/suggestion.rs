//! Every suggestion of the run.

use super::card::is_uuid;
use super::{Check, answers, has_text, list, seen, suggestions};
use crate::conform::Agreement;
use crate::conform::bench::Bench;
use crate::conform::verdict::Findings;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    name: "suggestion",
    items: &["CH-181", "CH-182", "CH-183", "CH-184", "CH-185", "CH-186", "CH-187"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for exchange in answers(bench) {
        let request = &*exchange.name;
        let mut uuids: Vec<&str> = Vec::new();
        for (_, suggestion) in suggestions(&exchange) {
            one(request, suggestion, bench, findings);
            let uuid = suggestion["uuid"].as_str();
            let good = uuid.is_some_and(|uuid| is_uuid(uuid) && !uuids.contains(&uuid));
            findings.judge("CH-182", request, good, "a UUID of its own", seen(suggestion, "uuid"));
            uuids.extend(uuid);
        }
        for card in exchange.cards().iter().filter(|card| card["selectionBehavior"] == "at-most-one") {
            let recommended = list(card, "suggestions").filter(|one| one["isRecommended"] == true).count();
            let told = format!("{recommended} recommended of suggestions that exclude each other");
            findings.judge("CH-184", request, recommended < 2, "at most one recommended", told);
        }
    }
}

fn one(request: &str, suggestion: &Value, bench: &Bench, findings: &mut Findings) {
    findings.judge("CH-181", request, has_text(suggestion, "label"), "a label", seen(suggestion, "label"));
    if let Some(recommended) = suggestion.get("isRecommended") {
        findings.judge("CH-183", request, recommended.is_boolean(), "a boolean", seen(suggestion, "isRecommended"));
    }
    if let Some(actions) = suggestion.get("actions") {
        let filled = actions.as_array().is_some_and(|actions| !actions.is_empty());
        findings.judge("CH-187", request, filled, "a filled array", seen(suggestion, "actions"));
    }
    let behaviour = suggestion.get("actionSelectionBehavior");
    let allowed = behaviour.is_none() || bench.agreed(Agreement::ActionSelection);
    findings.judge("CH-185", request, allowed, "none without agreement", seen(suggestion, "actionSelectionBehavior"));
    if let Some(behaviour) = behaviour {
        let known = matches!(behaviour.as_str(), Some("all" | "any" | "at-most-one"));
        findings.judge(
            "CH-186",
            request,
            known,
            "all, any or at-most-one",
            seen(suggestion, "actionSelectionBehavior"),
        );
    }
}
