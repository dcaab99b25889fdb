//! What arrived for each key: absent, null, data, or the client's own failure, whole or in part.

use super::peek::{Peek, Seen};
use super::template::PrefetchKey;
use crate::decision_support::protocol::members_of;
use serde_json::value::RawValue;

/// What stands in counts for a page whose resources are of no single type that was asked for.
const MIXED: &str = "Bundle";

/// The states of a prefetch key (CDS Hooks, "Prefetch").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not sent; nothing is known.
    Absent,
    /// Asked and answered: there is none (null or a Bundle without resources).
    Null,
    /// Resources came, under this key or another.
    Data,
    /// Some came, and the client says that it could not read the rest, or the server has more on a next page.
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
    /// Resources that a server has and did not send, by type: at least so many.
    pub not_sent: Vec<(String, u32)>,
    /// Values that are a page with more to come.
    first_pages: Vec<FirstPage<'a>>,
}

/// A Bundle that came under a key, and where its sender says that the next page is.
#[derive(Clone, Debug)]
pub struct FirstPage<'a> {
    key: String,
    pub bundle: &'a RawValue,
    /// Anything that was sent: whether it may be followed is for others to say.
    pub next: String,
}

impl<'a> Arrived<'a> {
    /// Looks through a prefetch for what the definition declares.
    ///
    /// # Errors
    /// A value that is no resource at all.
    pub fn look(prefetch: &[(String, &'a RawValue)], declared: &[PrefetchKey]) -> Result<Self, PrefetchError> {
        let (mut documents, mut first_pages) = (Vec::new(), Vec::new());
        let mut own: Vec<(&str, State)> = Vec::new();
        let mut seen = Seen::default();
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
            if !peek.is_resource() {
                return Err(not_fhir());
            }
            own.push((key, peek.state(&mut seen, 0).ok_or_else(not_fhir)?));
            first_pages.extend(peek.next_page().map(|next| FirstPage { key: key.clone(), bundle: raw, next }));
            documents.push(raw);
        }
        let states = declared.iter().map(|known| (known.key.clone(), state_of(known, &own, &seen))).collect();
        Ok(Self { documents, states, not_sent: not_sent(&seen, declared), first_pages })
    }

    /// The state of a declared key.
    pub fn state(&self, key: &str) -> State {
        self.states.iter().find(|(known, _)| known == key).map_or(State::Absent, |(_, state)| *state)
    }

    /// What came under a key that is in part, where the sender says how to go on.
    pub fn first_page(&self, key: &str) -> Option<&FirstPage<'a>> {
        self.first_pages.iter().rev().find(|page| page.key == key && self.state(key) == State::Partial)
    }

    /// Declared keys of which some came and not all, whatever key they came under.
    pub fn in_part(&self) -> impl Iterator<Item = &str> {
        self.states.iter().filter(|(_, state)| *state == State::Partial).map(|(key, _)| key.as_str())
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

/// The state under the key itself, and data found by type under any other.
fn state_of(known: &PrefetchKey, own: &[(&str, State)], seen: &Seen) -> State {
    let own = own.iter().rev().find(|(key, _)| *key == known.key).map_or(State::Absent, |(_, state)| *state);
    let Some(resource_type) = known.resource_type() else { return own };
    match (own, seen.types.contains(resource_type)) {
        (State::Partial | State::Failed, true) => State::Partial,
        (State::Absent | State::Null, true) if seen.cut.contains(resource_type) => State::Partial,
        (_, true) => State::Data,
        // Something came under this key, but not what the key asks for.
        (State::Data | State::Partial, false) => State::Absent,
        (other, false) => other,
    }
}

/// Types as the definition writes them, since those of the prefetch could be any word.
fn not_sent(seen: &Seen, declared: &[PrefetchKey]) -> Vec<(String, u32)> {
    let known = |name: &str| declared.iter().any(|key| key.resource_type() == Some(name));
    let named = |name: &Option<String>| name.as_deref().filter(|name| known(name)).unwrap_or(MIXED).to_owned();
    seen.not_sent.iter().map(|(name, count)| (named(name), *count)).collect()
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

    fn looked<T>(prefetch: &str, told: impl FnOnce(&Arrived<'_>) -> T) -> T {
        let raw: &RawValue = serde_json::from_str(prefetch).unwrap();
        let arrived = Arrived::look(&members_of(raw).unwrap().0, &standard()).unwrap();
        told(&arrived)
    }

    fn searchset(members: &str, entries: &[&str]) -> String {
        let entries: Vec<String> = entries.iter().map(|entry| format!("{{{entry}}}")).collect();
        format!(r#"{{"resourceType":"Bundle","type":"searchset",{members}"entry":[{}]}}"#, entries.join(","))
    }

    const CONDITION: &str = r#""resource":{"resourceType":"Condition"}"#;
    const NEXT: &str = r#""link":[{"relation":"self","url":"a"},{"relation":"next","url":"b"}],"#;

    #[test]
    fn a_page_with_more_to_come_is_part_of_an_answer_and_what_is_missing_is_counted() {
        for (members, missing) in
            [(NEXT.to_owned(), 1), (r#""total":40,"#.into(), 38), (format!(r#"{NEXT}"total":9,"#), 7)]
        {
            let prefetch = format!(r#"{{"conditions":{}}}"#, searchset(&members, &[CONDITION, CONDITION]));
            looked(&prefetch, |arrived| {
                assert_eq!(arrived.state("conditions"), State::Partial, "{members}");
                assert!(arrived.unread().any(|key| key == "conditions"));
                assert_eq!(arrived.not_sent, [("Condition".to_owned(), missing)], "{members}");
            });
        }
    }

    #[test]
    fn a_page_of_a_key_that_is_in_part_is_kept_with_the_way_to_the_next() {
        let page = searchset(NEXT, &[CONDITION]);
        looked(&format!(r#"{{"conditions":{page}}}"#), |arrived| {
            let found = arrived.first_page("conditions").expect("a page");
            assert_eq!((found.next.as_str(), found.bundle.get()), ("b", page.as_str()));
        });
        let short = searchset(r#""total":40,"#, &[CONDITION]);
        let odd = searchset(r#""link":[{"relation":"next","url":7}],"#, &[CONDITION]);
        for elsewhere in [
            format!(r#"{{"all":{page}}}"#),
            format!(r#"{{"procedures":{page}}}"#),
            format!(r#"{{"conditions":{short}}}"#),
            format!(r#"{{"conditions":{odd}}}"#),
        ] {
            looked(&elsewhere, |arrived| {
                let found = ["conditions", "procedures"].map(|key| arrived.first_page(key).is_some());
                assert_eq!(found, [false, false], "{elsewhere}");
            });
        }
    }

    #[test]
    fn a_whole_answer_stays_whole_and_what_came_along_is_no_match() {
        let whole =
            [r#""total":2,"#, r#""total":1,"#, "", r#""total":"many","link":7,"#, r#""link":[{"relation":"self"}],"#];
        for members in whole {
            let prefetch = format!(r#"{{"conditions":{}}}"#, searchset(members, &[CONDITION, CONDITION]));
            looked(&prefetch, |arrived| {
                assert_eq!((arrived.state("conditions"), arrived.not_sent.len()), (State::Data, 0), "{members}");
            });
        }
        let drug = r#""resource":{"resourceType":"Medication"},"search":{"mode":"include"}"#;
        let order = r#""resource":{"resourceType":"MedicationRequest"},"search":{"mode":"match"}"#;
        let prefetch = format!(r#"{{"medicationRequests":{}}}"#, searchset(r#""total":2,"#, &[order, drug]));
        looked(&prefetch, |arrived| {
            assert_eq!(arrived.state("medicationRequests"), State::Partial);
            assert_eq!(arrived.not_sent, [("Bundle".to_owned(), 1)]);
        });
    }

    #[test]
    fn nothing_of_what_there_is_is_a_failure_and_never_none() {
        for bundle in [searchset(r#""total":3,"#, &[]), r#"{"resourceType":"Bundle","total":3}"#.into()] {
            looked(&format!(r#"{{"conditions":{bundle}}}"#), |arrived| {
                assert_eq!(arrived.state("conditions"), State::Failed);
                assert_eq!(arrived.not_sent, [("Bundle".to_owned(), 3)]);
            });
        }
    }

    #[test]
    fn a_cut_bundle_of_everything_leaves_every_type_in_it_in_doubt() {
        let entries =
            [CONDITION, r#""resource":{"resourceType":"Procedure"}"#, r#""resource":{"resourceType":"Mrs Lindqvist"}"#];
        let whole = searchset("", &[CONDITION]);
        let prefetch = format!(r#"{{"all":{},"conditions":{whole}}}"#, searchset(NEXT, &entries));
        looked(&prefetch, |arrived| {
            assert_eq!((arrived.state("procedures"), arrived.state("conditions")), (State::Partial, State::Data));
            assert_eq!(arrived.state("encounters"), State::Absent);
            assert_eq!(arrived.not_sent, [("Bundle".to_owned(), 1)]);
        });
    }
}
