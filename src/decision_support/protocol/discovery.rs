//! The answer of `GET /cds-services` (CDS Hooks 2.0, "Discovery").

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The version of the specification that every entry implements.
pub const VERSION: &str = "2.0.1";

/// All services, one entry for each hook that a service answers.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Discovery {
    /// Present even when empty.
    pub services: Vec<DiscoveryEntry>,
}

/// One (service, hook) pair.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscoveryEntry {
    pub hook: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    pub description: String,
    pub id: String,
    pub version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_requirements: Option<String>,
    #[serde(skip_serializing_if = "Templates::is_empty")]
    pub prefetch: Templates,
}

/// Prefetch templates by key, in the order of the definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Templates(pub Vec<(String, String)>);

impl Templates {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Templates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, template) in &self.0 {
            map.serialize_entry(key, template)?;
        }
        map.end()
    }
}
