//! What is bent for a client: tolerated in its requests, or changed in its answers. Each is counted, by kind and client.
//!
//! Owns the kinds and what a profile of habits (`quirks`) allows. Never holds a value of a request.

use super::protocol::{Action, Card, Suggestion, Tolerance};
use crate::platform::settings::Quirks;
use crate::platform::telemetry::signals::Repaired;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Longest logical id of an Epic server.
const LONGEST_EPIC_ID: usize = 512;

/// One kind of bending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// A deprecated hook was answered like its successor.
    DeprecatedHook,
    /// An id longer than FHIR allows was taken.
    LongId,
    /// An order hook came without its orders: no cards in place of 400. At Epic the service's address is not the
    /// registered one, or the scope for unsigned orders is missing.
    OrdersWithheld,
    /// The context is of another FHIR release than R4: no cards.
    OtherRelease,
    /// Required data did not come: no cards in place of 412.
    DataMissing,
    /// A suggestion of several actions was sent as several suggestions.
    SuggestionSplit,
    /// `overrideReasons` was read as `overrideReason`.
    FeedbackSpelling,
}

impl Repair {
    /// The stable word in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeprecatedHook => "deprecated-hook",
            Self::LongId => "long-id",
            Self::OrdersWithheld => "orders-withheld",
            Self::OtherRelease => "other-release",
            Self::DataMissing => "data-missing",
            Self::SuggestionSplit => "suggestion-split",
            Self::FeedbackSpelling => "feedback-spelling",
        }
    }
}

/// How often each kind was needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repairs(BTreeMap<Repair, u64>);

impl Repairs {
    /// Counts one more.
    pub fn count(&mut self, repair: Repair) {
        *self.0.entry(repair).or_default() += 1;
    }

    /// Reports all of them. `client`: the configured name; `None` for anonymous.
    pub fn report(&self, client: Option<&str>) {
        for (repair, count) in &self.0 {
            Repaired { kind: repair.as_str(), client: client.unwrap_or("anonymous"), count: *count }.emit();
        }
    }
}

/// What a profile allows in a request.
pub fn tolerance(quirks: Quirks) -> Tolerance {
    match quirks {
        Quirks::Epic => Tolerance { longest_id: LONGEST_EPIC_ID, orders_withheld: true },
        Quirks::None | Quirks::Oracle => Tolerance::default(),
    }
}

/// Cards as a profile's clients can use them: Epic's apply one action of a suggestion, so each gets its own.
pub fn shape(cards: &mut [Card], quirks: Quirks, repairs: &mut Repairs) {
    if quirks != Quirks::Epic {
        return;
    }
    for suggestions in cards.iter_mut().map(|card| &mut card.suggestions) {
        if suggestions.iter().any(|suggestion| suggestion.actions.len() > 1) {
            repairs.count(Repair::SuggestionSplit);
            *suggestions = std::mem::take(suggestions).into_iter().flat_map(split).collect();
        }
    }
}

/// One suggestion for each action; the first keeps the uuid, the others derive theirs from it.
fn split(suggestion: Suggestion) -> Vec<Suggestion> {
    let Suggestion { label, uuid, actions } = suggestion;
    if actions.len() < 2 {
        return vec![Suggestion { label, uuid, actions }];
    }
    let one = |(number, action): (usize, Action)| Suggestion {
        label: action.description.clone(),
        uuid: match (number, Uuid::parse_str(&uuid)) {
            (1.., Ok(whole)) => Uuid::new_v5(&whole, number.to_string().as_bytes()).to_string(),
            _ => uuid.clone(),
        },
        actions: vec![action],
    };
    actions.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn suggestion(actions: &[&str]) -> Suggestion {
        let action = |&description: &&str| Action {
            kind: "create".into(),
            description: description.into(),
            resource: json!({"resourceType": "ServiceRequest"}),
        };
        Suggestion {
            label: "both".into(),
            uuid: "f2b6a2de-53e5-4fb0-b1fb-7a0a1d3c5b10".into(),
            actions: actions.iter().map(action).collect(),
        }
    }

    #[test]
    fn a_suggestion_of_two_actions_becomes_two_with_uuids_of_their_own_that_repeat() {
        let parts = split(suggestion(&["order", "note"]));
        let labels: Vec<&str> = parts.iter().map(|part| part.label.as_str()).collect();
        assert_eq!(labels, ["order", "note"]);
        assert!(parts.iter().all(|part| part.actions.len() == 1) && parts[0].uuid != parts[1].uuid);
        assert_eq!(parts, split(suggestion(&["order", "note"])));
        assert_eq!(split(suggestion(&["order"])), [suggestion(&["order"])]);
    }
}
