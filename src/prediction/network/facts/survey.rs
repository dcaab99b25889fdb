//! What a window shows of every key and every number, before it becomes anybody's inputs.
//!
//! Owns one pass over a history up to a day; reads nothing after it. Knows no weights and no formulas of inputs.

use super::config::{COUNT_DAYS, FactsConfig, LATELY_DAYS, Words};
use crate::prediction::network::packed::Asked;
use crate::prediction::network::{History, NumberEntry};

/// Everything that a window shows at the end of a day.
pub struct Survey {
    /// By slot.
    pub keys: Vec<Seen>,
    /// By number.
    pub numbers: Vec<Option<Course>>,
    /// Entries seen.
    pub entries: u32,
    /// Days since each active day, the latest last.
    pub shown: Vec<i32>,
}

/// What was seen of one key.
#[derive(Clone, Copy, Default)]
pub struct Seen {
    /// In each window of [`COUNT_DAYS`].
    pub counts: [u32; COUNT_DAYS.len()],
    /// Days with it lately.
    pub days_lately: u32,
    /// Days since it was last seen, at least 1; 0: never.
    pub since: i32,
    /// Days since it was seen on the active day before that; 0: never.
    pub since_before: i32,
    /// How often it began less how often it ended.
    pub open: i32,
}

/// What was seen of one number.
#[derive(Clone, Copy)]
pub struct Course {
    pub last: NumberEntry,
    /// Days since it, at least 1.
    pub since: i32,
    /// Standardised value of an earlier day, the latest, and days since it.
    pub before: Option<(f32, i32)>,
    /// Values lately, their sum, the greatest and the least, standardised.
    pub lately: u32,
    pub sum: f32,
    pub most: f32,
    pub least: f32,
    /// First standardised value lately, and days since it.
    pub first: (f32, i32),
}

impl Survey {
    /// Looks at a window at the end of `day`.
    pub fn of(asked: &Asked, day: i32, config: &FactsConfig, words: &Words) -> Self {
        let history = asked.history;
        let known = history.known_days(day).clamp(asked.first, asked.end.max(asked.first));
        let days = &history.days[asked.first..known];
        let mut keys = vec![Seen::default(); config.slots()];
        let mut numbers: Vec<Option<Course>> = vec![None; config.numbers];
        let (mut entries, mut last_slot_day) = (0_u32, vec![i32::MIN; config.slots()]);
        for active in days {
            let since = day - active.day + 1;
            for entry in &history.entries[active.start as usize..active.end as usize] {
                if asked.without.contains(&entry.key) {
                    continue;
                }
                entries += 1;
                let slot = slot(history, entry.key, config);
                keys[slot].see(since, last_slot_day[slot] != active.day);
                last_slot_day[slot] = active.day;
                if let Some(Some(begun)) = words.ends.get(slot) {
                    keys[*begun as usize].open -= 1;
                }
                if let Some(number) = entry.number {
                    see_number(&mut numbers[number.number as usize], number, since);
                }
            }
        }
        Self { keys, numbers, entries, shown: days.iter().map(|active| day - active.day + 1).collect() }
    }
}

/// The slot of a key: its own where it is known, its kind's otherwise.
pub fn slot(history: &History, key: u32, config: &FactsConfig) -> usize {
    match (key as usize).checked_sub(config.keys) {
        None => key as usize,
        Some(unknown) => config.keys + history.unknown.get(unknown).map_or(0, |(kind, _)| *kind as usize),
    }
}

fn see_number(course: &mut Option<Course>, number: NumberEntry, since: i32) {
    let value = number.standardised;
    let mut now = course.take().unwrap_or(Course {
        last: number,
        since,
        before: None,
        lately: 0,
        sum: 0.0,
        most: f32::MIN,
        least: f32::MAX,
        first: (value, since),
    });
    if since < now.since {
        now.before = Some((now.last.standardised, now.since));
    }
    (now.last, now.since) = (number, since);
    if since <= LATELY_DAYS {
        if now.lately == 0 {
            now.first = (value, since);
        }
        now.lately += 1;
        now.sum += value;
        (now.most, now.least) = (now.most.max(value), now.least.min(value));
    }
    *course = Some(now);
}

impl Seen {
    fn see(&mut self, since: i32, new_day: bool) {
        for (count, window) in self.counts.iter_mut().zip(COUNT_DAYS) {
            *count += u32::from(since <= window);
        }
        self.days_lately += u32::from(new_day && since <= LATELY_DAYS);
        if new_day {
            self.since_before = self.since;
        }
        (self.since, self.open) = (since, self.open + 1);
    }
}
