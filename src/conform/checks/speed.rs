//! How long answers take, one call after the other, as this machine sees it.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::call::changed;
use crate::conform::verdict::Findings;
use std::time::Duration;

pub(super) const CHECK: Check = Check {
    name: "speed",
    items: &["CH-024"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const BUDGET: Duration = Duration::from_millis(500);

async fn run(bench: &Bench, findings: &mut Findings) {
    for shown in bench.answered() {
        let mut times = Vec::with_capacity(bench.options.calls);
        for _ in 0..bench.options.calls {
            let answer = bench.call("timed", &shown.offer, &changed(&shown.call, |_| {})).await;
            times.push(answer.took);
        }
        times.sort_unstable();
        let Some(&slowest) = times.get(times.len().saturating_sub(1) * 19 / 20) else { continue };
        let request = format!("{}: {} calls", shown.offer.name(), times.len());
        let seen = format!("19 of 20 within {} ms", slowest.as_millis());
        findings.judge("CH-024", &request, slowest <= BUDGET, "19 of 20 within 500 ms", seen);
    }
    findings.unseen("CH-024", "no good call was answered");
}
