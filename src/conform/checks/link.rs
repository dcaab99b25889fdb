//! Every link of the run.

use super::card::is_absolute;
use super::{Check, answers, has_text, list, seen};
use crate::conform::Agreement;
use crate::conform::bench::{ACCESS_TOKEN, Bench};
use crate::conform::verdict::Findings;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    name: "link",
    items: &["CH-207", "CH-208", "CH-209", "CH-210", "CH-211", "CH-212", "CH-214"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for exchange in answers(bench) {
        for link in exchange.cards().iter().flat_map(|card| list(card, "links")) {
            one(&exchange.name, link, bench, findings);
        }
    }
}

fn one(request: &str, link: &Value, bench: &Bench, findings: &mut Findings) {
    let url = link["url"].as_str().unwrap_or_default();
    let whole = has_text(link, "label") && is_absolute(url) && has_text(link, "type");
    findings.judge("CH-207", request, whole, "label, absolute url and type", "a link without one of them");
    let known = matches!(link["type"].as_str(), Some("absolute" | "smart"));
    findings.judge("CH-208", request, known, "absolute or smart", seen(link, "type"));
    findings.judge("CH-210", request, url.starts_with("https://"), "https", "another scheme");
    if let Some(context) = link.get("appContext") {
        findings.judge(
            "CH-209",
            request,
            link["type"] == "smart",
            "appContext on smart links only",
            seen(link, "type"),
        );
        let text = context.as_str().unwrap_or_default();
        let tells = text.contains(ACCESS_TOKEN) || text.contains(&*bench.chart().patient);
        findings.judge("CH-211", request, !tells, "nothing of patient or token", "the patient's id, or the token");
    }
    let launches = link.get("autolaunchable");
    if let Some(launches) = launches {
        findings.judge("CH-212", request, launches.is_boolean(), "a boolean", seen(link, "autolaunchable"));
    }
    let allowed = launches.is_none() || bench.agreed(Agreement::Autolaunch);
    findings.judge("CH-214", request, allowed, "none without agreement", seen(link, "autolaunchable"));
}
