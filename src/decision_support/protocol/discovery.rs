//! The answer of `GET /cds-services` (CDS Hooks 2.0, "Discovery") and of `GET /v3/cds-services` (3.0).

use serde::ser::{Serialize, SerializeMap, Serializer};

/// Which edition of the specification a list of services speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// 2.0: the templates that every client can fill.
    Second,
    /// 3.0, which is in ballot: all templates.
    Third,
}

impl Edition {
    /// The `version` of every entry.
    pub fn version(self) -> &'static str {
        match self {
            Self::Second => "2.0.1",
            Self::Third => "3.0.0-ballot",
        }
    }
}

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
    /// Of the hook's definition; only 3.0 has it, and only hooks of the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_version: Option<&'static str>,
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
