//! What was shown on this page and what the user did with it. In memory, for as long as the page runs:
//! the lasting record is the server's.

use super::card::{Card, Coding, Suggestion};
use super::hook_call::Receipt;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Cards are remembered until this many newer ones were shown.
const REMEMBERED_CARDS: usize = 500;
const REMEMBERED_DECISIONS: usize = 200;

/// A card on a screen.
#[derive(Clone, Debug)]
pub struct Shown {
    pub service: String,
    pub patient: Box<str>,
    pub card: Card,
}

/// What the user chose.
#[derive(Clone, Debug)]
pub enum Choice {
    Accepted(Suggestion),
    /// With the reason picked from the card's list, if any, and the user's own words, if any.
    Dismissed {
        reason: Option<Coding>,
        comment: Option<String>,
    },
}

/// A choice and what the server answered to its feedback.
#[derive(Clone, Debug)]
pub struct Decision {
    pub shown: Shown,
    pub choice: Choice,
    pub at: jiff::Timestamp,
    pub feedback: Value,
    pub receipt: Result<Receipt, String>,
}

/// Memory of one page.
#[derive(Default)]
pub struct Decisions {
    cards: Mutex<VecDeque<Shown>>,
    made: Mutex<VecDeque<Decision>>,
}

impl Decisions {
    /// Remembers a card that is on the screen now.
    pub fn show(&self, shown: Shown) {
        let mut cards = lock(&self.cards);
        cards.retain(|other| other.card.uuid != shown.card.uuid);
        cards.push_back(shown);
        while cards.len() > REMEMBERED_CARDS {
            cards.pop_front();
        }
    }

    /// The card with this uuid, where it was shown for this patient.
    pub fn card(&self, patient: &str, uuid: &str) -> Option<Shown> {
        let is_it = |shown: &&Shown| shown.card.uuid.as_deref() == Some(uuid) && *shown.patient == *patient;
        lock(&self.cards).iter().rev().find(is_it).cloned()
    }

    /// Remembers a decision.
    pub fn decide(&self, decision: Decision) {
        let mut made = lock(&self.made);
        made.push_back(decision);
        while made.len() > REMEMBERED_DECISIONS {
            made.pop_front();
        }
    }

    /// The decisions on one patient, latest first.
    pub fn of(&self, patient: &str) -> Vec<Decision> {
        lock(&self.made).iter().rev().filter(|decision| *decision.shown.patient == *patient).cloned().collect()
    }
}

/// The body of a feedback call for one choice.
pub fn feedback_body(card: &str, choice: &Choice, at: jiff::Timestamp) -> Value {
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut entry = match choice {
        Choice::Accepted(suggestion) => {
            let id = suggestion.uuid.as_deref().unwrap_or_default();
            json!({"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": id}]})
        }
        Choice::Dismissed { .. } => json!({"card": card, "outcome": "overridden"}),
    };
    if let Choice::Dismissed { reason, comment } = choice {
        if let Some(reason) = reason {
            entry["overrideReason"]["reason"] = json!({"code": reason.code, "system": reason.system});
        }
        if let Some(comment) = comment {
            entry["overrideReason"]["userComment"] = json!(comment);
        }
    }
    entry["outcomeTimestamp"] = json!(at);
    json!({ "feedback": [entry] })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
