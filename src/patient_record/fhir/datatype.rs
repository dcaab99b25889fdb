//! The data types that resources share: codings, references, periods, metadata.

use super::{Many, Moment, One, Text};
use crate::patient_record::terminology::{Code, CodeSystem};
use serde::Deserialize;

/// `Resource.meta`; says which of two copies is the newer, never when something was known.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Meta<'a> {
    pub version_id: Option<Text<'a>>,
    pub last_updated: Option<Moment>,
}

/// A Coding, a CodeableConcept or (R5) a CodeableReference: the releases disagree on which stands where.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Concept<'a> {
    pub system: Option<Text<'a>>,
    pub code: Option<Text<'a>>,
    pub display: Option<Text<'a>>,
    pub coding: Many<Coding<'a>>,
    pub text: Option<Text<'a>>,
    /// CodeableReference.concept
    pub concept: One<Box<Concept<'a>>>,
    /// CodeableReference.reference
    pub reference: One<Reference<'a>>,
}

/// A code in a system.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Coding<'a> {
    pub system: Option<Text<'a>>,
    pub code: Option<Text<'a>>,
    pub display: Option<Text<'a>>,
}

/// A reference to another resource.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Reference<'a> {
    pub reference: Option<Text<'a>>,
}

/// A span of time.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Period {
    pub start: Option<Moment>,
    pub end: Option<Moment>,
}

/// Longer displays are cut: a name of a code, not a place for notes.
const LONGEST_DISPLAY: usize = 200;

impl Concept<'_> {
    /// The code to read: the first of a system that we know, else the first of all.
    pub fn to_code(&self) -> Option<Code> {
        self.choose(|system| !matches!(system, CodeSystem::Other(_)))
            .or_else(|| self.choose(|_| true))
            .or_else(|| self.concept.as_ref()?.to_code())
    }

    /// The first code of a system that is wanted.
    pub fn choose(&self, wanted: impl Fn(&CodeSystem) -> bool) -> Option<Code> {
        let text = self.text.as_deref();
        let own = self.code.as_ref().and_then(|code| made(&self.system, code, &self.display, text, &wanted));
        own.or_else(|| {
            self.coding
                .iter()
                .find_map(|coding| made(&coding.system, coding.code.as_ref()?, &coding.display, text, &wanted))
        })
    }
}

fn made(
    system: &Option<Text<'_>>,
    code: &Text<'_>,
    display: &Option<Text<'_>>,
    text: Option<&str>,
    wanted: impl Fn(&CodeSystem) -> bool,
) -> Option<Code> {
    let system = CodeSystem::from_uri(system.as_deref().unwrap_or_default());
    if code.is_empty() || !wanted(&system) {
        return None;
    }
    let display = display.as_deref().filter(|display| !display.is_empty()).or(text).unwrap_or_default();
    let end = display.floor_char_boundary(LONGEST_DISPLAY);
    Some(Code { system, code: (**code).into(), display: display.get(..end).unwrap_or_default().into() })
}

impl One<Period> {
    /// The start of a period that may be missing.
    pub fn start(&self) -> Option<Moment> {
        self.as_ref()?.start
    }
}

/// The code of a concept that may be missing.
pub fn concept_code(concept: &One<Concept<'_>>) -> Option<Code> {
    concept.as_ref()?.to_code()
}

impl One<Reference<'_>> {
    /// The reference as sent.
    pub fn text(&self) -> Option<&str> {
        self.as_ref()?.reference.as_deref()
    }
}

/// The logical id in a literal reference to a resource of this type: `Patient/x`, with a version, or absolute;
/// of a `urn:uuid:x`, its last part. `None` for contained, conditional and other types' references.
pub fn logical_id<'a>(reference: &'a str, resource_type: &str) -> Option<&'a str> {
    if reference.starts_with("urn:") {
        return reference.rsplit(':').next().filter(|id| !id.is_empty());
    }
    let unversioned = reference.split_once("/_history/").map_or(reference, |(unversioned, _)| unversioned);
    let (before, id) = unversioned.rsplit_once('/')?;
    let named = before.rsplit('/').next()? == resource_type;
    (named && !id.is_empty() && !id.contains(['?', '#'])).then_some(id)
}
