//! A published template becomes a query: tokens are replaced by what the context says.
//!
//! Ids were checked when the call was read; every value is still escaped, so that no value can add a parameter or leave
//! its path.

use crate::decision_support::protocol::Context;
use jiff::Span;
use jiff::civil::Date;

/// A token that this context does not fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the context does not fill the template")]
pub struct Unfilled;

/// Replaces every `{{token}}`: `context.patientId`, `context.encounterId`, `context.userId`, `userPractitionerId` and its
/// like, and `today()` with days, weeks, months or years taken away or added.
pub fn fill(template: &str, context: &Context, today: Date) -> Result<String, Unfilled> {
    let mut query = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (token, behind) = after.split_once("}}").ok_or(Unfilled)?;
        query.push_str(before);
        query.push_str(&value(token.trim(), context, today).ok_or(Unfilled)?);
        rest = behind;
    }
    query.push_str(rest);
    Ok(query)
}

fn value(token: &str, context: &Context, today: Date) -> Option<String> {
    if let Some(back) = token.strip_prefix("today()") {
        return Some(moved(today, back)?.to_string());
    }
    match token {
        "context.patientId" => Some(escaped(&context.patient_id)),
        "context.encounterId" => context.encounter_id.as_deref().map(escaped),
        // A reference keeps its slash.
        "context.userId" => {
            let (resource_type, id) = user(context)?;
            Some(format!("{}/{}", escaped(resource_type), escaped(id)))
        }
        _ => {
            let wanted = token.strip_prefix("user")?.strip_suffix("Id")?;
            let (resource_type, id) = user(context)?;
            (resource_type == wanted).then(|| escaped(id))
        }
    }
}

/// Type and id of the user.
fn user(context: &Context) -> Option<(&str, &str)> {
    let (before, id) = context.user_id.as_deref()?.rsplit_once('/')?;
    let resource_type = before.rsplit('/').next()?;
    resource_type.bytes().all(|byte| byte.is_ascii_alphabetic()).then_some((resource_type, id))
}

/// ` - 90 days`, ` + 1 month`, or nothing.
fn moved(today: Date, by: &str) -> Option<Date> {
    let mut words = by.split_whitespace();
    let Some(sign) = words.next() else { return Some(today) };
    let (many, unit) = (i64::from(words.next()?.parse::<u32>().ok()?), words.next()?);
    let span = match unit.trim_end_matches('s') {
        "day" => Span::new().try_days(many),
        "week" => Span::new().try_weeks(many),
        "month" => Span::new().try_months(many),
        "year" => Span::new().try_years(many),
        _ => return None,
    };
    let span = span.ok()?;
    match (sign, words.next()) {
        ("-", None) => today.checked_sub(span).ok(),
        ("+", None) => today.checked_add(span).ok(),
        _ => None,
    }
}

/// Percent-encodes all but unreserved letters (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn context(user: Option<&str>, encounter: Option<&str>) -> Context {
        Context {
            user_id: user.map(str::to_owned),
            patient_id: "p-1".into(),
            encounter_id: encounter.map(str::to_owned),
        }
    }

    fn filled(template: &str) -> Option<String> {
        let today = jiff::civil::date(2026, 3, 31);
        fill(template, &context(Some("https://ehr/fhir/Practitioner/dr.2"), Some("e1")), today).ok()
    }

    #[test]
    fn tokens_become_what_the_context_says() {
        for (template, query) in [
            ("Patient/{{context.patientId}}", "Patient/p-1"),
            ("Encounter?_id={{ context.encounterId }}&x=1", "Encounter?_id=e1&x=1"),
            ("{{context.userId}}", "Practitioner/dr.2"),
            ("Practitioner/{{userPractitionerId}}", "Practitioner/dr.2"),
            ("Observation?date=ge{{today() - 2 years}}", "Observation?date=ge2024-03-31"),
            ("Observation?date=ge{{today()-1}}", ""),
            (
                "Observation?date=ge{{today() - 1 month}}&date2={{today()}}",
                "Observation?date=ge2026-02-28&date2=2026-03-31",
            ),
            ("Condition", "Condition"),
        ] {
            assert_eq!(filled(template).unwrap_or_default(), query, "{template}");
        }
    }

    #[test]
    fn a_token_that_the_context_does_not_fill_leaves_the_key_missing() {
        for template in [
            "PractitionerRole/{{userPractitionerRoleId}}",
            "X?_id={{context.draftOrders.entry.resource.id}}",
            "X/{{context.patientId",
            "X/{{}}",
            "X?date={{today() - 9999999999 days}}",
            "X?date={{today() - 99999 years}}",
            "X?date={{today() - 1 fortnight}}",
        ] {
            assert_eq!(filled(template), None, "{template}");
        }
        let nobody = context(None, None);
        assert!(fill("{{context.userId}}", &nobody, jiff::civil::date(2026, 1, 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_value_can_add_a_parameter_or_leave_its_path(id in ".{1,40}") {
            let context = Context { patient_id: id, ..context(None, None) };
            let query = fill("Condition?patient={{context.patientId}}", &context, jiff::civil::date(2026, 1, 1)).unwrap();
            let value = query.strip_prefix("Condition?patient=").unwrap();
            prop_assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
        }
    }
}
