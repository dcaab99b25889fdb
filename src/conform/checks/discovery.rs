//! The discovery document and its entries.

use super::{Check, has_text, seen};
use crate::conform::bench::Bench;
use crate::conform::call::LIBRARY;
use crate::conform::exchange::Request;
use crate::conform::verdict::Findings;
use awc::http::Method;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    name: "discovery",
    items: &[
        "CH-025", "CH-026", "CH-027", "CH-028", "CH-029", "CH-030", "CH-031", "CH-032", "CH-033", "CH-034", "CH-035",
        "CH-036", "CH-040", "CH-046", "CH-085",
    ],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

/// Words of which a page about CDS services has at least one.
const SPOKEN_OF: [&str; 3] = ["hook", "prefetch", "cds"];

async fn run(bench: &Bench, findings: &mut Findings) {
    let is_open = bench.open_discovery.status != 401;
    if !is_open && bench.options.signer.is_none() {
        CHECK.items.iter().for_each(|id| findings.unseen(id, "discovery needs a token: give --issuer and --key"));
        return;
    }
    if !is_open {
        let (answer, told) = (&bench.discovery, bench.discovery.seen());
        findings.judge("CH-040", &answer.name, answer.status == 200, "401 without a token and 200 with it", told);
    }
    let (discovery, request) = (&bench.discovery, "discovery");
    let media = discovery.header("content-type").unwrap_or_default();
    let good = discovery.status == 200 && media.starts_with("application/json");
    let told = format!("{}, {}", discovery.seen(), if media.is_empty() { "no content-type" } else { "a content-type" });
    findings.judge("CH-025", request, good, "200 and application/json", told);
    let services = discovery.json().and_then(|body| body["services"].as_array());
    findings.judge("CH-026", request, services.is_some(), "an array `services`", "none");
    let services = services.map_or(&[][..], Vec::as_slice);
    match services {
        [] if discovery.json().is_some_and(|body| body["services"].is_array()) => {
            findings.judge("CH-027", request, discovery.status == 200, "status 200", discovery.seen());
        }
        _ => findings.unseen("CH-027", "services are offered"),
    }
    findings.unseen("CH-040", "discovery is open to everybody");
    services.iter().for_each(|entry| one(entry, findings));
    twins(services, findings);
    for answer in bench.shown.iter().step_by(4).map(|shown| &shown.exchange) {
        findings.judge("CH-030", &answer.name, answer.status != 404, "anything but 404", answer.seen());
    }
    documentation(bench, findings).await;
}

fn one(entry: &Value, findings: &mut Findings) {
    let request = "discovery";
    let must = [("CH-028", "hook"), ("CH-029", "description"), ("CH-030", "id"), ("CH-031", "title")];
    for (id, member) in must {
        findings.judge(id, request, has_text(entry, member), member, seen(entry, member));
    }
    let version = entry["version"].as_str().unwrap_or_default();
    findings.judge("CH-032", request, is_semantic(version), "a semantic version", seen(entry, "version"));
    let hook = entry["hook"].as_str().unwrap_or_default();
    let known = LIBRARY.iter().find(|(name, _, _)| *name == hook);
    if let (Some(version), Some((_, expected, _))) = (entry.get("hookVersion"), known) {
        findings.judge("CH-033", request, version == expected, expected, seen(entry, "hookVersion"));
    }
    let named = known.is_some() || is_reverse_domain(hook);
    findings.judge("CH-085", request, named, "a hook of the library or `org.example.name`", seen(entry, "hook"));
    if let Some(prefetch) = entry.get("prefetch") {
        let templates = prefetch.as_object().filter(|templates| !templates.is_empty());
        let good =
            templates.is_some_and(|all| all.values().all(|one| one.as_str().is_some_and(|text| !text.is_empty())));
        findings.judge("CH-035", request, good, "keys with templates", seen(entry, "prefetch"));
    }
    if entry.get("usageRequirements").is_some() {
        let good = has_text(entry, "usageRequirements");
        findings.judge("CH-036", request, good, "text", seen(entry, "usageRequirements"));
    }
}

fn twins(services: &[Value], findings: &mut Findings) {
    for (number, entry) in services.iter().enumerate() {
        let twin = services[..number].iter().any(|other| other["id"] == entry["id"] && other["hook"] == entry["hook"]);
        findings.judge("CH-034", "discovery", !twin, "one entry for an id and a hook", "two");
    }
}

/// `2.0.1`, `3.0.0-ballot`
fn is_semantic(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    numbers.len() == 3 && numbers.iter().all(is_number) && !version.ends_with(['-', '+'])
}

fn is_reverse_domain(hook: &str) -> bool {
    hook.split('.').count() >= 3 && hook.split('.').all(|part| !part.is_empty())
}

async fn documentation(bench: &Bench, findings: &mut Findings) {
    let Some(url) = bench.options.documentation.clone() else {
        findings.unseen("CH-046", "nobody said where; give --documentation URL");
        return;
    };
    let name = "documentation".to_owned();
    let page = bench.sender.fetch(Request { name, method: Method::GET, url, headers: vec![], body: vec![] }).await;
    let text = String::from_utf8_lossy(&page.body).to_lowercase();
    let speaks = SPOKEN_OF.iter().any(|word| text.contains(word));
    findings.judge("CH-046", &page.name, page.status == 200 && speaks, "a page about the services", page.seen());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_names_are_told_from_words() {
        for version in ["2.0.1", "3.0.0-ballot", "1.0.0+build"] {
            assert!(is_semantic(version), "{version}");
        }
        for other in ["", "2.0", "STU2", "2.0.x", "2.0.1-"] {
            assert!(!is_semantic(other), "{other}");
        }
        assert!(
            is_reverse_domain("net.example.ward-round") && !is_reverse_domain("my-hook") && !is_reverse_domain("a..b")
        );
    }
}
