//! What a service has to ignore.

use super::{Check, likeness, told};
use crate::conform::bench::Bench;
use crate::conform::call::changed;
use crate::conform::verdict::Findings;
use serde_json::{Value, json};

pub(super) const CHECK: Check = Check {
    name: "tolerance",
    items: &["CH-012", "CH-061", "CH-281", "CH-282"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

/// Item, what is added, and how.
type Addition = (&'static str, &'static str, fn(&mut Value));

const ADDITIONS: [Addition; 4] = [
    ("CH-012", "unknown members of the root", |call| {
        call["conformUnknown"] = json!({"a": [1, null, "x"]});
        call["user"] = "Practitioner/conform".into();
    }),
    ("CH-061", "unknown members of the context", |call| call["context"]["conformUnknown"] = json!([{"a": 1}])),
    ("CH-281", "unknown extensions", |call| {
        call["extension"] =
            json!({"org.conform.text": "x", "org.conform.number": 1.50, "org.conform.nested": {"a": [true]}});
    }),
    ("CH-281", "extensions of a vendor", |call| {
        call["extension"] = json!({"com.epic.cdshooks.request.bpa-trigger-action": "60",
            "com.epic.cdshooks.request.criteria-id": 1, "davinci-crd.configuration": {"max-cards": 5}});
    }),
];

async fn run(bench: &Bench, findings: &mut Findings) {
    for shown in bench.shown.iter().step_by(4) {
        let plain = &shown.exchange;
        findings.judge("CH-282", &plain.name, plain.status == 200, "status 200", plain.seen());
        for (id, what, add) in ADDITIONS {
            let answer = bench.call(what, &shown.offer, &changed(&shown.call, add)).await;
            let same = answer.status == 200 && likeness(&answer) == likeness(plain);
            findings.judge(id, &answer.name, same, &format!("as without them: {}", told(plain)), told(&answer));
        }
    }
}
