//! What each switch may be set to: held when it is set, and told by the control API's document. The bounds keep the EHR
//! itself running and its messages well-formed; within them it misbehaves as it is told.

use super::super::search::is_id;
use super::{Discovery, EmptySearch, Hook, Jku, Switches, SystemActions};
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::ops::RangeInclusive;

/// Entries of a list, at most.
pub const LONGEST_LIST: usize = 100;
/// The longest value of a header.
pub const LONGEST_HEADER: usize = 200;
/// A day.
const DAY: i64 = 86_400;

/// The values of one switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    Flag,
    /// A whole number, both ends included.
    Number(RangeInclusive<i64>),
    /// One of these words.
    Word(Vec<Value>),
    /// So many letters, none of them a control character.
    Text(RangeInclusive<usize>),
    /// What may stand in a header: 1 to 200 printable letters of ASCII.
    Header,
    /// What may stand in an address ([`is_id`]).
    Id,
    /// At most [`LONGEST_LIST`].
    List(Box<Self>),
    OrNull(Box<Self>),
}

impl Takes {
    /// Those of the switch of this name; `None` where there is no such switch.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "hooks" => list(words(&Hook::ALL)),
            "discovery" => words(&[Discovery::Fetched, Discovery::TypedIn]),
            "jku" => words(&[Jku::Own, Jku::Epic, Jku::None]),
            "empty_search" => words(&[EmptySearch::Bundle, EmptySearch::Null, EmptySearch::Outcome]),
            "system_actions" => {
                words(&[SystemActions::Ignored, SystemActions::Applied, SystemActions::ServiceRequests])
            }
            "signature" => or_null(words(&["ES384", "RS384"])),
            "content_type" => Self::Header,
            "accept" => or_null(Self::Header),
            "issuer" | "subject" | "audience" => or_null(Self::Text(0..=2000)),
            "fhir_version" => Self::Text(0..=200),
            "order_id" | "tenant" => or_null(Self::Id),
            "token_seconds" | "token_life_seconds" => Self::Number(1..=DAY),
            "clock_skew_seconds" => Self::Number(-DAY..=DAY),
            "narrative_letters" => Self::Number(0..=4_000_000),
            "page_size" => or_null(Self::Number(1..=100)),
            "forbidden_types" | "link_hosts" | "own_reasons" => list(Self::Text(1..=200)),
            _ => {
                let plain = serde_json::to_value(Switches::default()).ok()?;
                return plain.get(name).is_some_and(Value::is_boolean).then_some(Self::Flag);
            }
        })
    }

    /// Whether this is one of the values.
    pub fn lets(&self, value: &Value) -> bool {
        let text = |fits: &dyn Fn(&str) -> bool| value.as_str().is_some_and(fits);
        match self {
            Self::Flag => value.is_boolean(),
            Self::Number(range) => value.as_i64().is_some_and(|number| range.contains(&number)),
            Self::Word(words) => words.contains(value),
            Self::Text(letters) => {
                text(&|text| letters.contains(&text.chars().count()) && !text.chars().any(char::is_control))
            }
            Self::Header => text(&|text| {
                let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
                (1..=LONGEST_HEADER).contains(&text.len()) && text.bytes().all(printable)
            }),
            Self::Id => text(&is_id),
            Self::List(each) => value
                .as_array()
                .is_some_and(|all| all.len() <= LONGEST_LIST && all.iter().all(|value| each.lets(value))),
            Self::OrNull(other) => value.is_null() || other.lets(value),
        }
    }
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Number(range) => write!(f, "a whole number from {} to {}", range.start(), range.end()),
            Self::Word(words) => {
                let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
                write!(f, "one of {}", words.join(", "))
            }
            Self::Text(letters) => {
                write!(f, "a text of {} to {} letters without control characters", letters.start(), letters.end())
            }
            Self::Header => write!(f, "a text of 1 to {LONGEST_HEADER} printable letters of ASCII"),
            Self::Id => f.write_str("an id of 1 to 512 letters, digits, `-`, `.` and `_`"),
            Self::List(each) => write!(f, "a list of at most {LONGEST_LIST}, each of them {each}"),
            Self::OrNull(other) => write!(f, "{other}, or null"),
        }
    }
}

fn words(words: &[impl Serialize]) -> Takes {
    Takes::Word(words.iter().filter_map(|word| serde_json::to_value(word).ok()).collect())
}

fn list(of: Takes) -> Takes {
    Takes::List(Box::new(of))
}

fn or_null(other: Takes) -> Takes {
    Takes::OrNull(Box::new(other))
}
