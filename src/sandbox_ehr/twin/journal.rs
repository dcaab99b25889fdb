//! What was sent to CDS services and what they answered, the latest only. Never holds a token of a call, only what it says.

use serde::Serialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Exchanges that are kept, and bytes of their bodies altogether.
const MOST: usize = 500;
const MOST_BYTES: usize = 64 << 20;

/// What an exchange was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Discovery,
    Call,
    Feedback,
}

/// One request and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// Counts from 1 since the start.
    pub number: u64,
    /// RFC 3339, UTC.
    pub at: String,
    pub kind: Direction,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    pub method: &'static str,
    pub url: String,
    /// Names in lower case; without `authorization`.
    pub headers: Vec<(String, String)>,
    /// Header and claims of the token that the request brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    /// Why there is no response, or why its cards are not shown.
    pub problems: Vec<String>,
    pub took_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Recorded {
    fn size(&self) -> usize {
        self.body.len() + self.response.as_ref().map_or(0, |response| response.body.len())
    }
}

/// The latest exchanges.
#[derive(Default)]
pub struct Journal(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    kept: VecDeque<Arc<Recorded>>,
    written: u64,
}

impl Journal {
    /// Keeps an exchange; its number.
    pub fn keep(&self, mut recorded: Recorded) -> u64 {
        let mut pages = self.lock();
        pages.written += 1;
        recorded.number = pages.written;
        pages.kept.push_back(Arc::new(recorded));
        while pages.kept.len() > MOST || pages.kept.iter().map(|one| one.size()).sum::<usize>() > MOST_BYTES {
            pages.kept.pop_front();
        }
        pages.written
    }

    /// Says what was wrong with an answer.
    pub fn add_problems(&self, number: u64, problems: &[String]) {
        if let Some(one) = self.lock().kept.iter_mut().find(|one| one.number == number) {
            Arc::make_mut(one).problems.extend_from_slice(problems);
        }
    }

    pub fn find(&self, number: u64) -> Option<Arc<Recorded>> {
        self.lock().kept.iter().find(|one| one.number == number).cloned()
    }

    /// Oldest first.
    pub fn all(&self) -> Vec<Arc<Recorded>> {
        self.lock().kept.iter().cloned().collect()
    }

    pub fn clear(&self) {
        self.lock().kept.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
