//! The states of prefetch keys. Which keys a service requires is not published: it is found by leaving out one
//! after the other.

use super::{Check, likeness, told};
use crate::conform::bench::{Bench, Shown};
use crate::conform::call::{call, changed, drop_member};
use crate::conform::verdict::Findings;
use serde_json::{Value, json};

pub(super) const CHECK: Check = Check {
    name: "prefetch",
    items: &["CH-101", "CH-102", "CH-104", "CH-106", "CH-107", "CH-108", "CH-109"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for shown in bench.answered() {
        let required = required_keys(bench, shown).await;
        match &*required {
            [] => nothing_required(bench, shown, findings).await,
            [first, ..] => {
                states(bench, shown, first, findings).await;
                missing(bench, shown, &required, findings).await;
            }
        }
        optional(bench, shown, &required, findings).await;
        content(bench, shown, findings).await;
    }
    for id in ["CH-101", "CH-104", "CH-106"] {
        findings.unseen(id, "no service requires data");
    }
    for id in ["CH-102", "CH-107", "CH-108", "CH-109"] {
        findings.unseen(id, "no good call was answered, or none asks for such data");
    }
}

fn keys(call: &Value) -> Vec<String> {
    call["prefetch"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn without(call: &Value, keys: &[String]) -> Value {
    changed(call, |call| {
        keys.iter().for_each(|key| drop_member(&mut call["prefetch"], key));
        if call["prefetch"].as_object().is_some_and(|rest| rest.is_empty()) {
            drop_member(call, "prefetch");
        }
    })
}

/// The keys without which, one at a time and without a FHIR server, the answer is 412.
async fn required_keys(bench: &Bench, shown: &Shown) -> Vec<String> {
    let mut required = Vec::new();
    for key in keys(&shown.call) {
        let body = without(&shown.call, std::slice::from_ref(&key));
        if bench.call(&format!("no prefetch.{key}"), &shown.offer, &body).await.status == 412 {
            required.push(key);
        }
    }
    required
}

async fn nothing_required(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    let all = keys(&shown.call);
    if all.is_empty() {
        return;
    }
    let answer = bench.call("no prefetch at all", &shown.offer, &without(&shown.call, &all)).await;
    if answer.status != 200 {
        findings.judge("CH-104", &answer.name, answer.status == 412, "412", answer.seen());
    }
}

/// Null and empty are answers, a failure of the client's is not.
async fn states(bench: &Bench, shown: &Shown, key: &str, findings: &mut Findings) {
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]});
    let empty = json!({"resourceType": "Bundle", "type": "searchset"});
    for (what, value, status) in [("null", Value::Null, 200), ("empty", empty, 200), ("failed", outcome, 412)] {
        let body = changed(&shown.call, |call| call["prefetch"][key] = value);
        let answer = bench.call(&format!("prefetch.{key} {what}"), &shown.offer, &body).await;
        findings.judge("CH-101", &answer.name, answer.status == status, &format!("status {status}"), answer.seen());
    }
}

async fn missing(bench: &Bench, shown: &Shown, required: &[String], findings: &mut Findings) {
    let answer = bench.call("no required data", &shown.offer, &without(&shown.call, required)).await;
    findings.judge("CH-104", &answer.name, answer.status == 412, "412", answer.seen());
    let unnamed = required.iter().filter(|key| !answer.names(&format!("prefetch.{key}"))).count();
    let told = format!("{unnamed} of {} keys are not in issue.expression", required.len());
    findings.judge("CH-106", &answer.name, unnamed == 0 && answer.is_outcome(), "every missing key named", told);
}

async fn optional(bench: &Bench, shown: &Shown, required: &[String], findings: &mut Findings) {
    let optional: Vec<String> = keys(&shown.call).into_iter().filter(|key| !required.contains(key)).collect();
    if optional.is_empty() {
        return;
    }
    let answer = bench.call("no optional data", &shown.offer, &without(&shown.call, &optional)).await;
    findings.judge("CH-107", &answer.name, answer.status == 200, "status 200", answer.seen());
    let bonus = changed(&shown.call, |call| {
        call["prefetch"]["conformBonus"] = json!({"resourceType": "Basic", "id": "conform-bonus",
            "code": {"text": "a key that nobody asked for"}});
    });
    let answer = bench.call("a key that nobody asked for", &shown.offer, &bonus).await;
    let same = likeness(&answer) == likeness(&shown.exchange);
    findings.judge("CH-109", &answer.name, same, &format!("as without it: {}", told(&shown.exchange)), told(&answer));
}

/// Data that says little, and data with a remark beside it.
async fn content(bench: &Bench, shown: &Shown, findings: &mut Findings) {
    let little = bench.chart().patient_without(&["birthDate", "gender", "name"]);
    let answer = bench.call("a Patient without birth date and sex", &shown.offer, &call(&shown.offer, &little)).await;
    findings.judge("CH-108", &answer.name, answer.status == 200, "status 200", answer.seen());
    let is_search = |key: &String| shown.call["prefetch"][key]["entry"].is_array();
    let Some(key) = keys(&shown.call).into_iter().find(is_search) else { return };
    let remark = json!({"search": {"mode": "outcome"}, "resource": {"resourceType": "OperationOutcome",
        "issue": [{"severity": "warning", "code": "incomplete"}]}});
    let body = changed(&shown.call, |call| {
        if let Some(entries) = call["prefetch"][&key]["entry"].as_array_mut() {
            entries.push(remark);
        }
    });
    let answer = bench.call(&format!("an outcome within prefetch.{key}"), &shown.offer, &body).await;
    findings.judge("CH-102", &answer.name, answer.status == 200, "status 200", answer.seen());
}
