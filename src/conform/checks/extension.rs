//! Every `extension` that was answered outside FHIR resources.

use super::Check;
use crate::conform::bench::Bench;
use crate::conform::verdict::Findings;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    name: "extension",
    items: &["CH-277", "CH-279"],
    needs_answers: false,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

async fn run(bench: &Bench, findings: &mut Findings) {
    for exchange in bench.sender.log().iter().filter(|exchange| exchange.status == 200) {
        let mut found = Vec::new();
        exchange.json().into_iter().for_each(|body| find(body, &mut found));
        for extension in found {
            let members = extension.as_object().filter(|members| !members.is_empty());
            findings.judge("CH-277", &exchange.name, members.is_some(), "a filled object", "something else");
            for name in members.into_iter().flatten().map(|(name, _)| name) {
                let seen = format!("a name of {} characters without a domain", name.chars().count());
                findings.judge("CH-279", &exchange.name, is_unique(name), "`org.example.name`", seen);
            }
        }
    }
}

/// A dotted name, or one with a vendor's prefix as Da Vinci writes it.
fn is_unique(name: &str) -> bool {
    name.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty())
}

fn find<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match &**name {
                    "resource" => {}
                    "extension" => found.push(member),
                    _ => find(member, found),
                }
            }
        }
        _ => {}
    }
}
