//! The parameters of each operation, told once: the OperationDefinition, the OpenAPI document and the page are drawn from
//! this table. They are read in `decision_support::assess`.

use super::operations::Operation;
use crate::web::state::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One parameter of an operation.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    /// How often it may be there.
    pub most: &'static str,
    /// FHIR type.
    pub kind: &'static str,
    /// The members of `Parameters.parameter` that hold its value, each a way to write it.
    pub members: &'static [&'static str],
    pub text: &'static str,
}

/// What may be said after `phenotype`: each outcome's code with its title. Empty while the model loads.
pub type Outcomes = BTreeMap<String, String>;

const CHART: Parameter = Parameter {
    name: "chart",
    most: "1",
    kind: "Bundle",
    members: &["resource"],
    text: "The chart. Without it the FHIR server of the token's issuer is read.",
};
const PATIENT: Parameter = Parameter {
    name: "patient",
    most: "1",
    kind: "Reference",
    members: &["valueReference", "valueId"],
    text: "Whose chart; default: the token's patient, or the chart's only one.",
};
const AS_OF: Parameter = Parameter {
    name: "as-of",
    most: "1",
    kind: "dateTime",
    members: &["valueDate", "valueDateTime", "valueInstant"],
    text: "Nothing known later is read; a date means its end in UTC. Never in the future. Default: now.",
};
const PHENOTYPE: Parameter = Parameter {
    name: "phenotype",
    most: "*",
    kind: "code",
    members: &["valueCode"],
    text: "Code of an outcome. Default: all.",
};
const ENCODING: Parameter = Parameter {
    name: "encoding",
    most: "1",
    kind: "code",
    members: &["valueCode"],
    text: "base64 (default: 32-bit floats, little-endian) or decimal.",
};

/// The parameters of an operation.
pub fn parameters(operation: Operation) -> &'static [Parameter] {
    match operation {
        Operation::AssessRisk => &[CHART, PATIENT, AS_OF, PHENOTYPE],
        Operation::Embed => &[CHART, PATIENT, AS_OF, ENCODING],
    }
}

/// The outcomes of the model that answers here.
pub fn outcomes(state: &State) -> Outcomes {
    let Ok(parts) = state.parts() else { return Outcomes::new() };
    let outcomes = parts.hooks.predictor.oracle().outcomes().iter();
    outcomes.map(|outcome| (outcome.phenotype.to_string(), outcome.title.to_string())).collect()
}

impl Parameter {
    /// One entry of `Parameters.parameter`, as a schema.
    pub fn schema(&self, outcomes: &Outcomes) -> Value {
        let value = |member: &&str| {
            json!({"type": "object", "required": ["name", member], "additionalProperties": false,
                   "properties": {"name": {"const": self.name}, *member: self.value(member, outcomes)}})
        };
        let ways: Vec<Value> = self.members.iter().map(value).collect();
        json!({"title": self.name, "description": self.text, "oneOf": ways})
    }

    fn value(&self, member: &str, outcomes: &Outcomes) -> Value {
        match (member, self.name) {
            ("resource", _) => json!({"type": "object", "required": ["resourceType"],
                                      "properties": {"resourceType": {"const": self.kind}}}),
            ("valueReference", _) => json!({"type": "object", "required": ["reference"],
                                            "properties": {"reference": {"type": "string", "pattern": "^Patient/"}}}),
            ("valueDate", _) => json!({"type": "string", "format": "date"}),
            ("valueDateTime" | "valueInstant", _) => json!({"type": "string", "format": "date-time"}),
            ("valueCode", "encoding") => json!({"type": "string", "enum": ["base64", "decimal"]}),
            ("valueCode", _) if !outcomes.is_empty() => {
                json!({"type": "string", "enum": outcomes.keys().collect::<Vec<_>>()})
            }
            _ => json!({"type": "string"}),
        }
    }
}
