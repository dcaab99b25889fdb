//! A JSON object as its named members, each still unread text. Borrows everything, so a chart of many
//! megabytes is looked at without being copied.

use super::request::RequestError;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How long a logical id may be (FHIR R4, `id`).
pub(crate) const MAX_ID: usize = 64;

/// The members of one JSON object in the order sent.
pub(crate) struct Members<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The members of `raw`, or `None` when it is no object.
pub(crate) fn members_of(raw: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(raw.get()).ok()
}

impl<'a> Members<'a> {
    /// A member that is there and not null; of repeated names the last counts.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.0.iter().rev().find(|(known, _)| known == name)?;
        (raw.get() != "null").then_some(*raw)
    }

    /// A string member that may be left out. `path` names it in the error.
    pub fn optional_text(
        &self,
        name: &str,
        path: impl Into<Cow<'static, str>>,
    ) -> Result<Option<String>, RequestError> {
        let Some(raw) = self.get(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| RequestError::wrong(path, "a string"))
    }

    /// A string member that must be there and not be blank.
    pub fn text(&self, name: &str, path: impl Into<Cow<'static, str>>) -> Result<String, RequestError> {
        let path = path.into();
        match self.optional_text(name, path.clone())? {
            None => Err(RequestError::Missing(path)),
            Some(text) if text.trim().is_empty() => Err(RequestError::wrong(path, "a string that is not empty")),
            Some(text) => Ok(text),
        }
    }

    /// An object member that may be left out.
    pub fn optional_object(
        &self,
        name: &str,
        path: impl Into<Cow<'static, str>>,
    ) -> Result<Option<Members<'a>>, RequestError> {
        let Some(raw) = self.get(name) else { return Ok(None) };
        members_of(raw).map(Some).ok_or_else(|| RequestError::wrong(path, "an object"))
    }
}

/// Whether a text can be a logical id: letters, digits, `.`, `_` and `-`, at most 64, never `..`.
pub(crate) fn is_fhir_id(text: &str) -> bool {
    is_id_of(text, MAX_ID)
}

/// Whether a text can be a logical id of at most so many characters.
pub(crate) fn is_id_of(text: &str, longest: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text.len() <= longest && text.bytes().all(allowed) && !text.contains("..")
}
