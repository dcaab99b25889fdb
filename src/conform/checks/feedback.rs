//! What clinicians did with cards, told in every shape.

use super::{Check, list, locked_out};
use crate::conform::bench::{Bench, Shown};
use crate::conform::call::fresh;
use crate::conform::verdict::Findings;
use awc::http::Method;
use serde_json::{Value, json};

pub(super) const CHECK: Check = Check {
    name: "feedback",
    items: &["CH-220", "CH-234", "CH-235", "CH-236", "CH-237", "CH-239"],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

const WHEN: &str = "2026-05-04T08:15:30.120Z";
const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes";

async fn run(bench: &Bench, findings: &mut Findings) {
    anonymous(bench, findings).await;
    let mut told: Vec<&str> = Vec::new();
    for calls in bench.shown.chunks(4).filter(|_| !bench.is_locked_out()) {
        let id = &*calls[0].offer.id;
        if !told.contains(&id) {
            told.push(id);
            service(bench, calls, findings).await;
        }
    }
    for id in CHECK.items {
        findings.unseen(id, if bench.is_locked_out() { locked_out(bench) } else { "no feedback is taken" });
    }
}

/// Where calls need a token, so does feedback.
async fn anonymous(bench: &Bench, findings: &mut Findings) {
    let Some(shown) = bench.shown.first().filter(|_| bench.asks_for_token()) else {
        findings.unseen("CH-239", "calls without a token are answered");
        return;
    };
    let body = json!({"feedback": [overridden(&fresh(), json!(null))]}).to_string().into_bytes();
    let path = format!("{}/feedback", shown.offer.path());
    let headers = vec![("content-type", "application/json".to_owned())];
    let answer = bench.send_bare("feedback without a token", Method::POST, &path, headers, body).await;
    findings.judge("CH-239", &answer.name, answer.status == 401, "401", answer.seen());
}

fn overridden(card: &str, reason: Value) -> Value {
    let mut entry = json!({"card": card, "outcome": "overridden", "outcomeTimestamp": WHEN});
    if !reason.is_null() {
        entry["overrideReason"] = reason;
    }
    entry
}

fn accepted(card: &str, suggestion: &str) -> Value {
    json!({"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": suggestion}], "outcomeTimestamp": WHEN})
}

/// The first card of a call with its first suggestion; made-up names where there is none.
fn card_of(shown: &Shown) -> (String, String) {
    let card = shown.exchange.cards().iter().find(|card| card["uuid"].is_string());
    let suggestion = card.and_then(|card| list(card, "suggestions").find_map(|one| one["uuid"].as_str()));
    let card = card.and_then(|card| card["uuid"].as_str());
    (card.map_or_else(fresh, str::to_owned), suggestion.map_or_else(fresh, str::to_owned))
}

async fn service(bench: &Bench, calls: &[Shown], findings: &mut Findings) {
    let id = &*calls[0].offer.id;
    let path = format!("/cds-services/{id}/feedback");
    let send = async |what: &str, entries: Vec<Value>| {
        bench.post(&format!("{id}: feedback, {what}"), &path, &json!({ "feedback": entries })).await
    };
    let (card, suggestion) = card_of(&calls[0]);
    let first = send("accepted", vec![accepted(&card, &suggestion)]).await;
    if first.status == 404 {
        findings.unseen("CH-220", "the service takes no feedback");
        return;
    }
    findings.judge("CH-220", &first.name, first.status == 200, "status 200", first.seen());
    let coded = json!({"reason": {"system": SYSTEM, "code": "limited-time"}, "userComment": "seen at rounds"});
    for (what, reason) in [
        ("overridden without a reason", Value::Null),
        ("overridden with a reason", coded.clone()),
        ("overridden with a comment", json!({"userComment": "seen at rounds"})),
    ] {
        let answer = send(what, vec![overridden(&card, reason)]).await;
        findings.judge("CH-220", &answer.name, answer.status == 200, "status 200", answer.seen());
    }
    let (other, _) = card_of(calls.get(2).unwrap_or(&calls[0]));
    let mixed = send("of two calls", vec![accepted(&card, &suggestion), overridden(&other, coded)]).await;
    findings.judge("CH-234", &mixed.name, mixed.status == 200, "status 200", mixed.seen());
    let again = send("the same again", vec![accepted(&card, &suggestion)]).await;
    findings.judge("CH-235", &again.name, again.status == 200, "status 200", again.seen());
    let unknown = send("an unknown card", vec![accepted(&fresh(), &fresh())]).await;
    let same = unknown.status == first.status && unknown.body == first.body;
    findings.judge("CH-237", &unknown.name, same, &first.seen(), unknown.seen());
    for (what, entry) in malformed(&card, &suggestion) {
        let answer = send(what, vec![entry]).await;
        findings.judge("CH-236", &answer.name, answer.status == 400, "400", answer.seen());
    }
}

fn malformed(card: &str, suggestion: &str) -> [(&'static str, Value); 5] {
    let changed = |member: &str, value: Value| {
        let mut entry = accepted(card, suggestion);
        entry[member] = value;
        entry
    };
    [
        ("accepted without suggestions", changed("acceptedSuggestions", json!([]))),
        ("an unknown outcome", changed("outcome", json!("ignored"))),
        ("a date without a time", changed("outcomeTimestamp", json!("2026-05-04"))),
        ("an empty reason", overridden(card, json!({}))),
        ("no card", changed("card", Value::Null)),
    ]
}
