//! FHIR dates of every precision (`2019`, `2019-03`, `2019-03-04`, `2019-03-04T10:00:00.5+01:00`) as seconds.

use crate::patient_record::timeline::Second;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// The first second of a FHIR date, dateTime or instant, in UTC where it states no offset; `None` if it is none.
pub fn parse_date(text: &str) -> Option<Second> {
    let (date, rest) = text.split_once('T').map_or((text, None), |(date, rest)| (date, Some(rest)));
    let date = parse_day(date)?;
    let (time, offset) = rest.map_or(Some((Time::midnight(), 0)), parse_time)?;
    let offset = Offset::from_seconds(offset).ok()?;
    Some(offset.to_timestamp(date.to_datetime(time)).ok()?.as_second())
}

fn parse_day(text: &str) -> Option<Date> {
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = match rest.len() {
        0 => (1, 1),
        3 => (number(rest.strip_prefix('-')?)?, 1),
        6 => {
            let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
            (two_digits(month)?, two_digits(day)?)
        }
        _ => return None,
    };
    let year = number(year)?;
    if year == 0 {
        return None; // FHIR has no year 0
    }
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fff`, then `Z`, `+hh:mm`, `-hh:mm` or nothing: time and offset in seconds.
fn parse_time(text: &str) -> Option<(Time, i32)> {
    let zone = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at_checked(zone)?;
    let offset = match zone.split_at_checked(1) {
        None => 0,
        Some(("Z", "")) => 0,
        Some((sign @ ("+" | "-"), hours)) => {
            let (hours, minutes) = hours.split_once(':')?;
            let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
            if hours > 14 || minutes > 59 {
                return None;
            }
            let seconds = i32::try_from(hours * 3_600 + minutes * 60).ok()?;
            if sign == "-" { -seconds } else { seconds }
        }
        Some(_) => return None,
    };
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (two_digits(parts.next()?)?, two_digits(parts.next()?)?);
    let second = match parts.next() {
        None => 0,
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            number(fraction.get(..fraction.len().min(9))?)?;
            two_digits(whole)?.min(59) // a leap second is the last second of its minute
        }
    };
    let time = Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()?;
    Some((time, offset))
}

fn two_digits(text: &str) -> Option<u32> {
    (text.len() == 2).then(|| number(text)).flatten()
}

fn number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_date;

    #[test]
    fn every_precision_stands_for_its_first_second() {
        assert_eq!(parse_date("1970"), Some(0));
        assert_eq!(parse_date("1970-02"), Some(31 * 86_400));
        assert_eq!(parse_date("1970-01-02"), Some(86_400));
        assert_eq!(parse_date("1970-01-01T00:01Z"), Some(60));
        assert_eq!(parse_date("1970-01-01T00:00:07Z"), Some(7));
        assert_eq!(parse_date("1970-01-01T00:00:07.999999999999Z"), Some(7));
        assert_eq!(parse_date("1970-01-01T00:00:07"), Some(7));
        assert_eq!(parse_date("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_date("1969-12-31T19:00:00-05:00"), Some(0));
        assert_eq!(parse_date("2016-12-31T23:59:60Z"), parse_date("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "0000",
            "19",
            "2019-",
            "2019-1",
            "2019-13",
            "2019-02-30",
            "2019-2-3",
            "2019-01-01T",
            "2019-01-01T25:00:00Z",
            "2019-01-01T10:00:00+99:00",
            "2019-01-01T10:00:00Zz",
            "2019-01-01T10:00:00.Z",
            "2019-01-01 10:00",
            "é019",
            "+019",
            "2019-01-01T10:00:00+01",
            "٢٠١٩",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = parse_date(&text);
        }

        #[test]
        fn it_agrees_with_jiff(second in -60_000_000_000i64..60_000_000_000) {
            let text = jiff::Timestamp::from_second(second).unwrap().to_string();
            proptest::prop_assert_eq!(parse_date(&text), Some(second));
        }
    }
}
