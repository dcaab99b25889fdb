//! What a person typed on a screen, as the draft of a resource. A code is taken as `system|code` or as one of the screen's
//! choices, and never guessed; what is neither is refused.

use super::pages::Screen;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};

/// How long an appointment lasts, in minutes.
const APPOINTMENT_MINUTES: i64 = 30;

/// The fields of the form.
#[derive(Deserialize)]
pub struct Entry {
    /// Type of the resource.
    pub kind: String,
    /// In words; may be empty where the code is one of the choices.
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub code: String,
    /// When an appointment begins: `2026-12-01T09:00`, in UTC.
    #[serde(default)]
    pub when: String,
}

/// Why an entry is no draft.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error("Say what it is, in words or with one of the codes that the field offers.")]
    NoName,
    #[error(
        "The code is neither `system|code`, such as http://loinc.org|4548-4, nor one of those that the field offers. Without a code, leave it empty."
    )]
    NotACode,
    #[error("The time is no date with a time of day, such as 2026-12-01T09:00.")]
    NotATime,
}

impl Entry {
    /// The resource that is meant.
    ///
    /// # Errors
    /// What to change in which field.
    pub fn resource(&self, screen: Screen) -> Result<Value, EntryError> {
        let concept = self.concept(screen)?;
        let mut resource = json!({ "resourceType": self.kind });
        match self.kind.as_str() {
            "MedicationRequest" => resource["medicationCodeableConcept"] = concept,
            "Appointment" => {
                resource["description"] = concept["text"].clone();
                resource["serviceType"] = json!([concept]);
                if let Some(start) = self.start()? {
                    resource["start"] = start.to_string().into();
                    resource["end"] = (start + APPOINTMENT_MINUTES.minutes()).to_string().into();
                }
            }
            "DeviceRequest" => resource["codeCodeableConcept"] = concept,
            "NutritionOrder" => resource["oralDiet"] = json!({ "type": [concept] }),
            _ => resource["code"] = concept,
        }
        Ok(resource)
    }

    fn concept(&self, screen: Screen) -> Result<Value, EntryError> {
        let (text, code) = (self.text.trim(), self.code.trim());
        let choice = screen.choices().iter().find(|one| one.token() == code || one.name.eq_ignore_ascii_case(code));
        let text = choice.map_or(text, |one| if text.is_empty() { one.name } else { text });
        if text.is_empty() {
            return Err(EntryError::NoName);
        }
        let coding = match (choice, code) {
            (Some(one), _) => Some(json!({"system": one.system, "code": one.code, "display": one.name})),
            (None, "") => None,
            (None, _) => {
                let (system, code) = code.split_once('|').ok_or(EntryError::NotACode)?;
                let is_word = |text: &str| !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace());
                if !is_word(system) || !system.contains(':') || !is_word(code) || code.contains('|') {
                    return Err(EntryError::NotACode);
                }
                Some(json!({"system": system, "code": code}))
            }
        };
        let mut concept = json!({ "text": text });
        if let Some(coding) = coding {
            concept["coding"] = json!([coding]);
        }
        Ok(concept)
    }

    fn start(&self) -> Result<Option<Timestamp>, EntryError> {
        if self.when.trim().is_empty() {
            return Ok(None);
        }
        // A day alone has no time of day; the reader would take it for midnight.
        let when = Some(self.when.trim()).filter(|when| when.contains('T')).ok_or(EntryError::NotATime)?;
        let when: DateTime = when.parse().map_err(|_| EntryError::NotATime)?;
        // Later than any calendar goes there is no end either.
        let is_near = (1900..2200).contains(&when.year());
        let start = Some(when).filter(|_| is_near).and_then(|when| when.to_zoned(TimeZone::UTC).ok());
        start.map(|start| Some(start.timestamp())).ok_or(EntryError::NotATime)
    }
}
