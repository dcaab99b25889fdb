//! What single hooks of the library ask of services that answer them.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::call::{LIBRARY, changed, context, drop_member};
use crate::conform::verdict::Findings;
use serde_json::{Value, json};

pub(super) const CHECK: Check = Check {
    name: "hooks",
    items: &["CH-068", "CH-069", "CH-072", "CH-073", "CH-079", "CH-082", "CH-084"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

/// A way of writing the context that a service of this hook has to take.
struct Variant {
    id: &'static str,
    hook: &'static str,
    what: &'static str,
    change: fn(&mut Value),
}

const VARIANTS: [Variant; 10] = [
    Variant {
        id: "CH-068",
        hook: "order-sign",
        what: "an order that is no draft",
        change: |call| {
            call["context"]["draftOrders"]["entry"][0]["resource"]["status"] = "active".into();
        },
    },
    Variant {
        id: "CH-069",
        hook: "order-select",
        what: "an order without id and dose",
        change: |call| {
            let order = &mut call["context"]["draftOrders"]["entry"][0]["resource"];
            for member in ["id", "medicationCodeableConcept", "contained", "authoredOn"] {
                drop_member(order, member);
            }
        },
    },
    Variant {
        id: "CH-072",
        hook: "order-dispatch",
        what: "the names of version 1.0",
        change: |call| {
            rename(call, "dispatchedOrders", "order", |orders| orders[0].clone());
            call["context"]["task"] = json!({"resourceType": "Task", "status": "draft", "intent": "order",
            "focus": {"reference": "ServiceRequest/conform-order"}});
        },
    },
    Variant {
        id: "CH-072",
        hook: "order-dispatch",
        what: "names with hyphens",
        change: |call| {
            rename(call, "dispatchedOrders", "dispatched-orders", |orders| orders);
        },
    },
    Variant { id: "CH-073", hook: "order-dispatch", what: "no user", change: |_| {} },
    Variant {
        id: "CH-073",
        hook: "medication-refill",
        what: "no user",
        change: |call| {
            drop_member(&mut call["context"], "userId");
        },
    },
    Variant {
        id: "CH-079",
        hook: "allergyintolerance-create",
        what: "a wrapped allergy",
        change: |call| {
            rename(call, "allergyIntolerance", "allergyIntolerance", |allergy| json!({ "resource": allergy }));
        },
    },
    Variant {
        id: "CH-079",
        hook: "allergyintolerance-create",
        what: "a Bundle of allergies",
        change: |call| {
            rename(
                call,
                "allergyIntolerance",
                "allergyIntolerances",
                |allergy| json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": allergy}]}),
            );
        },
    },
    Variant {
        id: "CH-082",
        hook: "order-sign",
        what: "the deprecated order-review",
        change: |call| {
            old_hook(call, "order-review");
        },
    },
    Variant {
        id: "CH-082",
        hook: "order-select",
        what: "the deprecated medication-prescribe",
        change: |call| {
            old_hook(call, "medication-prescribe");
        },
    },
];

fn rename(call: &mut Value, from: &str, to: &str, change: impl FnOnce(Value) -> Value) {
    let value = call["context"][from].take();
    drop_member(&mut call["context"], from);
    call["context"][to] = change(value);
}

fn old_hook(call: &mut Value, hook: &str) {
    let patient = call["context"]["patientId"].as_str().unwrap_or_default().to_owned();
    call["hook"] = hook.into();
    call["context"] = context(hook, &patient);
}

async fn run(bench: &Bench, findings: &mut Findings) {
    for shown in bench.shown.iter().step_by(4) {
        for variant in VARIANTS.iter().filter(|variant| variant.hook == shown.offer.hook) {
            let answer = bench.call(variant.what, &shown.offer, &changed(&shown.call, variant.change)).await;
            findings.judge(variant.id, &answer.name, answer.status == 200, "status 200", answer.seen());
        }
        if LIBRARY.iter().all(|(hook, _, _)| *hook != shown.offer.hook) {
            let answer = &shown.exchange;
            findings.judge("CH-084", &answer.name, answer.status == 200, "status 200", answer.seen());
        }
    }
    for variant in &VARIANTS {
        findings.unseen(variant.id, format!("no service answers {}", variant.hook));
    }
    findings.unseen("CH-084", "only hooks of the library are offered");
}
