//! A date in a search (R4, "Search", date parameters): a year, month, day or moment with what comes before it, compared as
//! ranges of time. Days begin and end in UTC. Reads no list and no `ne` or `ap`.

use super::super::facts::date;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// What a value has to be, in words.
pub const TAKES: &str = "one year, month, day or moment with seconds and offset, alone or after `eq`, `gt`, `ge`, `lt`, \
                         `le`, `sa` or `eb`";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    Equal,
    After,
    AfterOrEqual,
    Before,
    BeforeOrEqual,
    StartsAfter,
    EndsBefore,
}

/// A value, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    prefix: Prefix,
    first: Timestamp,
    /// The first moment after it.
    after: Timestamp,
}

impl Bound {
    /// Reads `2020`, `ge2020-02`, `lt2020-02-03`, `sa2020-02-03T04:05:06Z`.
    pub fn read(value: &str) -> Option<Self> {
        let named = value.starts_with(|first: char| first.is_ascii_alphabetic());
        let (prefix, text) = if named { value.split_at_checked(2)? } else { ("eq", value) };
        let prefix = match prefix {
            "eq" => Prefix::Equal,
            "gt" => Prefix::After,
            "ge" => Prefix::AfterOrEqual,
            "lt" => Prefix::Before,
            "le" => Prefix::BeforeOrEqual,
            "sa" => Prefix::StartsAfter,
            "eb" => Prefix::EndsBefore,
            _ => return None,
        };
        let (first, after) = range(text)?;
        Some(Self { prefix, first, after })
    }

    /// Whether it holds for what lasted from one moment to another.
    pub fn holds(&self, start: Timestamp, end: Timestamp) -> bool {
        match self.prefix {
            Prefix::Equal => self.first <= start && end < self.after,
            Prefix::After => end >= self.after,
            Prefix::AfterOrEqual => end >= self.first,
            Prefix::Before => start < self.first,
            Prefix::BeforeOrEqual => start < self.after,
            Prefix::StartsAfter => start >= self.after,
            Prefix::EndsBefore => end < self.first,
        }
    }
}

/// The first moment that a text stands for, and the first after it.
fn range(text: &str) -> Option<(Timestamp, Timestamp)> {
    if text.contains('T') {
        let has_seconds = text.as_bytes().get(16) == Some(&b':');
        let moment: Timestamp = text.parse().ok().filter(|_| has_seconds)?;
        return Some((moment, moment.checked_add(Span::new().seconds(1)).ok()?));
    }
    let length = match text.len() {
        4 => Span::new().years(1),
        7 => Span::new().months(1),
        10 => Span::new().days(1),
        _ => return None,
    };
    let first = date(text)?;
    Some((midnight(first)?, midnight(first.checked_add(length).ok()?)?))
}

fn midnight(day: Date) -> Option<Timestamp> {
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(value: &str, start: &str, end: &str) -> bool {
        let moment = |text: &str| text.parse().expect("a moment");
        Bound::read(value).unwrap_or_else(|| panic!("{value}")).holds(moment(start), moment(end))
    }

    #[test]
    fn a_day_is_a_range_and_so_is_what_it_is_compared_with() {
        let (noon, later) = ("2020-02-03T12:00:00Z", "2020-03-01T00:00:00Z");
        for (value, point, lasting) in [
            ("2020-02-03", true, false),
            ("eq2020-02", true, false),
            ("2020", true, true),
            ("ge2020-02-03", true, true),
            ("gt2020-02-03", false, true),
            ("ge2020-02-04", false, true),
            ("le2020-02-03", true, true),
            ("lt2020-02-03", false, false),
            ("lt2020-02-04", true, true),
            ("sa2020-02-02", true, true),
            ("sa2020-02-03", false, false),
            ("eb2020-02-04", true, false),
            ("lt2020-02-03T12:00:00Z", false, false),
            ("le2020-02-03T13:00:00+01:00", true, true),
        ] {
            assert_eq!((holds(value, noon, noon), holds(value, noon, later)), (point, lasting), "{value}");
        }
    }

    #[test]
    fn what_is_no_date_or_too_many_is_none() {
        for odd in [
            "",
            "ge",
            "foo",
            "ne2020-01-01",
            "ap2020",
            "2020-13",
            "20200101",
            "2020-02-30",
            "9999-12-31",
            "ge2020-01-01,le2021-01-01",
            "2020-01-01T10:00Z",
            "2020-01-01T10:00:00",
            "gé2020",
        ] {
            assert_eq!(Bound::read(odd), None, "{odd}");
        }
    }
}
