//! A chart ready to be read: active days, and on each the table rows and numbers of its events.

use super::text::text_buckets;
use crate::patient_record::timeline::{Kind, Sex};
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};

/// One event of an active day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// Known key, or `keys + i` for the i-th of [`History::unknown`].
    pub key: u32,
    pub number: Option<NumberEntry>,
}

/// A number as the network takes it: standardised, and between which two knots it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberEntry {
    pub number: u32,
    pub standardised: f32,
    /// Lower knot, 0 to `KNOTS - 2`.
    pub knot: u32,
    /// Share of the upper knot, 0 to 1.
    pub share: f32,
}

/// A day on which something happened: entries `start..end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    pub day: i32,
    pub start: u32,
    pub end: u32,
}

/// The days of a life in a network's terms. `entries[i]` is `EncodedChart::events[i]`.
#[derive(Clone, Debug)]
pub struct History {
    pub female: bool,
    pub birth_day: i32,
    pub days: Vec<Day>,
    pub entries: Vec<Entry>,
    /// Kind and text pieces of keys that the vocabulary does not know.
    pub unknown: Vec<(Kind, Vec<u32>)>,
}

impl History {
    /// Prepares a chart. A chart without a birth date is read as of age zero on its first day; the caller
    /// says elsewhere that such a risk is not shown.
    pub fn new(chart: &EncodedChart, vocabulary: &Vocabulary, text_pieces: usize) -> Self {
        let mut days: Vec<Day> = Vec::new();
        let mut entries = Vec::with_capacity(chart.events.len());
        for (position, event) in chart.events.iter().enumerate() {
            match days.last_mut() {
                Some(day) if day.day == event.day => day.end += 1,
                _ => days.push(Day { day: event.day, start: position as u32, end: position as u32 + 1 }),
            }
            let number = event.number.and_then(|(index, value)| {
                let number = vocabulary.numbers.get(index as usize)?;
                let (knot, share) = number.knot(value as f64);
                Some(NumberEntry { number: index, standardised: number.standardised(value as f64), knot, share })
            });
            entries.push(Entry { key: event.key, number });
        }
        let first = chart.events.first().map_or(chart.as_of_day, |event| event.day);
        Self {
            female: chart.sex == Sex::Female,
            birth_day: chart.birth_day.unwrap_or(first),
            days,
            entries,
            unknown: chart.unknown.iter().map(|(kind, text)| (*kind, text_buckets(text, text_pieces))).collect(),
        }
    }

    /// Active days known by the end of `day`.
    pub fn known_days(&self, day: i32) -> usize {
        self.days.partition_point(|active| active.day <= day)
    }

    /// Age in years at the end of `day`.
    pub fn age_years(&self, day: i32) -> f32 {
        (day + 1 - self.birth_day) as f32 / 365.25
    }

    /// For each key, its latest entry by the end of `day` and how many there are by then.
    pub fn occurrences(&self, day: i32, keys: &[u32]) -> Vec<(usize, u32)> {
        let end = self.known_days(day).checked_sub(1).map_or(0, |last| self.days[last].end as usize);
        let mut found = vec![(0, 0); keys.len()];
        for (place, entry) in self.entries[..end].iter().enumerate() {
            if let Some(which) = keys.iter().position(|&key| key == entry.key) {
                found[which] = (place, found[which].1 + 1);
            }
        }
        found
    }
}
