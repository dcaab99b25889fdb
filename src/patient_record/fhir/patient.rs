//! Patient: birth, administrative sex and death. Names, addresses and extensions are never read.

use super::{Moment, Text, resource};

resource! {
    /// A person.
    Patient {
        gender: Option<Text<'a>>,
        birth_date: Option<Moment>,
        deceased_boolean: Option<bool>,
        deceased_date_time: Option<Moment>,
    }
}
