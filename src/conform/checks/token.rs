//! Who may call: whether tokens are asked for at all.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::verdict::Findings;

pub(super) const CHECK: Check = Check {
    name: "token",
    items: &[
        "CH-253", "CH-254", "CH-255", "CH-256", "CH-257", "CH-258", "CH-259", "CH-260", "CH-261", "CH-262", "CH-263",
        "CH-265", "CH-270", "CH-271", "CH-272", "CH-275",
    ],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    match bench.shown.first() {
        Some(shown) if bench.is_locked_out() => {
            findings.judge("CH-253", &shown.exchange.name, true, "401", "");
        }
        Some(_) if bench.is_local() => {
            findings.unseen("CH-253", "calls without a token are answered, as development on this machine may");
        }
        Some(shown) => findings.judge("CH-253", &shown.exchange.name, false, "401", shown.exchange.seen()),
        None => findings.unseen("CH-253", "the service offers nothing to call"),
    }
    CHECK.items.iter().for_each(|id| findings.unseen(id, "not tried: this version calls without tokens"));
}
