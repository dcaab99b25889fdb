//! The formats of R4's primitive types that fhirbolt leaves unread: dates, times, ids, codes, no empty text.
//!
//! Works by element name: the names below have the same type wherever R4 uses them (or types that all fit the
//! wider format named here). Elements whose name means different things in different places are left alone.

use crate::error::{FenceError, Place};
use crate::tree::{Member, Node};

/// Checks every value whose type its name tells.
pub(crate) fn check(root: &Node<'_>, bytes: &[u8]) -> Result<(), FenceError> {
    match root {
        Node::Array(values) => values.iter().try_for_each(|value| check(value, bytes)),
        Node::Object(members) => {
            let is_resource = root.get("resourceType").is_some();
            members.iter().try_for_each(|member| {
                one(member, is_resource, bytes)?;
                check(&member.value, bytes)
            })
        }
        _ => Ok(()),
    }
}

fn one(member: &Member<'_>, is_resource: bool, bytes: &[u8]) -> Result<(), FenceError> {
    let values = match &member.value {
        Node::Array(values) => values.as_slice(),
        single => std::slice::from_ref(single),
    };
    for value in values.iter().filter(|value| matches!(value, Node::Text(_))) {
        let place = || Place::of(bytes, member.at);
        let text = value.text().ok_or_else(|| FenceError::NotJson(place()))?;
        let (expected, fits) = judge(&member.key, is_resource, &text);
        if !fits {
            return Err(FenceError::Format { expected, place: place() });
        }
    }
    Ok(())
}

fn judge(name: &str, is_resource: bool, text: &str) -> (&'static str, bool) {
    match name {
        "id" if is_resource => ("id", is_id(text)),
        "start" if !is_resource => ("dateTime", is_date_time(text)), // in a resource it may be GraphDefinition's code
        name if ID.contains(&name) => ("id", is_id(text)),
        name if DATE.contains(&name) => ("date", date(text) == Some(text.len())),
        name if DATE_TIME.contains(&name) => ("dateTime", is_date_time(text)),
        name if INSTANT.contains(&name) => ("instant", is_instant(text)),
        name if TIME.contains(&name) => ("time", time(text) == Some(text.len())),
        name if CODE.contains(&name) => ("code", is_code(text)),
        _ => ("text (it is empty)", !text.trim().is_empty()),
    }
}

/// `[A-Za-z0-9\-.]{1,64}`
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}

/// No white space but single blanks inside.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.split(' ').all(|part| !part.is_empty() && !part.contains(char::is_whitespace))
}

/// Length of a date at the start: year, year and month, or a day that the calendar has.
fn date(text: &str) -> Option<usize> {
    let year = digits(text, 0, 4).filter(|&year| year > 0)?;
    if text.as_bytes().get(4) != Some(&b'-') {
        return Some(4);
    }
    let month = digits(text, 5, 2).filter(|month| (1..=12).contains(month))?;
    if text.as_bytes().get(7) != Some(&b'-') {
        return Some(7);
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    digits(text, 8, 2).filter(|day| (1..=days).contains(day)).map(|_| 10)
}

/// Length of `hh:mm:ss` with any fraction at the start; second 60 is a leap second.
fn time(text: &str) -> Option<usize> {
    let separated = text.as_bytes().get(2) == Some(&b':') && text.as_bytes().get(5) == Some(&b':');
    let fits = separated && digits(text, 0, 2)? < 24 && digits(text, 3, 2)? < 60 && digits(text, 6, 2)? <= 60;
    if !fits {
        return None;
    }
    if text.as_bytes().get(8) != Some(&b'.') {
        return Some(8);
    }
    let fraction = text.get(9..)?.bytes().take_while(u8::is_ascii_digit).count();
    (fraction > 0).then_some(9 + fraction)
}

fn is_date_time(text: &str) -> bool {
    date(text) == Some(text.len()) || is_instant(text)
}

/// A day, a time and a zone.
fn is_instant(text: &str) -> bool {
    let rest = text.get(10..).and_then(|rest| rest.strip_prefix('T')).filter(|_| date(text) == Some(10));
    rest.and_then(|rest| rest.get(time(rest)?..)).is_some_and(is_zone)
}

/// `Z` or `+hh:mm` up to 14:00.
fn is_zone(text: &str) -> bool {
    let Some(offset) = text.strip_prefix(['+', '-']) else { return text == "Z" };
    let (Some(hours), Some(minutes)) = (digits(offset, 0, 2), digits(offset, 3, 2)) else { return false };
    offset.len() == 5
        && offset.as_bytes().get(2) == Some(&b':')
        && (hours < 14 && minutes < 60 || hours == 14 && minutes == 0)
}

fn digits(text: &str, start: usize, length: usize) -> Option<u32> {
    let digits = text.get(start..start + length)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Elements of type id.
#[rustfmt::skip]
const ID: &[&str] = &[
    "actionId", "defaultValueId", "extends", "fixedId", "goalId", "groupingId", "identity", "key", "listRuleId",
    "packageId", "patternId", "requestId", "responseId", "targetId", "uid", "validateProfileId", "valueId",
];

/// Elements of type date.
#[rustfmt::skip]
const DATE: &[&str] = &[
    "answerDate", "approvalDate", "birthDate", "bornDate", "deceasedDate", "defaultValueDate", "dueDate",
    "fixedDate", "lastReviewDate", "lockedDate", "maxValueDate", "minValueDate", "nextScheduled", "patternDate",
    "servicedDate", "startDate", "timingDate", "valueDate",
];

/// Elements of type dateTime, or date in one place and dateTime in another, or instant in a third.
#[rustfmt::skip]
const DATE_TIME: &[&str] = &[
    "abatementDateTime", "answerDateTime", "authored", "authoredOn", "collectedDateTime", "created",
    "createdDateTime", "creation", "date", "dateAsserted", "dateDateTime", "dateOfFirstAuthorization", "dateTime",
    "dateWritten", "deceasedDateTime", "defaultValueDateTime", "detected", "effectiveDate", "effectiveDateTime",
    "effectiveTime", "end", "enteredDate", "expirationDate", "expiry", "fixedDateTime", "identifiedDateTime",
    "internationalBirthDate", "issued", "lastModified", "lastOccurrence", "lastPerformed", "lastUpdated",
    "manufactureDate", "maxValueDateTime", "minValueDateTime", "occurredDateTime", "occurrenceDateTime", "onset",
    "onsetDateTime", "participantEffectiveDateTime", "patternDateTime", "paymentDate", "performedDateTime",
    "presentationDate", "publicationDate", "received", "receivedTime", "recorded", "recordedDate", "recordedOn",
    "releaseDate", "restoreDate", "sent", "started", "statusDate", "studyEffectiveDateTime", "time", "timeDateTime",
    "timestamp", "timingDateTime", "validTo", "validationDate", "valueDateTime", "verificationDate",
    "whenHandedOver", "whenPrepared",
];

/// Elements of type instant.
#[rustfmt::skip]
const INSTANT: &[&str] = &[
    "defaultValueInstant", "effectiveInstant", "fixedInstant", "ifModifiedSince", "maxValueInstant",
    "minValueInstant", "patternInstant", "valueInstant",
];

/// Elements of type time.
#[rustfmt::skip]
const TIME: &[&str] = &[
    "answerTime", "availableEndTime", "availableStartTime", "closingTime", "defaultValueTime", "fixedTime",
    "maxValueTime", "minValueTime", "openingTime", "patternTime", "timeOfDay", "valueTime",
];

/// Elements of type code, also where another place gives the name a complex type.
#[rustfmt::skip]
const CODE: &[&str] = &[
    "accept", "actuality", "aggregation", "assurance", "cardinalityBehavior", "category", "codeSearch",
    "comparator", "conditionalDelete", "conditionalRead", "confidentiality", "contentType", "contextType",
    "criticality", "currency", "dayOfWeek", "daysOfWeek", "defaultValueCode", "derivation", "direction",
    "docStatus", "durationUnit", "enableBehavior", "entryType", "equivalence", "exposureState", "eye",
    "fhirVersion", "fixedCode", "format", "gender", "generation", "groupMeasure", "groupingBehavior",
    "hierarchyMeaning", "intent", "kind", "license", "lifecycleStatus", "listMode", "meaning", "method", "mode",
    "modifier", "op", "operationalStatus", "operator", "orientation", "participantEffectiveGroupMeasure",
    "participantStatus", "patchFormat", "patternCode", "payloadMimeType", "periodUnit", "permittedDataType",
    "precheckBehavior", "preference", "productCategory", "publicationStatus", "referencePolicy", "relationtype",
    "requestMethod", "requiredBehavior", "resourceType", "responseRequired", "result", "role", "rules", "scale",
    "searchType", "selectionBehavior", "severity", "sigFormat", "strand", "studyEffectiveGroupMeasure",
    "subjectType", "targetFormat", "typeMode", "use", "valueCode", "variableType", "versioning", "xpathUsage",
];
