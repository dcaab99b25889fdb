//! What clinicians did with cards (CDS Hooks 2.0, "Feedback"), in the specification's spelling and in Epic's.
//!
//! A comment is a clinician's free text and may name the patient: that there was one is kept, its text is not.

use super::members::{Members, members_of};
use super::request::{RequestError, read_object};
use super::response::Coding;
use serde_json::value::RawValue;
use uuid::Uuid;

/// One card's fate.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    pub card: Uuid,
    pub reaction: Reaction,
    /// Milliseconds since 1970-01-01T00:00:00Z, by the EHR's clock.
    pub at_millisecond: i64,
    /// The reason came as `overrideReasons`, which is Epic's word.
    pub vendor_spelling: bool,
}

/// Accepted or overridden; ignored cards are never reported.
#[derive(Clone, Debug, PartialEq)]
pub enum Reaction {
    /// At least one suggestion.
    Accepted {
        suggestions: Vec<Uuid>,
    },
    Overridden {
        reason: Option<OverrideReason>,
    },
}

/// Why a card was dismissed.
#[derive(Clone, Debug, PartialEq)]
pub struct OverrideReason {
    pub coding: Option<Coding>,
    /// The clinician also wrote something.
    pub commented: bool,
}

/// Reads a batch. All or nothing: one item that cannot be read refuses the batch.
///
/// # Errors
/// The first member that is missing or wrong, as `feedback[2].card`.
pub fn read_feedback(body: &[u8]) -> Result<Vec<Feedback>, RequestError> {
    let root = read_object(body)?;
    let list = root.get("feedback").ok_or(RequestError::Missing("feedback".into()))?;
    let items: Vec<&RawValue> =
        serde_json::from_str(list.get()).map_err(|_| RequestError::wrong("feedback", "an array"))?;
    items.into_iter().enumerate().map(|(index, item)| read_item(&format!("feedback[{index}]"), item)).collect()
}

fn read_item(path: &str, item: &RawValue) -> Result<Feedback, RequestError> {
    let members = members_of(item).ok_or_else(|| RequestError::wrong(path.to_owned(), "an object"))?;
    let card = uuid(&members, "card", format!("{path}.card"))?;
    let reaction = match members.text("outcome", format!("{path}.outcome"))?.as_str() {
        "accepted" => Reaction::Accepted { suggestions: suggestions(&members, path)? },
        "overridden" => Reaction::Overridden { reason: override_reason(&members, path)? },
        _ => return Err(RequestError::wrong(format!("{path}.outcome"), "`accepted` or `overridden`")),
    };
    let stamp = format!("{path}.outcomeTimestamp");
    let at: jiff::Timestamp = members
        .text("outcomeTimestamp", stamp.clone())?
        .parse()
        .map_err(|_| RequestError::wrong(stamp, "a date and time with its offset, `2026-05-04T08:15:30Z`"))?;
    let vendor_spelling = members.get("overrideReason").is_none() && members.get("overrideReasons").is_some();
    Ok(Feedback { card, reaction, at_millisecond: at.as_millisecond(), vendor_spelling })
}

fn uuid(members: &Members<'_>, name: &str, path: String) -> Result<Uuid, RequestError> {
    Uuid::parse_str(&members.text(name, path.clone())?).map_err(|_| RequestError::wrong(path, "a UUID"))
}

fn suggestions(members: &Members<'_>, path: &str) -> Result<Vec<Uuid>, RequestError> {
    let path = format!("{path}.acceptedSuggestions");
    let list = members.get("acceptedSuggestions").ok_or_else(|| RequestError::Missing(path.clone().into()))?;
    let items: Vec<&RawValue> = serde_json::from_str(list.get())
        .ok()
        .filter(|items: &Vec<_>| !items.is_empty())
        .ok_or_else(|| RequestError::wrong(path.clone(), "an array with at least one suggestion"))?;
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            let path = format!("{path}[{index}]");
            let members = members_of(item).ok_or_else(|| RequestError::wrong(path.clone(), "an object"))?;
            uuid(&members, "id", format!("{path}.id"))
        })
        .collect()
}

/// `overrideReason`, or Epic's `overrideReasons`: an object, or an array of which the first counts.
fn override_reason(members: &Members<'_>, path: &str) -> Result<Option<OverrideReason>, RequestError> {
    let (name, raw) = match (members.get("overrideReason"), members.get("overrideReasons")) {
        (Some(raw), _) => ("overrideReason", raw),
        (None, Some(raw)) => ("overrideReasons", raw),
        (None, None) => return Ok(None),
    };
    let path = format!("{path}.{name}");
    let object = match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
        Ok(list) => match list.first() {
            Some(first) => members_of(first),
            None => return Ok(None),
        },
        Err(_) => members_of(raw),
    };
    // Epic's hospital-built reasons arrive in `extension` alone, so any member will do.
    let object = object
        .filter(|object| !object.0.is_empty())
        .ok_or_else(|| RequestError::wrong(path.clone(), "an object with a reason or a comment"))?;
    let coding = match object.optional_object("reason", format!("{path}.reason"))? {
        None => None,
        Some(reason) => Some(Coding {
            system: reason.optional_text("system", format!("{path}.reason.system"))?.unwrap_or_default(),
            code: reason.text("code", format!("{path}.reason.code"))?,
            display: None,
        }),
    };
    let commented = object.optional_text("userComment", format!("{path}.userComment"))?.is_some_and(|t| !t.is_empty());
    Ok(Some(OverrideReason { coding, commented }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "6c5d3f0e-8b0f-4a52-9d57-3f1b7a0a9e21";
    const STAMP: &str = r#""outcomeTimestamp":"2026-05-04T08:15:30.120Z""#;

    fn one(rest: &str) -> Result<Vec<Feedback>, RequestError> {
        read_feedback(format!(r#"{{"feedback":[{{"card":"{CARD}",{STAMP},{rest}}}]}}"#).as_bytes())
    }

    #[test]
    fn accepting_names_the_suggestions() {
        let batch =
            one(&format!(r#""outcome":"accepted","acceptedSuggestions":[{{"id":"urn:uuid:{CARD}"}}]"#)).unwrap();
        let card: Uuid = CARD.parse().unwrap();
        assert_eq!(batch[0].reaction, Reaction::Accepted { suggestions: vec![card] });
        assert_eq!(batch[0].at_millisecond, 1_777_882_530_120);
    }

    #[test]
    fn both_spellings_of_an_override_reason_are_read_and_comments_are_not_kept() {
        let reason = r#"{"reason":{"system":"s","code":"c"},"userComment":"Mrs Lindqvist declined"}"#;
        for spelling in [
            format!(r#""overrideReason":{reason}"#),
            format!(r#""overrideReasons":{reason}"#),
            format!(r#""overrideReasons":[{reason}]"#),
        ] {
            let batch = one(&format!(r#""outcome":"overridden",{spelling}"#)).unwrap();
            let Reaction::Overridden { reason: Some(reason) } = &batch[0].reaction else { panic!() };
            assert_eq!(reason.coding.as_ref().unwrap().code, "c");
            assert!(reason.commented && !format!("{batch:?}").contains("Lindqvist"));
            assert_eq!(batch[0].vendor_spelling, spelling.contains("overrideReasons"));
        }
        let batch = one(r#""outcome":"overridden","extension":{"com.epic":1}"#).unwrap();
        assert_eq!(batch[0].reaction, Reaction::Overridden { reason: None });
    }

    #[test]
    fn a_batch_with_one_bad_item_is_refused_by_name() {
        for (rest, member) in [
            (r#""outcome":"accepted""#, "feedback[0].acceptedSuggestions"),
            (r#""outcome":"accepted","acceptedSuggestions":[]"#, "feedback[0].acceptedSuggestions"),
            (r#""outcome":"accepted","acceptedSuggestions":[{"id":1}]"#, "feedback[0].acceptedSuggestions[0].id"),
            (r#""outcome":"ignored""#, "feedback[0].outcome"),
            (r#""outcome":"overridden","overrideReason":"no""#, "feedback[0].overrideReason"),
            (r#""outcome":"overridden","overrideReason":{}"#, "feedback[0].overrideReason"),
            (r#""outcome":"overridden","outcomeTimestamp":"2026-05-04""#, "feedback[0].outcomeTimestamp"),
        ] {
            assert_eq!(one(rest).unwrap_err().member(), Some(member));
        }
        assert_eq!(read_feedback(b"{}").unwrap_err().member(), Some("feedback"));
        assert_eq!(read_feedback(b"{\"feedback\":{}}").unwrap_err().member(), Some("feedback"));
        assert_eq!(read_feedback(b"{\"feedback\":[]}"), Ok(vec![]));
    }
}
