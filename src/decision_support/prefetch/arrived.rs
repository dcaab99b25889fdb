//! What arrived for each key: absent, null, data, or the client's own failure, whole or in part.

use super::template::PrefetchKey;
use crate::decision_support::protocol::members_of;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Bundles within Bundles beyond this depth are not looked into; the chart reader counts them.
const DEEPEST_BUNDLE: usize = 8;

/// The states of a prefetch key (CDS Hooks, "Prefetch").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not sent; nothing is known.
    Absent,
    /// Asked and answered: there is none (null or a Bundle without resources).
    Null,
    /// Resources came, under this key or another.
    Data,
    /// Some came, and the client says that it could not read the rest.
    Partial,
    /// The client tried and failed.
    Failed,
}

/// Why a prefetch cannot be used. Names declared keys only, never what was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefetchError {
    /// 400
    #[error("a prefetch value is neither null nor a FHIR resource")]
    NotFhir {
        /// The declared key, or `None` for a key that we did not ask for.
        key: Option<String>,
    },
    /// 412
    #[error("required data did not come: {}", .missing.join(", "))]
    Missing {
        /// The required keys.
        missing: Vec<String>,
    },
}

/// A prefetch, looked through once.
pub struct Arrived<'a> {
    /// Resources and Bundles, still text.
    pub documents: Vec<&'a RawValue>,
    /// Each declared key and its state, in order of the definition.
    pub states: Vec<(String, State)>,
}

/// The little that is looked at before the chart is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peek<'a> {
    #[serde(borrow, default)]
    resource_type: Word<'a>,
    /// Of a Bundle.
    #[serde(borrow, default)]
    entry: Option<&'a RawValue>,
    /// Of an OperationOutcome.
    #[serde(borrow, default)]
    issue: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PeekEntry<'a> {
    #[serde(borrow, default)]
    resource: Option<Peek<'a>>,
}

#[derive(Deserialize)]
struct PeekIssue<'a> {
    #[serde(borrow, default)]
    severity: Word<'a>,
}

/// A string, or nothing where something else stands: the chart reader counts what it cannot read, one
/// resource at a time, so a look must not refuse a whole Bundle for one of them.
#[derive(Default)]
struct Word<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let text = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        Ok(Self(match text {
            Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
            Some(_) => serde_json::from_str(raw.get()).ok().map(Cow::Owned),
            None => None,
        }))
    }
}

impl<'a> Arrived<'a> {
    /// Looks through a prefetch for what the definition declares.
    ///
    /// # Errors
    /// A value that is no resource at all.
    pub fn look(prefetch: &[(String, &'a RawValue)], declared: &[PrefetchKey]) -> Result<Self, PrefetchError> {
        let mut documents = Vec::new();
        let mut own: Vec<(&str, State)> = Vec::new();
        let mut types: BTreeSet<String> = BTreeSet::new();
        for (key, raw) in prefetch {
            let raw = unwrapped(raw);
            if raw.get() == "null" {
                own.push((key, State::Null));
                continue;
            }
            let not_fhir = || PrefetchError::NotFhir {
                key: declared.iter().find(|known| known.key == *key).map(|known| known.key.clone()),
            };
            let peek: Peek<'_> = serde_json::from_str(raw.get()).map_err(|_| not_fhir())?;
            if peek.resource_type.0.is_none() {
                return Err(not_fhir());
            }
            own.push((key, peek.state(&mut types, 0).ok_or_else(not_fhir)?));
            documents.push(raw);
        }
        let states = declared.iter().map(|known| (known.key.clone(), state_of(known, &own, &types))).collect();
        Ok(Self { documents, states })
    }

    /// The state of a declared key.
    pub fn state(&self, key: &str) -> State {
        self.states.iter().find(|(known, _)| known == key).map_or(State::Absent, |(_, state)| *state)
    }

    /// Declared keys that were not sent, or not whole.
    pub fn unread(&self) -> impl Iterator<Item = &str> {
        self.states
            .iter()
            .filter(|(_, state)| matches!(state, State::Absent | State::Partial | State::Failed))
            .map(|(key, _)| key.as_str())
    }

    /// Checks that everything required came, if only as null.
    pub fn require(&self, declared: &[PrefetchKey]) -> Result<(), PrefetchError> {
        let missing: Vec<String> = declared
            .iter()
            .filter(|key| key.required && matches!(self.state(&key.key), State::Absent | State::Failed))
            .map(|key| key.key.clone())
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(PrefetchError::Missing { missing }) }
    }
}

/// Before version 1.0 values came as `{"response": …, "resource": …}`.
fn unwrapped(raw: &RawValue) -> &RawValue {
    // Only a small object can be such a wrapper's outside; looking costs one pass, so look at the first bytes.
    let starts_so = raw.get().trim_start_matches(['{', ' ', '\n', '\r', '\t']).starts_with("\"response\"");
    match members_of(raw).filter(|_| starts_so) {
        Some(members) => members.get("resource").unwrap_or(raw),
        None => raw,
    }
}

impl Peek<'_> {
    /// The state of a value; adds the types it holds. `None` for a Bundle whose entries are none.
    fn state(&self, types: &mut BTreeSet<String>, depth: usize) -> Option<State> {
        match self.resource_type.0.as_deref() {
            Some("OperationOutcome") if is_error(&self.issue) || depth == 0 => Some(State::Failed),
            Some("OperationOutcome") => Some(State::Null),
            Some("Bundle") if depth < DEEPEST_BUNDLE => self.bundle_state(types, depth),
            Some(name) => {
                types.insert(name.to_owned());
                Some(State::Data)
            }
            // The chart reader counts it.
            None => Some(State::Data),
        }
    }

    fn bundle_state(&self, types: &mut BTreeSet<String>, depth: usize) -> Option<State> {
        let Some(entries) = self.entry else { return Some(State::Null) };
        let entries: Vec<&RawValue> = serde_json::from_str(entries.get()).ok()?;
        let (mut any, mut failed) = (false, false);
        // An entry that is no entry is the chart reader's to count.
        let entries = entries.iter().filter_map(|raw| serde_json::from_str::<PeekEntry<'_>>(raw.get()).ok());
        for resource in entries.filter_map(|entry| entry.resource) {
            let state = resource.state(types, depth + 1)?;
            any |= matches!(state, State::Data | State::Partial);
            failed |= matches!(state, State::Failed | State::Partial);
        }
        Some(match (any, failed) {
            (true, true) => State::Partial,
            (true, false) => State::Data,
            (false, true) => State::Failed,
            (false, false) => State::Null,
        })
    }
}

/// Warnings and information beside matches leave a set complete; what cannot be read as issues does not.
fn is_error(issues: &Option<&RawValue>) -> bool {
    let Some(raw) = issues else { return false };
    match serde_json::from_str::<Vec<PeekIssue<'_>>>(raw.get()) {
        Ok(issues) => issues.iter().any(|issue| matches!(issue.severity.0.as_deref(), Some("error" | "fatal"))),
        Err(_) => true,
    }
}

/// The state under the key itself, and data found by type under any other.
fn state_of(known: &PrefetchKey, own: &[(&str, State)], types: &BTreeSet<String>) -> State {
    let own = own.iter().rev().find(|(key, _)| *key == known.key).map_or(State::Absent, |(_, state)| *state);
    let Some(resource_type) = known.resource_type() else { return own };
    match (own, types.contains(resource_type)) {
        (State::Partial | State::Failed, true) => State::Partial,
        (_, true) => State::Data,
        // Something came under this key, but not what the key asks for.
        (State::Data | State::Partial, false) => State::Absent,
        (other, false) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::standard;
    use super::*;

    fn states(prefetch: &str) -> Result<Vec<(String, State)>, PrefetchError> {
        let raw: &RawValue = serde_json::from_str(prefetch).unwrap();
        let members = members_of(raw).unwrap();
        let declared = standard();
        let arrived = Arrived::look(&members.0, &declared)?;
        arrived.require(&declared)?;
        Ok(arrived.states.into_iter().filter(|(_, state)| *state != State::Absent).collect())
    }

    #[test]
    fn the_four_states_of_a_key_are_kept_apart() {
        let found = states(
            r#"{"patient":{"resourceType":"Patient","id":"p"},"conditions":null,
                "observations":{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]},
                "encounters":{"resourceType":"Bundle","entry":[]},
                "procedures":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}},{"resource":{"resourceType":"Procedure"}}]},
                "immunizations":{"resourceType":"Bundle","total":0,"entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"information"}]}}]}}"#,
        );
        let expected = [
            ("patient", State::Data),
            ("conditions", State::Null),
            ("observations", State::Failed),
            ("encounters", State::Null),
            ("procedures", State::Partial),
            ("immunizations", State::Null),
        ];
        assert_eq!(found.unwrap(), expected.map(|(key, state)| (key.to_owned(), state)));
    }

    #[test]
    fn resources_are_recognised_by_type_whatever_the_key() {
        let found = states(
            r#"{"everything":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"p"}},
                {"resource":{"resourceType":"Condition"}}]},"-one":{"resourceType":"Encounter"}}"#,
        )
        .unwrap();
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["patient", "conditions", "encounters"]);
    }

    #[test]
    fn a_missing_or_failed_patient_is_unsatisfied_and_a_null_patient_is_not() {
        let missing = PrefetchError::Missing { missing: vec!["patient".into()] };
        assert_eq!(states("{}"), Err(missing.clone()));
        assert_eq!(states(r#"{"patient":{"resourceType":"OperationOutcome"}}"#), Err(missing));
        assert_eq!(states(r#"{"patient":null}"#), Ok(vec![("patient".into(), State::Null)]));
        assert!(states(r#"{"patient":{"response":{"status":"200"},"resource":{"resourceType":"Patient"}}}"#).is_ok());
    }

    #[test]
    fn one_bad_resource_does_not_refuse_its_bundle() {
        let bundle = r#"{"b":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":7}},{"resource":{"resourceType":"Pati\u0065nt"}}]}}"#;
        assert_eq!(states(bundle), Ok(vec![("patient".into(), State::Data)]));
    }

    #[test]
    fn a_value_that_is_no_resource_is_refused_by_declared_key_only() {
        for value in ["5", "\"x\"", "[]", "{}", "{\"resourceType\":7}", "{\"resourceType\":\"Bundle\",\"entry\":4}"] {
            let refused = states(&format!(r#"{{"patient":{value}}}"#));
            assert_eq!(refused, Err(PrefetchError::NotFhir { key: Some("patient".into()) }), "{value}");
            let refused = states(&format!(r#"{{"Mrs Lindqvist":{value}}}"#));
            assert_eq!(refused, Err(PrefetchError::NotFhir { key: None }), "{value}");
        }
    }
}
