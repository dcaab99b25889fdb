//! What the chart view and the prefetch search need of one resource, read once when the chart is loaded.
//!
//! Reads leniently and for display only: the model never sees these, the resource's own text is what is sent.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

/// A code in its system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub system: Box<str>,
    pub code: Box<str>,
}

/// A number with the unit it was written in.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub number: f64,
    pub unit: Box<str>,
}

/// The displayable and searchable part of one resource.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Text or first display of the code.
    pub title: Box<str>,
    pub codes: Vec<Token>,
    pub categories: Vec<Token>,
    /// `status`, or the code of `clinicalStatus`.
    pub status: Option<Box<str>>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    /// When it was written down, where that is said apart (`recordedDate`).
    pub recorded: Option<Timestamp>,
    pub reading: Option<Reading>,
    /// Components with a number: code and reading.
    pub components: Vec<(Box<str>, Reading)>,
    /// `medicationReference.reference`
    pub medication: Option<Box<str>>,
    /// `Patient/x` that the resource is about.
    pub subject: Option<Box<str>>,
}

const STARTS: [&str; 10] = [
    "effectiveDateTime",
    "authoredOn",
    "performedDateTime",
    "onsetDateTime",
    "recordedDate",
    "occurrenceDateTime",
    "started",
    "start",
    "date",
    "issued",
];
const PERIODS: [&str; 3] = ["period", "performedPeriod", "effectivePeriod"];
const CONCEPTS: [&str; 5] = ["code", "medicationCodeableConcept", "vaccineCode", "type", "class"];

impl Facts {
    /// Reads one parsed resource.
    pub fn read(resource: &Value) -> Self {
        let concept = CONCEPTS.iter().map(|field| first(&resource[*field])).find(|concept| concept.is_object());
        let concept = concept.unwrap_or(&Value::Null);
        let period = PERIODS.iter().map(|field| &resource[*field]).find(|period| period.is_object());
        let start = STARTS.iter().find_map(|field| instant(&resource[*field]));
        Self {
            title: title(concept),
            codes: tokens(concept),
            categories: list(&resource["category"]).flat_map(tokens).collect(),
            status: text(&resource["status"]).or_else(|| text(&resource["clinicalStatus"]["coding"][0]["code"])),
            start: start.or_else(|| period.and_then(|period| instant(&period["start"]))),
            end: instant(&resource["abatementDateTime"]).or_else(|| period.and_then(|period| instant(&period["end"]))),
            recorded: instant(&resource["recordedDate"]),
            reading: reading(&resource["valueQuantity"]),
            components: list(&resource["component"])
                .filter_map(|part| Some((text(&part["code"]["coding"][0]["code"])?, reading(&part["valueQuantity"])?)))
                .collect(),
            medication: text(&resource["medicationReference"]["reference"]),
            subject: text(&resource["subject"]["reference"])
                .or_else(|| text(&resource["patient"]["reference"]))
                .or_else(|| list(&resource["participant"]).find_map(patient_among)),
        }
    }

    /// Whether one of the codes is `code`, in any system.
    pub fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|token| &*token.code == code)
    }
}

/// The display of a concept without SNOMED's tag at the end: `Diabetes mellitus type 2 (disorder)`.
pub fn without_tag(title: &str) -> &str {
    match title.rfind(" (") {
        Some(at) if title.ends_with(')') => title.get(..at).unwrap_or(title),
        _ => title,
    }
}

/// A FHIR date or instant; a date, year or month alone stands for its first second in UTC.
pub fn instant(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    if text.contains('T') {
        return text.parse().ok();
    }
    date(text)?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A FHIR date of any precision, as its first day.
pub fn date(text: &str) -> Option<Date> {
    match text.len() {
        4 => format!("{text}-01-01").parse().ok(),
        7 => format!("{text}-01").parse().ok(),
        _ => text.parse().ok(),
    }
}

fn first(value: &Value) -> &Value {
    value.as_array().and_then(|items| items.first()).unwrap_or(value)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Of an appointment: the patient who takes part.
fn patient_among(participant: &Value) -> Option<Box<str>> {
    text(&participant["actor"]["reference"]).filter(|actor| actor.starts_with("Patient/"))
}

fn text(value: &Value) -> Option<Box<str>> {
    value.as_str().map(Into::into)
}

fn title(concept: &Value) -> Box<str> {
    ["text", "display", "code"]
        .iter()
        .find_map(|field| text(&concept[*field]))
        .or_else(|| text(&concept["coding"][0]["display"]))
        .unwrap_or_default()
}

fn tokens(concept: &Value) -> Vec<Token> {
    let token = |coding: &Value| {
        Some(Token { system: text(&coding["system"]).unwrap_or_default(), code: text(&coding["code"])? })
    };
    match token(concept) {
        Some(bare) => vec![bare],
        None => list(&concept["coding"]).filter_map(token).collect(),
    }
}

fn reading(quantity: &Value) -> Option<Reading> {
    let number = quantity["value"].as_f64()?;
    Some(Reading { number, unit: text(&quantity["unit"]).unwrap_or_default() })
}
