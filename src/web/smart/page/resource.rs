//! One resource for a clinician: what it says in words, and all of it as JSON.
//!
//! Reads FHIR by the shape of its datatypes, not by resource type, so that a member of the wrong shape is left out and takes
//! nothing from the others. Where the resource lies is said as text: a browser has no token for it.

use super::{frame, wording};
use crate::decision_support::cards::wording::is_invisible;
use maud::{Markup, html};
use serde_json::{Map, Value};
use std::fmt::Write;

/// Entries of a list that are told.
const MOST: usize = 12;
/// Characters of JSON that are shown: an attachment can be of any length.
const LONGEST: usize = 100_000;

/// Members that are told, in a reader's order; each stands for its choice types too (`value[x]`, `onset[x]`).
const FACTS: [(&str, &str); 30] = [
    ("code", "What"),
    ("medication", "Medicine"),
    ("vaccineCode", "Vaccine"),
    ("type", "Type"),
    ("class", "Class"),
    ("category", "Category"),
    ("modality", "Modality"),
    ("relationship", "Relative"),
    ("condition", "Condition"),
    ("value", "Value"),
    ("component", "Parts"),
    ("dataAbsentReason", "No value because"),
    ("interpretation", "Interpretation"),
    ("referenceRange", "Reference range"),
    ("effective", "When"),
    ("performed", "When"),
    ("occurrence", "When"),
    ("period", "When"),
    ("started", "Started"),
    ("onset", "Onset"),
    ("abatement", "Ended"),
    ("authored", "Ordered"),
    ("recorded", "Recorded"),
    ("issued", "Issued"),
    ("date", "Date"),
    ("clinicalStatus", "Clinical status"),
    ("verificationStatus", "Verification"),
    ("status", "Status"),
    ("dosage", "Dose"),
    ("reason", "Reason"),
];

/// The page of a resource. `address`: where it lies.
pub fn page(resource: &Value, address: &str) -> Markup {
    let facts = facts(resource);
    let resource_type = resource["resourceType"].as_str().unwrap_or("Resource");
    frame::frame(
        "Evidence",
        &html! {
            section .panel {
                h1 { (wording::words(resource_type)) }
                dl .facts {
                    @for (label, text) in &facts { dt { (label) } dd { (text) } }
                    dt { "Lies at" } dd { code { (address) } }
                }
                details { summary { "All of it, as JSON" } pre tabindex="0" { code { (written(resource)) } } }
                p { a href="/smart/patient" { "Back to the patient" } }
            }
        },
    )
}

fn facts(resource: &Value) -> Vec<(&'static str, String)> {
    let Some(members) = resource.as_object() else { return Vec::new() };
    let told = FACTS.iter().flat_map(|(name, label)| {
        let of_name = members.iter().filter(|(member, _)| is_of(member, name));
        of_name.filter_map(|(_, value)| Some((*label, said(value)?)))
    });
    told.collect()
}

/// `valueQuantity` is of `value`, `valued` is not.
fn is_of(member: &str, name: &str) -> bool {
    member
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// A value in words; `None` where there are none for it.
fn said(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => wording::words(text),
        Value::Array(all) => all.iter().filter_map(said).take(MOST).collect::<Vec<_>>().join("; "),
        Value::Object(members) => datatype(members)?,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// A datatype of FHIR R4, told by the members that it has.
fn datatype(members: &Map<String, Value>) -> Option<String> {
    let get = |name: &str| members.get(name).and_then(said);
    if members.get("value").is_some_and(Value::is_number) {
        let parts = [get("comparator"), get("value"), get("unit").or_else(|| get("code"))];
        return Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "));
    }
    if members.get("code").is_some_and(Value::is_object) {
        let values = members.iter().filter(|(name, _)| is_of(name, "value") || is_of(name, "onset"));
        let values: Vec<String> = values.filter_map(|(_, value)| said(value)).collect();
        let what = get("code")?;
        return Some(if values.is_empty() { what } else { format!("{what}: {}", values.join(", ")) });
    }
    if let Some(codings) = members.get("coding").and_then(Value::as_array) {
        let codes: Vec<String> = codings.iter().filter_map(coded).take(MOST).collect();
        let name = get("text").or_else(|| codings.iter().find_map(|coding| said(&coding["display"])));
        return match (name, codes.is_empty()) {
            (Some(name), true) => Some(name),
            (Some(name), false) => Some(format!("{name} ({})", codes.join(", "))),
            (None, _) => Some(codes.join(", ")),
        };
    }
    if let Some(text) = get("text").or_else(|| get("display")) {
        return Some(text);
    }
    match (get("start").or_else(|| get("low")), get("end").or_else(|| get("high"))) {
        (Some(from), Some(to)) => Some(format!("{from} to {to}")),
        (Some(from), None) => Some(format!("from {from}")),
        (None, Some(to)) => Some(format!("to {to}")),
        (None, None) => get("reference").or_else(|| get("code")),
    }
}

/// "LOINC 4548-4"
fn coded(coding: &Value) -> Option<String> {
    let code = said(&coding["code"])?;
    Some(wording::code_in_system(coding["system"].as_str().unwrap_or_default(), &code))
}

/// The JSON with line breaks; characters that nobody sees as their escapes.
fn written(resource: &Value) -> String {
    let text = serde_json::to_string_pretty(resource).unwrap_or_default();
    let mut letters = text.chars();
    let mut shown = letters.by_ref().take(LONGEST).fold(String::new(), |mut shown, letter| {
        if is_invisible(letter) {
            let _ = write!(shown, "\\u{:04x}", u32::from(letter));
        } else {
            shown.push(letter);
        }
        shown
    });
    if letters.next().is_some() {
        shown.push_str("\n… and more, which is too long for this page");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn datatypes_are_told_by_their_shape() {
        for (value, words) in [
            (json!({"comparator": "<", "value": 8.30, "unit": "mL/min"}), "< 8.3 mL/min"),
            (
                json!({"text": "GFR", "coding": [{"system": "http://loinc.org", "code": "33914-3"}]}),
                "GFR (LOINC 33914-3)",
            ),
            (json!({"coding": [{"code": "final", "display": "Final"}]}), "Final (code final)"),
            (
                json!({"code": {"text": "Systolic"}, "valueQuantity": {"value": 120, "code": "mm[Hg]"}}),
                "Systolic: 120 mm[Hg]",
            ),
            (json!({"start": "2020-01-01", "end": "2020-02-01"}), "2020-01-01 to 2020-02-01"),
            (json!({"low": {"value": 1, "unit": "g"}}), "from 1 g"),
            (json!({"system": "x", "code": "AMB"}), "AMB"),
            (json!({"reference": "Encounter/e-1"}), "Encounter/e-1"),
            (json!([true, "a\u{202e}b"]), "yes; ab"),
        ] {
            assert_eq!(said(&value).as_deref(), Some(words));
        }
        for nothing in [json!(null), json!({}), json!([]), json!({"value": "x"}), json!(" ")] {
            assert_eq!(said(&nothing), None);
        }
    }

    #[test]
    fn a_members_choice_types_are_told_and_its_namesakes_are_not() {
        let told = facts(&json!({"valueString": "a", "valued": "b", "onsetDateTime": "2020-01-01", "performer": "c"}));
        assert_eq!(told, [("Value", "a".to_owned()), ("Onset", "2020-01-01".to_owned())]);
    }

    #[test]
    fn json_is_cut_escaped_and_hides_nothing() {
        let shown = page(&json!({"resourceType": "<b>", "x": "<script>\u{202e}"}), "https://ehr/<i>").into_string();
        assert!(shown.contains("&lt;script&gt;\\u202e") && shown.contains("https://ehr/&lt;i&gt;"), "{shown}");
        assert!(!shown.contains("<b>") && !shown.contains("<i>"));
        assert!(written(&json!("y".repeat(LONGEST + 1))).ends_with("too long for this page"));
    }
}
