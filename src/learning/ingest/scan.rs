//! What routing must know of resources beside whose they are: which types are worth keeping, which of their parts
//! are not. The chart reader alone decides what a resource means.

use crate::patient_record::fhir::Text;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The types that the chart reader reads, apart from Medication and Bundle, which have no patient of their own.
const READ: [&str; 17] = [
    "Patient",
    "Encounter",
    "Condition",
    "Observation",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "Procedure",
    "Immunization",
    "AllergyIntolerance",
    "DiagnosticReport",
    "ServiceRequest",
    "CarePlan",
    "DocumentReference",
    "ImagingStudy",
    "Device",
    "FamilyMemberHistory",
];

/// Whether the chart reader would read a resource of this type.
pub fn is_read(resource_type: &str) -> bool {
    READ.contains(&resource_type)
}

/// A resource type as reports may show it: what does not look like one could be anything, so it is not repeated.
pub fn shown_type(resource_type: &str) -> &str {
    let letters = resource_type.bytes().all(|byte| byte.is_ascii_alphabetic());
    let known_shape =
        letters && resource_type.len() <= 40 && resource_type.starts_with(|c: char| c.is_ascii_uppercase());
    if known_shape { resource_type } else { "unknown" }
}

/// A note without its body and a report without its pictures: only type and date are read, and bodies are the
/// bulk of many exports. Any other resource stays as it is.
pub fn without_body<'a>(resource_type: &str, json: &'a str) -> Cow<'a, str> {
    let body: &[&str] = match resource_type {
        "DocumentReference" => &["content", "text", "contained"],
        "DiagnosticReport" => &["presentedForm", "text", "conclusion"],
        _ => return Cow::Borrowed(json),
    };
    let Ok(Fields(fields)) = serde_json::from_str::<Fields>(json) else { return Cow::Borrowed(json) };
    let mut kept = String::with_capacity(512);
    for (name, value) in fields.iter().filter(|(name, _)| !body.contains(&name.as_ref())) {
        kept.push(if kept.is_empty() { '{' } else { ',' });
        kept.push_str(&serde_json::Value::from(name.as_ref()).to_string());
        kept.push(':');
        kept.push_str(value.get());
    }
    kept.push('}');
    Cow::Owned(kept)
}

/// An object's fields in order, values unread.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_loses_its_body_and_keeps_type_and_date() {
        let note = r#"{"resourceType":"DocumentReference","type":{"text":"a"},"date":"2020","content":[{"attachment":{"data":"c2VjcmV0"}}]}"#;
        assert_eq!(
            without_body("DocumentReference", note),
            r#"{"resourceType":"DocumentReference","type":{"text":"a"},"date":"2020"}"#
        );
        assert_eq!(without_body("Condition", note), note);
    }

    #[test]
    fn only_what_looks_like_a_type_is_shown() {
        assert_eq!(shown_type("Claim"), "Claim");
        assert_eq!(shown_type("Mary Miller"), "unknown");
        assert_eq!(shown_type(""), "unknown");
    }
}
