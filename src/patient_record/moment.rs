//! Moments that people and programs ask about, on the command line, in requests and in answers: a date means its end in UTC.

use crate::patient_record::fhir::parse_date;
use crate::patient_record::timeline::{SECONDS_PER_DAY, Second};
use jiff::Timestamp;

/// Reads `2019-03-04` (its last second) or `2019-03-04T10:00:00+01:00`.
pub fn parse(text: &str) -> Result<Second, String> {
    let says_zone = || text.ends_with('Z') || text.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    match (parse_date(text), text.contains('T')) {
        (Some(second), false) if text.len() == 10 => Ok(second + SECONDS_PER_DAY - 1),
        (Some(second), true) if says_zone() => Ok(second),
        _ => Err("not a date like 2019-03-04 or an instant like 2019-03-04T10:00:00Z".to_owned()),
    }
}

/// Writes an instant in UTC, `2019-03-04T23:59:59Z`.
pub fn write(second: Second) -> String {
    Timestamp::from_second(second).map(|instant| instant.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_its_end_in_utc() {
        assert_eq!(parse("2019-03-04").map(write).as_deref(), Ok("2019-03-04T23:59:59Z"));
    }

    #[test]
    fn an_instant_is_taken_as_it_is() {
        assert_eq!(parse("2019-03-04T10:00:00+01:00").map(write).as_deref(), Ok("2019-03-04T09:00:00Z"));
        assert_eq!(parse("2019-03-04T00:00:00Z").map(write).as_deref(), Ok("2019-03-04T00:00:00Z"));
    }

    #[test]
    fn anything_else_is_refused_with_advice() {
        for wrong in ["2019", "2019-03", "2019-02-30", "2019-03-04T10:00:00", "2019-03-04T", "yesterday", ""] {
            assert!(parse(wrong).is_err_and(|advice| advice.contains("2019-03-04")), "{wrong}");
        }
    }
}
