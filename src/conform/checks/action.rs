//! Every action of the run, and the FHIR resources in them.

use super::{Check, answers, has_text, list, seen, suggestions};
use crate::conform::bench::{Bench, Shown};
use crate::conform::verdict::Findings;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    name: "action",
    items: &[
        "CH-008", "CH-193", "CH-194", "CH-195", "CH-196", "CH-197", "CH-198", "CH-199", "CH-200", "CH-202", "CH-206",
    ],
    needs_answers: true,
    run: |bench, findings| Box::pin(run(bench, findings)),
};

/// What FHIR R4 requires of the resources that services write most.
const REQUIRED: [(&str, &[&str]); 12] = [
    ("ServiceRequest", &["status", "intent", "subject"]),
    ("MedicationRequest", &["status", "intent", "subject"]),
    ("DeviceRequest", &["intent", "subject"]),
    ("NutritionOrder", &["status", "intent", "patient", "dateTime"]),
    ("CommunicationRequest", &["status"]),
    ("Task", &["status", "intent"]),
    ("Appointment", &["status", "participant"]),
    ("Condition", &["subject"]),
    ("Observation", &["status", "code"]),
    ("Procedure", &["status", "subject"]),
    ("CarePlan", &["status", "intent", "subject"]),
    ("RiskAssessment", &["status", "subject"]),
];

async fn run(bench: &Bench, findings: &mut Findings) {
    for exchange in answers(bench) {
        for (_, suggestion) in suggestions(&exchange) {
            for action in list(suggestion, "actions") {
                findings.judge(
                    "CH-194",
                    &exchange.name,
                    has_text(action, "description"),
                    "a description",
                    seen(action, "description"),
                );
                one(&exchange.name, action, findings);
            }
        }
    }
    for exchange in bench.sender.log().iter().filter(|exchange| exchange.status == 200) {
        for action in exchange.json().into_iter().flat_map(|body| list(body, "systemActions")) {
            let told = seen(action, "description");
            findings.judge("CH-195", &exchange.name, has_text(action, "description"), "a description", told);
            one(&exchange.name, action, findings);
        }
    }
    bench.shown.iter().for_each(|shown| targets(shown, findings));
}

fn one(request: &str, action: &Value, findings: &mut Findings) {
    let kind = action["type"].as_str().unwrap_or_default();
    let known = matches!(kind, "create" | "update" | "delete");
    findings.judge("CH-193", request, known, "create, update or delete", seen(action, "type"));
    let resource = action.get("resource");
    findings.judge("CH-200", request, !resource.is_some_and(Value::is_string), "no text as resource", "an id");
    let typed = resource.is_some_and(|resource| has_text(resource, "resourceType"));
    match kind {
        "create" => findings.judge("CH-196", request, typed, "a resource", seen(action, "resource")),
        "update" => findings.judge("CH-197", request, typed, "a resource", seen(action, "resource")),
        "delete" => {
            let named = action["resourceId"].as_str().is_some_and(is_relative) && resource.is_none();
            findings.judge("CH-199", request, named, "resourceId as Type/id, no resource", seen(action, "resourceId"));
        }
        _ => {}
    }
    if let Some(resource) = resource.filter(|resource| resource.is_object()) {
        let fault = fault_of(resource);
        findings.judge("CH-008", request, fault.is_none(), "FHIR JSON", fault.unwrap_or_default());
        requirements(request, resource, findings);
    }
}

fn requirements(request: &str, resource: &Value, findings: &mut Findings) {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let Some((_, required)) = REQUIRED.iter().find(|(known, _)| *known == kind) else { return };
    let missing = required.iter().find(|member| resource[**member].is_null());
    let told = missing.map(|member| format!("a {kind} without {member}")).unwrap_or_default();
    findings.judge("CH-206", request, missing.is_none(), "what R4 requires", told);
}

/// What is not FHIR JSON in a resource: no type, empties, nulls outside arrays of primitives, XML's way of writing.
fn fault_of(resource: &Value) -> Option<String> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let is_type =
        kind.starts_with(|first: char| first.is_ascii_uppercase()) && kind.bytes().all(|b| b.is_ascii_alphabetic());
    if !is_type {
        return Some("a resource without a resourceType".to_owned());
    }
    fault_below(resource)
}

fn fault_below(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) if members.is_empty() => Some("an empty object".to_owned()),
        Value::Object(members) => members.iter().find_map(|(name, member)| match member {
            Value::Null => Some(format!("{name} is null")),
            Value::String(text) if text.is_empty() => Some(format!("{name} is empty")),
            Value::Array(items) if items.is_empty() => Some(format!("{name} is empty")),
            _ if name.starts_with(['@', '$', '#']) => Some("members of an XML translation".to_owned()),
            member => fault_below(member),
        }),
        Value::Array(items) => items.iter().find_map(fault_below),
        _ => None,
    }
}

fn is_relative(reference: &str) -> bool {
    let mut parts = reference.split('/');
    let (kind, id) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    kind.starts_with(|first: char| first.is_ascii_uppercase()) && !id.is_empty() && parts.next().is_none()
}

/// Updates and deletes, beside what the call held.
fn targets(shown: &Shown, findings: &mut Findings) {
    let request = &*shown.exchange.name;
    let mut held = Vec::new();
    resources(&shown.call, &mut held);
    let system = shown.exchange.json().into_iter().flat_map(|body| list(body, "systemActions"));
    let suggested = suggestions(&shown.exchange).flat_map(|(_, suggestion)| list(suggestion, "actions"));
    for action in system.chain(suggested).filter(|action| action["type"] != "create") {
        let resource = &action["resource"];
        let target = match action["resourceId"].as_str() {
            Some(target) => target.to_owned(),
            None => format!("{}/{}", as_text(&resource["resourceType"]), as_text(&resource["id"])),
        };
        let original =
            held.iter().find(|held| format!("{}/{}", as_text(&held["resourceType"]), as_text(&held["id"])) == target);
        if shown.offer.is_order_hook() {
            findings.judge("CH-202", request, original.is_some(), "an order of the call", "another target");
        }
        let Some((original, true)) = original.map(|original| (original, action["type"] == "update")) else { continue };
        let lost = original.as_object().into_iter().flatten().find(|(name, _)| resource.get(name).is_none());
        let told = lost.map(|(name, _)| format!("an update without {name}")).unwrap_or_default();
        findings.judge("CH-197", request, lost.is_none(), "the whole resource", told);
        let kept = ["_intent", "contained", "id"];
        let kept =
            kept.iter().filter(|name| original.get(**name).is_some()).all(|name| resource[*name] == original[*name])
                && list(original, "extension").all(|known| list(resource, "extension").any(|ours| ours == known));
        findings.judge("CH-198", request, kept, "extensions, contained and decimals as they came", "a changed one");
    }
}

fn as_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Every resource below a value.
fn resources<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| resources(item, found)),
        Value::Object(members) => {
            if has_text(value, "resourceType") && value["resourceType"] != "Bundle" {
                found.push(value);
            }
            members.values().for_each(|member| resources(member, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_fhir_json_is_found() {
        assert_eq!(
            fault_of(&json!({"resourceType": "Task", "given": ["a", null], "_given": [null, {"id": "x"}]})),
            None
        );
        for (fault, resource) in [
            ("without a resourceType", json!({"status": "draft"})),
            ("status is null", json!({"resourceType": "Task", "status": null})),
            ("note is empty", json!({"resourceType": "Task", "note": []})),
            ("XML", json!({"resourceType": "Task", "status": {"@value": "draft"}})),
        ] {
            assert!(fault_of(&resource).is_some_and(|told| told.contains(fault)), "{fault}");
        }
    }

    #[test]
    fn a_relative_reference_has_a_type_and_an_id() {
        assert!(is_relative("MedicationRequest/d1"));
        for other in ["d1", "http://h/Task/1", "Task/1/_history/2", "Task/"] {
            assert!(!is_relative(other), "{other}");
        }
    }
}
