//! What a service answers (CDS Hooks 2.0, "CDS Service Response"). Optional members without a value are left out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The answer to a hook call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HookResponse {
    /// Present even when empty: empty tells the EHR to clear earlier cards of this service.
    pub cards: Vec<Card>,
}

/// What the clinician sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    pub uuid: String,
    /// One sentence of plain text, fewer than 140 characters.
    pub summary: String,
    /// GitHub-flavoured markdown without HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub indicator: Indicator,
    pub source: Source,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
    /// Present exactly when there are suggestions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection_behavior: Option<SelectionBehavior>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub override_reasons: Vec<Coding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extension: Map<String, Value>,
}

/// How urgent a card is. There is no `critical`: a statistical estimate never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Indicator {
    Info,
    Warning,
}

/// Whom the guidance comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Stable for the same clinical question: EHRs suppress overridden cards by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<Coding>,
}

/// CDS Hooks' own short Coding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coding {
    pub system: String,
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// Which of several suggestions may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SelectionBehavior {
    AtMostOne,
    Any,
}

/// One thing that the clinician can accept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    pub label: String,
    pub uuid: String,
    pub actions: Vec<Action>,
}

/// What accepting does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// `create`, or `update` of an order of the call.
    #[serde(rename = "type")]
    pub kind: String,
    pub description: String,
    /// The FHIR R4 resource to create, or the whole changed resource.
    pub resource: Value,
}

/// A place to read on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub label: String,
    pub url: String,
    /// `absolute` or `smart`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What a `smart` app is told by the EHR that opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_context: Option<String>,
}
