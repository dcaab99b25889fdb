//! The same call sent again.

use super::response::card_uuids;
use super::{Check, told};
use crate::conform::bench::Bench;
use crate::conform::verdict::Findings;

pub(super) const CHECK: Check = Check {
    name: "repetition",
    items: &["CH-062"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for calls in bench.shown.chunks(4) {
        let [first, again, ..] = calls else { continue };
        let (first, again) = (&first.exchange, &again.exchange);
        if first.cards().is_empty() {
            findings.unseen("CH-062", "the good calls got no cards");
            continue;
        }
        let same = card_uuids(first.cards()) == card_uuids(again.cards());
        let told = format!("{} with other uuids or none", told(again));
        findings.judge("CH-062", &again.name, same, "the same card uuids", told);
    }
}
