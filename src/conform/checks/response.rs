//! The outside of an answer: status, the array of cards, system actions.

use super::{Check, seen, told};
use crate::conform::Agreement;
use crate::conform::bench::Bench;
use crate::conform::call::call;
use crate::conform::verdict::Findings;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    name: "response",
    items: &["CH-037", "CH-151", "CH-152", "CH-153", "CH-205"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for shown in &bench.shown {
        let (exchange, request) = (&shown.exchange, &*shown.exchange.name);
        let cards = exchange.json().is_some_and(|body| body["cards"].is_array());
        let told = format!("{}, {}", exchange.seen(), if cards { "cards" } else { "no array of cards" });
        findings.judge("CH-151", request, exchange.status == 200 && cards, "200 and an array of cards", told);
        let several = bench.offers.iter().filter(|offer| offer.id == shown.offer.id).count() > 1;
        if several {
            findings.judge("CH-037", request, exchange.status == 200, "status 200", exchange.seen());
        }
        let Some(body) = exchange.json().filter(|_| exchange.status == 200) else { continue };
        let system = body.get("systemActions");
        let filled = system.is_none_or(|system| system.as_array().is_some_and(|list| !list.is_empty()));
        findings.judge("CH-153", request, filled, "a filled array, or none", seen(body, "systemActions"));
        let allowed = system.is_none() || bench.agreed(Agreement::SystemActions);
        findings.judge("CH-205", request, allowed, "none without agreement", seen(body, "systemActions"));
    }
    findings.unseen("CH-037", "no id is listed for several hooks");
    silence(bench, findings).await;
}

/// A chart of which there is nothing to say: the Patient alone.
async fn silence(bench: &Bench, findings: &mut Findings) {
    let quiet = bench.chart().patient_without(&[]);
    for offer in &bench.offers {
        let exchange = bench.call("a chart with the Patient alone", offer, &call(offer, &quiet)).await;
        let cards = exchange.json().and_then(|body| body["cards"].as_array());
        match cards.map(Vec::len) {
            Some(1..) if exchange.status == 200 => {
                findings.unseen("CH-152", "even a chart with the Patient alone got cards");
            }
            empty => findings.judge(
                "CH-152",
                &exchange.name,
                exchange.status == 200 && empty == Some(0),
                "200 with an empty array",
                told(&exchange),
            ),
        }
    }
}

/// Uuids of the cards of an answer.
pub(super) fn card_uuids(cards: &[Value]) -> Vec<&str> {
    cards.iter().filter_map(|card| card["uuid"].as_str()).collect()
}
