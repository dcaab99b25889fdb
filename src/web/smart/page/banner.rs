//! Whose chart it is, as an EHR's banner says it: name, birth date and number at the head of the page.
//!
//! An EHR tells with the token whether it shows this itself (`need_patient_banner`, SMART App Launch 2.2). A person is on
//! the page and nowhere else: it cannot be printed.

use super::wording::words;
use maud::{Markup, html};
use serde_json::Value;

/// Who says whose chart it is.
#[derive(Clone, Debug, Default)]
pub enum Banner {
    /// The EHR, beside the page.
    #[default]
    AtTheEhr,
    /// The page.
    Of(Person),
    /// The page would, and could not read it.
    NotRead,
}

/// What tells one patient from another. All of it the record's own words: hostile like the chart.
#[derive(Clone, Default)]
pub struct Person {
    name: Option<String>,
    birth: Option<String>,
    /// What kind of number, and the number.
    number: Option<(String, String)>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(..)")
    }
}

impl Person {
    /// Reads a Patient; `None` where it is not the one with this id.
    pub fn read(json: &str, id: &str) -> Option<Self> {
        let patient: Value = serde_json::from_str(json).ok()?;
        let same = patient["resourceType"] == "Patient" && patient["id"] == id;
        same.then(|| Self {
            name: name(&patient["name"]),
            birth: text(&patient["birthDate"]),
            number: number(&patient["identifier"]),
        })
    }
}

/// A text in one line, where there is something to see.
fn text(value: &Value) -> Option<String> {
    value.as_str().map(words).filter(|text| !text.is_empty())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The official name, else the usual one, else the first that is still in use: `Family, Given Given`.
fn name(names: &Value) -> Option<String> {
    let rank = |name: &&Value| match name["use"].as_str() {
        Some("official") => 0,
        Some("usual") => 1,
        Some("old" | "maiden") => 3,
        _ => 2,
    };
    let name = list(names).iter().min_by_key(rank)?;
    let given: Vec<String> = list(&name["given"]).iter().filter_map(text).collect();
    match (text(&name["family"]), given.join(" ")) {
        (Some(family), given) if given.is_empty() => Some(family),
        (Some(family), given) => Some(words(&format!("{family}, {given}"))),
        (None, given) => text(&name["text"]).or_else(|| (!given.is_empty()).then(|| words(&given))),
    }
}

/// The medical record number (`MR` of HL7 v2 table 0203), else the first number that is no social security number.
fn number(identifiers: &Value) -> Option<(String, String)> {
    let is = |one: &Value, code: &str| list(&one["type"]["coding"]).iter().any(|coding| coding["code"] == code);
    let usable = list(identifiers).iter().filter(|one| text(&one["value"]).is_some() && !is(one, "SS"));
    let one = usable.min_by_key(|one| (one["use"] == "old", !is(one, "MR")))?;
    let kind = text(&one["type"]["text"]).or_else(|| text(&one["type"]["coding"][0]["display"]));
    Some((kind.unwrap_or_else(|| "Number".to_owned()), text(&one["value"])?))
}

/// The banner, where the page has one.
pub fn drawn(banner: &Banner) -> Markup {
    html! {
        @match banner {
            Banner::AtTheEhr => {}
            Banner::NotRead => div .who role="alert" {
                "Name and birth date could not be read: compare the patient id with the EHR."
            },
            Banner::Of(person) => div .who {
                strong { (person.name.as_deref().unwrap_or("Name not stated")) }
                " " span { "born " (person.birth.as_deref().unwrap_or("on a day not stated")) }
                @if let Some((kind, number)) = &person.number { " " span { (kind) " " code { (number) } } }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(patient: &Value) -> String {
        drawn(&Person::read(&patient.to_string(), "p-1").map_or(Banner::NotRead, Banner::Of)).into_string()
    }

    #[test]
    fn a_patient_is_named_by_official_name_birth_date_and_record_number() {
        let patient = json!({"resourceType": "Patient", "id": "p-1", "birthDate": "1960-02-03",
            "name": [{"use": "maiden", "family": "Old"}, {"use": "official", "family": "Roe", "given": ["Jane", "Ann"]}],
            "identifier": [{"type": {"coding": [{"code": "SS"}]}, "value": "999-11-2222"}, {"value": "first"},
                           {"type": {"coding": [{"code": "MR", "display": "Medical record"}]}, "value": "m-77"}]});
        let told = told(&patient);
        for words in ["<strong>Roe, Jane Ann</strong>", "born 1960-02-03", "Medical record <code>m-77</code>"] {
            assert!(told.contains(words), "{told}");
        }
        assert!(!told.contains("999") && !told.contains("Old"));
    }

    #[test]
    fn what_is_missing_misshapen_or_of_another_patient_is_said_and_never_guessed() {
        let patient =
            json!({"resourceType": "Patient", "id": "p-1", "name": "Roe", "birthDate": 7, "identifier": [{}]});
        let bare = told(&patient);
        assert!(
            bare.contains("Name not stated") && bare.contains("a day not stated") && !bare.contains("code"),
            "{bare}"
        );
        let other = json!({"resourceType": "Patient", "id": "p-2", "name": [{"family": "Roe"}]});
        assert!(told(&other).contains("could not be read") && !told(&other).contains("Roe"));
        let hostile = json!({"resourceType": "Patient", "id": "p-1", "name": [{"text": "<b>\u{202e}Roe"}]});
        assert!(told(&hostile).contains("&lt;b&gt;Roe"), "{}", told(&hostile));
        assert_eq!(format!("{:?}", Person::read(&patient.to_string(), "p-1")), "Some(Person(..))");
    }
}
