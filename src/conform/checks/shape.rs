//! Requests with something missing or of the wrong type.

use super::{Check, told};
use crate::conform::bench::{ACCESS_TOKEN, Bench};
use crate::conform::call::{LIBRARY, Offer, changed, context, drop_member, with_access};
use crate::conform::exchange::Exchange;
use crate::conform::verdict::Findings;
use serde_json::{Value, json};

pub(super) const CHECK: Check = Check {
    name: "shape",
    items: &["CH-057", "CH-058", "CH-059", "CH-060", "CH-146"],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for shown in bench.shown.iter().step_by(4) {
        let (offer, call) = (&shown.offer, &shown.call);
        root_members(bench, offer, call, findings).await;
        context_members(bench, offer, call, findings).await;
        other_hook(bench, offer, call, findings).await;
        authority(bench, offer, call, findings).await;
    }
    findings.unseen("CH-060", "only hooks outside the library are offered");
}

fn refused(answer: &Exchange, member: &str) -> (bool, String) {
    let named = answer.names(member);
    let said = if named { "named" } else { "not named in issue.expression" };
    (answer.status == 400 && answer.is_outcome() && named, format!("{}, the member {said}", answer.seen()))
}

async fn root_members(bench: &Bench, offer: &Offer, call: &Value, findings: &mut Findings) {
    let wrong = [("hook", json!(7)), ("hookInstance", json!(7)), ("context", json!([]))];
    for (member, value) in wrong {
        let missing = changed(call, |call| drop_member(call, member));
        let mistyped = changed(call, |call| call[member] = value);
        for (what, body) in [("no", missing), ("mistyped", mistyped)] {
            let answer = bench.call(&format!("{what} {member}"), offer, &body).await;
            let (good, told) = refused(&answer, member);
            findings.judge("CH-057", &answer.name, good, "400 that names the member", told);
        }
    }
}

async fn context_members(bench: &Bench, offer: &Offer, call: &Value, findings: &mut Findings) {
    let Some((_, _, required)) = LIBRARY.iter().find(|(hook, _, _)| *hook == offer.hook) else { return };
    for member in *required {
        let body = changed(call, |call| drop_member(&mut call["context"], member));
        let answer = bench.call(&format!("no context.{member}"), offer, &body).await;
        let (good, told) = refused(&answer, &format!("context.{member}"));
        findings.judge("CH-060", &answer.name, good, "400 that names the member", told);
    }
}

async fn other_hook(bench: &Bench, offer: &Offer, call: &Value, findings: &mut Findings) {
    let serves = |hook: &str| bench.offers.iter().any(|other| other.id == offer.id && other.hook == hook);
    // Deprecated names may stand for a hook that is served.
    let others = LIBRARY.iter().map(|(hook, _, _)| *hook).filter(|hook| !hook.starts_with("order-r"));
    let Some(other) = others.filter(|hook| *hook != "medication-prescribe").find(|hook| !serves(hook)) else { return };
    let body = changed(call, |call| {
        call["hook"] = other.into();
        call["context"] = context(other, &bench.chart().patient);
    });
    let answer = bench.call(&format!("the hook {other}, which is not offered"), offer, &body).await;
    findings.judge("CH-058", &answer.name, answer.status == 400, "400", told(&answer));
}

async fn authority(bench: &Bench, offer: &Offer, call: &Value, findings: &mut Findings) {
    let scope = "patient/*.rs";
    let homeless = changed(call, |call| {
        with_access(call, "", ACCESS_TOKEN, scope);
        drop_member(call, "fhirServer");
    });
    let answer = bench.call("an access token without a server", offer, &homeless).await;
    findings.judge("CH-059", &answer.name, answer.status == 400, "400", told(&answer));
    let foreign = changed(call, |call| {
        with_access(call, &bench.ehr.fhir, ACCESS_TOKEN, scope);
        call["fhirAuthorization"]["patient"] = "conform-somebody-else".into();
    });
    let answer = bench.call("an access token of another patient", offer, &foreign).await;
    findings.judge("CH-146", &answer.name, answer.status == 400, "400", told(&answer));
}
