//! What would tell who a patient is: the texts of her Patient resource that must not reach a dataset.

use serde_json::Value;

/// Shorter texts are found in half of all displays.
const SHORTEST: usize = 3;

/// Names, addresses, telephone numbers and identifiers of one patient, lower case.
pub struct Identity(Vec<String>);

impl Identity {
    /// Collects from the patient's id and her Patient resources.
    pub fn of<'a>(id: &str, patients: impl Iterator<Item = &'a str>) -> Self {
        let mut texts = vec![id.to_lowercase()];
        for json in patients {
            let Ok(patient) = serde_json::from_str::<Value>(json) else { continue };
            let contacts = patient.get("contact").and_then(Value::as_array).into_iter().flatten();
            for person in contacts.chain([&patient]) {
                for field in ["name", "telecom", "address", "identifier"] {
                    collect(person.get(field), &mut texts);
                }
            }
        }
        texts.retain(|text| text.chars().count() >= SHORTEST);
        texts.sort();
        texts.dedup();
        Self(texts)
    }

    /// Whether a text holds one of them as whole words.
    pub fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().any(|own| {
            text.match_indices(own.as_str()).any(|(at, _)| {
                let before = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
                let after = text[at + own.len()..].chars().next().is_some_and(char::is_alphanumeric);
                !before && !after
            })
        })
    }
}

/// Fields within names, addresses and identifiers that are words of a code system or of everyone.
const NOT_PERSONAL: [&str; 8] = ["use", "system", "type", "period", "country", "state", "prefix", "extension"];

fn collect(value: Option<&Value>, texts: &mut Vec<String>) {
    match value {
        Some(Value::String(text)) => texts.push(text.trim().to_lowercase()),
        Some(Value::Array(items)) => items.iter().for_each(|item| collect(Some(item), texts)),
        Some(Value::Object(fields)) => fields
            .iter()
            .filter(|(name, _)| !NOT_PERSONAL.contains(&name.as_str()) && !name.starts_with('_'))
            .for_each(|(_, value)| collect(Some(value), texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_identifiers_are_found_as_whole_words() {
        let patient = r#"{"resourceType":"Patient","name":[{"use":"official","family":"Quill","given":["Ada"]}],
            "telecom":[{"system":"phone","value":"555-0100"}],"address":[{"line":["7 Elm Row"],"state":"MA"}],
            "identifier":[{"system":"urn:x","value":"MRN7"}]}"#;
        let identity = Identity::of("p-17", [patient].into_iter());
        for text in ["Seen by QUILL.", "quill", "ada", "call 555-0100 now", "at 7 elm row", "MRN7", "p-17"] {
            assert!(identity.is_in(text), "{text}");
        }
        for text in ["Quillaia bark", "Adams", "official", "MA", "phone", "urn:x", ""] {
            assert!(!identity.is_in(text), "{text}");
        }
    }
}
