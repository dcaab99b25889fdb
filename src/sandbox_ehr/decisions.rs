//! What was shown on this page and what the user did with it. In memory, for as long as the page runs:
//! the lasting record is the server's.

use super::card::{Card, Coding, Suggestion};
use super::hook_call::Receipt;
use super::twin::Applied;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cards are remembered until this many newer ones were shown.
const REMEMBERED_CARDS: usize = 500;
const REMEMBERED_DECISIONS: usize = 200;

/// A card on a screen.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Of the service, without `/feedback`.
    pub url: String,
    pub service: String,
    pub patient: Box<str>,
    pub card: Card,
    /// The drafts as the service saw them.
    pub sent: Arc<Vec<Value>>,
}

/// What the user chose.
#[derive(Clone, Debug)]
pub enum Choice {
    /// With what its actions changed.
    Accepted(Suggestion, Vec<Applied>),
    /// With the reason that was picked, if any.
    Dismissed(Option<Coding>),
}

/// A choice and what the server answered to its feedback.
#[derive(Clone, Debug)]
pub struct Decision {
    pub shown: Shown,
    pub choice: Choice,
    pub at: jiff::Timestamp,
    /// One entry of a feedback body; `None` where nothing may be reported.
    pub feedback: Option<Value>,
    pub told: Told,
}

/// What became of feedback.
#[derive(Clone, Debug)]
pub enum Told {
    Stored(Receipt),
    Failed(String),
    /// It goes with its batch.
    Waits,
    /// The card, or the suggestion, has no uuid: nobody is told.
    Nobody,
}

/// A card that was shown, its accepted suggestions marked. Once decided on it is on no screen, but the links that were drawn
/// with it still lead somewhere.
struct Remembered {
    shown: Shown,
    decided: bool,
}

/// What of a card is decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// The suggestion at this place.
    Suggestion(usize),
}

/// Memory of one page.
#[derive(Default)]
pub struct Decisions {
    cards: Mutex<VecDeque<Remembered>>,
    made: Mutex<VecDeque<Decision>>,
}

impl Decisions {
    /// Puts a service's cards for a patient in the place of those before (CDS Hooks, "Management of stale cards").
    pub fn replace(&self, url: &str, patient: &str, shown: Vec<Shown>) {
        let mut cards = lock(&self.cards);
        cards.retain(|one| one.shown.url != url || *one.shown.patient != *patient);
        cards.extend(shown.into_iter().map(|shown| Remembered { shown, decided: false }));
        while cards.len() > REMEMBERED_CARDS {
            cards.pop_front();
        }
    }

    /// Takes a patient's cards away, as when the chart is closed.
    pub fn close(&self, patient: &str) {
        lock(&self.cards).retain(|one| *one.shown.patient != *patient);
    }

    /// The cards on a patient's screen, most urgent first.
    pub fn cards(&self, patient: &str) -> Vec<Shown> {
        let on_screen = |one: &&Remembered| *one.shown.patient == *patient && !one.decided;
        let mut cards: Vec<Shown> = lock(&self.cards).iter().filter(on_screen).map(|one| one.shown.clone()).collect();
        cards.sort_by_key(|shown| std::cmp::Reverse(shown.card.indicator as u8));
        cards
    }

    /// The card of this name, where it was shown for this patient, decided on or not.
    pub fn card(&self, patient: &str, key: &str) -> Option<Shown> {
        lock(&self.cards).iter().rfind(|one| one.is(patient, key)).map(|one| one.shown.clone())
    }

    /// Whether a card is on no screen any more because it was decided on.
    pub fn is_decided(&self, shown: &Shown) -> bool {
        lock(&self.cards).iter().rfind(|one| one.is(&shown.patient, &shown.card.key)).is_some_and(|one| one.decided)
    }

    /// Takes a part of a card for whoever decides on it first; whether that is the caller. The card leaves the screen with
    /// its first decision, or with its last suggestion where any number may be chosen.
    pub fn claim(&self, shown: &Shown, part: Part) -> bool {
        self.with(shown, |one| one.claim(part))
    }

    /// Puts back what was claimed for a decision that was refused.
    pub fn release(&self, shown: &Shown, part: Part) {
        self.with(shown, |one| {
            if let Some(suggestion) = part.of(&mut one.shown.card) {
                suggestion.taken = false;
            }
            one.decided = false;
            true
        });
    }

    fn with(&self, shown: &Shown, change: impl FnOnce(&mut Remembered) -> bool) -> bool {
        let mut cards = lock(&self.cards);
        cards.iter_mut().rfind(|one| one.is(&shown.patient, &shown.card.key)).is_some_and(change)
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

impl Part {
    fn of(self, card: &mut Card) -> Option<&mut Suggestion> {
        match self {
            Self::Whole => None,
            Self::Suggestion(place) => card.suggestions.get_mut(place),
        }
    }
}

impl Remembered {
    /// A card of which something was accepted can no longer be dismissed: it was of use.
    fn claim(&mut self, part: Part) -> bool {
        let begun = self.shown.card.suggestions.iter().any(|one| one.taken);
        let (any, suggestion) = (self.shown.card.lets_any_be_chosen(), part.of(&mut self.shown.card));
        let free = match &suggestion {
            Some(suggestion) => !suggestion.taken && (any || !begun),
            None => !begun,
        };
        if self.decided || !free {
            return false;
        }
        if let Some(suggestion) = suggestion {
            suggestion.taken = true;
        }
        self.decided = !any || part == Part::Whole || self.shown.card.suggestions.iter().all(|one| one.taken);
        true
    }

    fn is(&self, patient: &str, key: &str) -> bool {
        self.shown.card.key == key && *self.shown.patient == *patient
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
