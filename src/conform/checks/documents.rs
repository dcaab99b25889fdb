//! Every JSON document that was answered with 200: one object, parsed strictly, without nulls and empties.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::verdict::Findings;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    name: "documents",
    items: &["CH-001", "CH-004", "CH-005", "CH-006", "CH-010"],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

/// Members of the protocol that may be left out.
const OPTIONAL: [&str; 20] = [
    "title",
    "prefetch",
    "usageRequirements",
    "version",
    "hookVersion",
    "extension",
    "systemActions",
    "uuid",
    "detail",
    "suggestions",
    "selectionBehavior",
    "overrideReasons",
    "links",
    "url",
    "icon",
    "topic",
    "isRecommended",
    "actions",
    "appContext",
    "display",
];

async fn run(bench: &Bench, findings: &mut Findings) {
    for exchange in bench.sender.log().iter().filter(|exchange| exchange.status == 200) {
        let (name, answered) = (&*exchange.name, !exchange.body.is_empty());
        if name == "discovery" || name.contains("good call") {
            let good = exchange.json().is_some_and(Value::is_object);
            findings.judge("CH-001", name, good, "one JSON object", "something else");
        }
        if answered {
            findings.judge("CH-010", name, exchange.json().is_some(), "strict JSON", "text that does not parse");
        }
        let Some(body) = exchange.json() else { continue };
        let mut empties = Vec::new();
        find_empties(body, "", 0, &mut empties);
        let said = |of: &dyn Fn(&Empty) -> bool| {
            empties.iter().find(|empty| of(empty)).map(|empty| format!("{} is {}", empty.path, empty.what))
        };
        let null = said(&|empty| empty.what == "null");
        findings.judge("CH-004", name, null.is_none(), "no null", null.unwrap_or_default());
        let blank = said(&|empty| empty.what != "null");
        findings.judge("CH-005", name, blank.is_none(), "nothing empty", blank.unwrap_or_default());
        let optional = said(&|empty| OPTIONAL.contains(&&*empty.name));
        findings.judge("CH-006", name, optional.is_none(), "left out", optional.unwrap_or_default());
    }
}

struct Empty {
    path: String,
    name: String,
    what: &'static str,
}

/// Nulls and empties outside FHIR resources. Only the two lists of the root may be empty.
fn find_empties(value: &Value, path: &str, depth: usize, found: &mut Vec<Empty>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), member)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        _ => return,
    };
    for (name, member) in inside {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let what = match member {
            Value::Null => Some("null"),
            Value::String(text) if text.is_empty() => Some("an empty text"),
            Value::Array(items) if items.is_empty() => Some("an empty array"),
            Value::Object(members) if members.is_empty() => Some("an empty object"),
            _ => None,
        };
        let allowed = depth == 0 && matches!(&*name, "services" | "cards") && what == Some("an empty array");
        match what {
            Some(what) if !allowed => found.push(Empty { path, name, what }),
            _ if name != "resource" => find_empties(member, &path, depth + 1, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_two_lists_may_be_empty_and_resources_are_left_to_fhir() {
        let found = |value: Value| {
            let mut found = Vec::new();
            find_empties(&value, "", 0, &mut found);
            found.into_iter().map(|empty| format!("{} {}", empty.path, empty.what)).collect::<Vec<_>>()
        };
        assert!(found(json!({"cards": [], "services": []})).is_empty());
        assert!(found(json!({"actions": [{"resource": {"given": [null], "extension": []}}]})).is_empty());
        assert_eq!(found(json!({"cards": [{"links": []}]})), ["cards.0.links an empty array"]);
        assert_eq!(found(json!({"systemActions": [], "cards": null})), ["systemActions an empty array", "cards null"]);
    }
}
