//! The time machine: one patient's life asked again, visit by visit, and what every service answered. In memory, for as
//! long as the page runs.
//!
//! Knows a service by its cards alone. A service without Prodrome's extensions is asked too, with what the chart held by
//! then, and only whether it showed a card is drawn.

mod curve;
mod moments;
mod routes;
mod travel;

pub use curve::{Curve, Point, curves, disorders};
pub use moments::MOST_MOMENTS;
pub use routes::configure;

use super::card::Card;
use super::chart::Chart;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Moments that are asked at once, whatever the number of journeys: a server has other things to do.
pub const AT_ONCE: usize = 2;

/// A card, and the service that showed it.
#[derive(Clone, Debug)]
pub struct Told {
    pub service: String,
    pub card: Card,
}

/// What came of one moment.
#[derive(Debug, Default)]
pub struct Answer {
    /// Of all services.
    pub told: Vec<Told>,
    /// Why a service gave nothing to read.
    pub faults: Vec<String>,
}

/// A day with a visit, and what was answered as of its end.
#[derive(Clone, Debug)]
pub struct Moment {
    pub day: Date,
    /// None: not asked yet.
    pub answer: Option<Arc<Answer>>,
}

impl Moment {
    /// A service was asked and gave nothing to read: that no card is there says nothing.
    pub fn is_faulty(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.faults.is_empty())
    }
}

/// One patient's life, as far as it was asked.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Oldest first.
    pub moments: Vec<Moment>,
    /// Days with a visit; more than moments where not every one is asked.
    pub visits: usize,
    pub state: State,
}

#[derive(Clone, Debug)]
pub enum State {
    UnderWay(Instant),
    Ended(Duration),
    /// No service could be asked.
    Failed(String),
}

impl Journey {
    /// Moments that were asked.
    pub fn asked(&self) -> usize {
        self.moments.iter().filter(|moment| moment.answer.is_some()).count()
    }

    pub fn is_under_way(&self) -> bool {
        matches!(self.state, State::UnderWay(_))
    }
}

/// The journeys of all patients, the latest of each.
pub struct TimeMachine {
    journeys: Mutex<HashMap<Box<str>, Journey>>,
    turns: Semaphore,
}

impl Default for TimeMachine {
    fn default() -> Self {
        Self { journeys: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

impl TimeMachine {
    /// The latest journey of a patient.
    pub fn of(&self, patient: &str) -> Option<Journey> {
        self.lock().get(patient).cloned()
    }

    /// A new journey in place of the last; none while one is under way.
    fn begin(&self, chart: &Chart, now: Timestamp) -> Option<Journey> {
        let mut journeys = self.lock();
        if journeys.get(&chart.id).is_some_and(Journey::is_under_way) {
            return None;
        }
        let (days, visits) = moments::chosen(chart, now);
        let moments = days.into_iter().map(|day| Moment { day, answer: None }).collect();
        let journey = Journey { moments, visits, state: State::UnderWay(Instant::now()) };
        journeys.insert(chart.id.clone(), journey.clone());
        Some(journey)
    }

    fn record(&self, patient: &str, place: usize, answer: Answer) {
        if let Some(moment) = self.lock().get_mut(patient).and_then(|journey| journey.moments.get_mut(place)) {
            moment.answer = Some(Arc::new(answer));
        }
    }

    fn end(&self, patient: &str, failure: Option<String>) {
        let mut journeys = self.lock();
        let Some(journey) = journeys.get_mut(patient) else { return };
        if let State::UnderWay(begun) = journey.state {
            journey.state = failure.map_or(State::Ended(begun.elapsed()), State::Failed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Journey>> {
        self.journeys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
