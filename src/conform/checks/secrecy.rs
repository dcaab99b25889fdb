//! Whether the access token of a call turns up in anything that is answered.

use super::Check;
use crate::conform::bench::{ACCESS_TOKEN, Bench};
use crate::conform::verdict::Findings;

pub(super) const CHECK: Check = Check {
    name: "secrecy",
    items: &["CH-150"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for exchange in bench.sender.log().iter().filter(|exchange| exchange.status != 0) {
        let leaks = exchange.body.windows(ACCESS_TOKEN.len()).any(|part| part == ACCESS_TOKEN.as_bytes());
        findings.judge("CH-150", &exchange.name, !leaks, "no access token", "the access token in the body");
    }
}
