//! Bundles of any type: search sets, transactions, documents, collections. Entries stay unread text, so that one
//! that cannot be read costs no other.

use super::{Many, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A Bundle.
#[derive(Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub struct Bundle<'a> {
    pub timestamp: Option<Text<'a>>,
    pub entry: Many<Entry<'a>>,
}

/// One entry of a Bundle.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, bound(deserialize = "'de: 'a"))]
pub struct Entry<'a> {
    pub full_url: Option<Text<'a>>,
    pub resource: Option<&'a RawValue>,
}

impl<'a> Bundle<'a> {
    /// Reads a Bundle, and how many of its entries cannot be read.
    pub fn read(json: &'a str) -> Result<(Self, u32), serde_json::Error> {
        #[derive(Deserialize)]
        struct Unsorted<'a> {
            #[serde(borrow, default)]
            timestamp: Option<&'a RawValue>,
            #[serde(borrow, default)]
            entry: Option<Vec<&'a RawValue>>,
        }
        if let Ok(bundle) = serde_json::from_str(json) {
            return Ok((bundle, 0));
        }
        let unsorted: Unsorted<'a> = serde_json::from_str(json)?;
        let (mut entries, mut unreadable) = (Vec::new(), 0);
        for raw in unsorted.entry.into_iter().flatten() {
            match serde_json::from_str(raw.get()) {
                Ok(entry) => entries.push(entry),
                Err(_) => unreadable += 1,
            }
        }
        let timestamp = unsorted.timestamp.and_then(|raw| serde_json::from_str(raw.get()).ok());
        Ok((Self { timestamp, entry: Many(entries) }, unreadable))
    }
}
