//! The checks, one file for each thing that is asked about. A check sends what it needs, or looks at what was
//! answered, and says so of every item that the list gives it. Refuses to report.

mod action;
mod card;
mod cors;
mod discovery;
mod documents;
mod errors;
mod extension;
mod feedback;
mod hooks;
mod icon;
mod link;
mod markup;
mod prefetch;
mod read_back;
mod refusals;
mod repetition;
mod response;
mod secrecy;
mod shape;
mod speed;
mod suggestion;
mod templates;
mod token;
mod tolerance;
mod transport;

use super::bench::Bench;
use super::exchange::Exchange;
use super::verdict::Findings;
use serde_json::{Value, json};
use std::pin::Pin;
use std::rc::Rc;

/// A check at work.
type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One check of a run.
pub(crate) struct Check {
    pub name: &'static str,
    /// Every item that it speaks of.
    pub items: &'static [&'static str],
    /// It says nothing about a service that does not answer us.
    needs_answers: bool,
    run: for<'a> fn(&'a Bench, &'a mut Findings) -> Running<'a>,
}

impl Check {
    pub async fn apply(&self, bench: &Bench, findings: &mut Findings) {
        if self.needs_answers && (bench.is_locked_out() || bench.offers.is_empty()) {
            let why = if bench.is_locked_out() { locked_out(bench) } else { "the service offers nothing to call" };
            self.items.iter().for_each(|id| findings.unseen(id, why));
            return;
        }
        (self.run)(bench, findings).await;
        let about_cards = matches!(self.name, "card" | "suggestion" | "action" | "link");
        let why = match about_cards && answers(bench).is_empty() {
            true => "no card came back; --chart sends another patient",
            false => "no answer of this run showed it",
        };
        self.items.iter().for_each(|id| findings.unseen(id, why));
    }
}

/// Why nothing of this run was answered.
fn locked_out(bench: &Bench) -> &'static str {
    match bench.options.signer {
        Some(_) => "this run's token is refused: register its issuer and key with the service",
        None => "calls need a token, and this run has none: give --issuer and --key",
    }
}

/// All checks. Those that look at every answer of the run come last.
pub(crate) const CHECKS: [Check; 25] = [
    transport::CHECK,
    discovery::CHECK,
    templates::CHECK,
    response::CHECK,
    repetition::CHECK,
    refusals::CHECK,
    shape::CHECK,
    tolerance::CHECK,
    hooks::CHECK,
    prefetch::CHECK,
    read_back::CHECK,
    markup::CHECK,
    cors::CHECK,
    feedback::CHECK,
    token::CHECK,
    speed::CHECK,
    icon::CHECK,
    card::CHECK,
    suggestion::CHECK,
    action::CHECK,
    link::CHECK,
    extension::CHECK,
    errors::CHECK,
    secrecy::CHECK,
    documents::CHECK,
];

/// Every answer with cards, once for each exchange.
fn answers(bench: &Bench) -> Vec<Rc<Exchange>> {
    bench.sender.log().into_iter().filter(|exchange| !exchange.cards().is_empty()).collect()
}

/// Every suggestion of an answer, with its card.
fn suggestions(exchange: &Exchange) -> impl Iterator<Item = (&Value, &Value)> {
    exchange.cards().iter().flat_map(|card| list(card, "suggestions").map(move |suggestion| (card, suggestion)))
}

/// The members of an array member.
fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// A member that is a text with something in it.
fn has_text(value: &Value, name: &str) -> bool {
    value[name].as_str().is_some_and(|text| !text.trim().is_empty())
}

/// What stands in a member, without quoting more than a word of the protocol.
fn seen(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::Null if value.get(name).is_none() => format!("no {name}"),
        Value::Null => format!("{name} is null"),
        Value::Bool(_) => format!("{name} is a boolean"),
        Value::Number(_) => format!("{name} is a number"),
        Value::String(text) if text.len() <= 24 && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            format!("{name} is `{text}`")
        }
        Value::String(text) => format!("{name} has {} characters", text.chars().count()),
        Value::Array(items) => format!("{name} is an array of {}", items.len()),
        Value::Object(members) => format!("{name} is an object of {} members", members.len()),
    }
}

/// What must stay the same between equal calls: the status and the cards apart from uuids, extensions and links that
/// open an app: those depend on the EHR that a call names, and are for one use.
fn likeness(exchange: &Exchange) -> Value {
    let mut cards = json!(exchange.cards());
    forget(&mut cards);
    json!([exchange.status, cards])
}

fn forget(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.retain(|item| item["type"] != "smart");
            items.iter_mut().for_each(forget);
        }
        Value::Object(members) => {
            members.values_mut().for_each(forget);
            let left = |name: &str, value: &Value| match name {
                "uuid" | "extension" => false,
                "links" => value.as_array().is_none_or(|links| !links.is_empty()),
                _ => true,
            };
            members.retain(|name, value| left(name, value));
        }
        _ => {}
    }
}

/// For the evidence of a comparison.
fn told(exchange: &Exchange) -> String {
    match exchange.status {
        200 => format!("status 200 with {} cards", exchange.cards().len()),
        _ => exchange.seen(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_item_judged_outside_belongs_to_its_check_and_to_no_other() {
        let listed: BTreeSet<(String, String)> = crate::conform::items()
            .expect("the list")
            .into_iter()
            .filter_map(|item| Some((item.outside?, item.id)))
            .collect();
        let spoken = CHECKS.iter().flat_map(|check| check.items.iter().map(|id| (check.name.into(), (*id).into())));
        let spoken: Vec<(String, String)> = spoken.collect();
        assert_eq!(spoken.len(), listed.len(), "an id stands in two checks");
        assert_eq!(spoken.into_iter().collect::<BTreeSet<_>>(), listed);
    }

    #[test]
    fn evidence_quotes_words_of_the_protocol_and_no_sentences() {
        let card = json!({"indicator": "hard-stop", "summary": "Mrs Lindqvist, 84", "uuid": null});
        assert_eq!(seen(&card, "indicator"), "indicator is `hard-stop`");
        assert_eq!(seen(&card, "summary"), "summary has 17 characters");
        assert_eq!(seen(&card, "uuid"), "uuid is null");
        assert_eq!(seen(&card, "source"), "no source");
    }
}
