//! Secrets that were given out and what they stand for, until when. In memory, and never more than a bound: where it is
//! reached, what would end first is forgotten first.

use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// The most that are held.
const MOST: usize = 10_000;

/// A new secret: opaque, with 244 random bits.
pub fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// What secrets stand for.
pub struct Expiring<T> {
    held: Mutex<HashMap<String, (T, Timestamp)>>,
    most: usize,
}

impl<T> Default for Expiring<T> {
    fn default() -> Self {
        Self { held: Mutex::default(), most: MOST }
    }
}

impl<T> Expiring<T> {
    /// Holds something until then. What its name stood for until now, if anything.
    pub fn put(&self, name: String, value: T, until: Timestamp, now: Timestamp) -> Option<T> {
        let mut held = self.lock();
        held.retain(|_, (_, until)| *until > now);
        if held.len() >= self.most
            && let Some(first) = held.iter().min_by_key(|(_, (_, until))| *until).map(|(name, _)| name.clone())
        {
            held.remove(&first);
        }
        held.insert(name, (value, until)).map(|(before, _)| before)
    }

    /// Takes out what has not ended.
    pub fn take(&self, name: &str, now: Timestamp) -> Option<T> {
        self.lock().remove(name).filter(|(_, until)| *until > now).map(|(value, _)| value)
    }

    /// Looks at, and may change, what has not ended.
    pub fn with<R>(&self, name: &str, now: Timestamp, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.lock().get_mut(name).filter(|(_, until)| *until > now).map(|(value, _)| look(value))
    }

    /// Looks at what has not ended, and lets it last until `prolonged` says.
    pub fn with_prolonged<R>(
        &self,
        name: &str,
        now: Timestamp,
        prolonged: impl FnOnce(&T) -> Timestamp,
        look: impl FnOnce(&T) -> R,
    ) -> Option<R> {
        let mut held = self.lock();
        let (value, until) = held.get_mut(name).filter(|(_, until)| *until > now)?;
        *until = prolonged(value);
        Some(look(value))
    }

    /// Forgets all of a kind.
    pub fn forget(&self, unwanted: impl Fn(&T) -> bool) {
        self.lock().retain(|_, (value, _)| !unwanted(value));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (T, Timestamp)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn what_is_held_ends_at_its_time_and_is_taken_once() {
        let held = Expiring::default();
        held.put("a".into(), 1, at(60), at(0));
        held.put("b".into(), 2, at(60), at(0));
        assert_eq!(held.with("a", at(59), |value| *value), Some(1));
        assert_eq!(held.take("a", at(59)), Some(1));
        assert_eq!(held.take("a", at(59)), None);
        assert_eq!(held.take("b", at(60)), None);
    }

    #[test]
    fn what_is_looked_at_in_time_lasts_longer() {
        let held = Expiring::default();
        held.put("a".into(), 1, at(60), at(0));
        assert_eq!(held.with_prolonged("a", at(59), |_| at(90), |value| *value), Some(1));
        assert_eq!(held.with_prolonged("a", at(89), |_| at(89), |value| *value), Some(1));
        assert_eq!(held.take("a", at(89)), None);
    }

    #[test]
    fn where_too_many_are_held_what_ends_first_is_forgotten() {
        let held = Expiring { held: Mutex::default(), most: 2 };
        for (name, until) in [("long", 90), ("short", 10), ("middle", 50)] {
            held.put(name.into(), name, at(until), at(0));
        }
        assert_eq!(held.take("short", at(1)), None);
        assert!(held.take("long", at(1)).is_some() && held.take("middle", at(1)).is_some());
    }
}
