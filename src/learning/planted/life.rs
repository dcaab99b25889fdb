//! One patient from the first visit to death or the end of the export.
//!
//! Owns who lives when, and what happened. Draws the days that are asked about by what is known up to them alone:
//! drawn with the future in sight, they would prefer some futures, and the truth would not hold on them.

use super::chance::{Chance, Purpose};
use super::forward::{Care, forward};
use super::hazards::{YEAR, outcomes, visit};
use super::shown::Shown;
use super::world::{N, OUTCOMES, Which};
use crate::learning::shard::Split;
use jiff::civil::{Date, date};

/// The last day that the export knows of.
pub const EXPORT: Date = date(2026, 1, 1);
/// No record begins earlier.
const RECORDS_BEGIN: Date = date(1986, 1, 1);
/// Ages at the export lie in this range, evenly.
const AGES: (f64, f64) = (32.0, 92.0);

/// A life. Days are counted from birth.
pub struct Life {
    pub number: u64,
    pub split: Split,
    pub birth: Date,
    pub female: bool,
    /// Day of the first visit.
    pub start: i32,
    /// Day of the export.
    pub end: i32,
    pub death: Option<i32>,
    /// Events of care by day, each with the record after it.
    pub care: Vec<(i32, Care, Shown)>,
    /// Days of every outcome, ascending; death among them.
    pub outcomes: [Vec<i32>; N],
}

fn days_between(from: Date, to: Date) -> i32 {
    // Both lie within two centuries: the span in days exists.
    from.until(to).map_or(0, |span| span.get_days())
}

/// Six tenths train, a tenth each for validation and calibration, two for test.
pub fn split_of(number: u64) -> Split {
    match number % 10 {
        0..=5 => Split::Train,
        6 => Split::Validation,
        7 => Split::Calibration,
        _ => Split::Test,
    }
}

impl Life {
    /// Lives life number `number` of the world with this seed.
    pub fn new(seed: u64, number: u64) -> Self {
        let chance = Chance::of(&[seed, number]);
        let age = AGES.0 + (AGES.1 - AGES.0) * chance.uniform(0, Purpose::Birth);
        let end = (age * YEAR) as i32;
        let birth = EXPORT.checked_sub(jiff::Span::new().days(end)).unwrap_or(EXPORT);
        let start = days_between(birth, RECORDS_BEGIN).max((20.0 * YEAR) as i32);
        let female = chance.happens(0.5, 0, Purpose::Sex);
        let mut shown = Shown::nothing(female);
        let first = visit(&shown, start, chance);
        shown.see(&first, start);
        let mut life = Self {
            number,
            split: split_of(number),
            birth,
            female,
            start,
            end,
            death: None,
            care: vec![(start, Care::Routine(first), shown)],
            outcomes: Default::default(),
        };
        life.live(shown, chance);
        life
    }

    fn live(&mut self, mut shown: Shown, chance: Chance) {
        let Self { start, end, care, outcomes: days, .. } = self;
        let stretch = |from: i32, to: i32, shown: &Shown| {
            let hazards = outcomes(shown, from);
            for (index, happened) in days.iter_mut().enumerate() {
                let mut day = from;
                while !OUTCOMES[index].first_only || happened.is_empty() {
                    day = day.saturating_add(chance.wait_for_outcome(hazards[index] / YEAR, day, index));
                    if day >= to {
                        break;
                    }
                    happened.push(day);
                    day += 1;
                }
            }
        };
        forward(&mut shown, *start + 1, *end + 1, chance, stretch, |day, event, shown| care.push((day, event, *shown)));
        self.death = self.outcomes[Which::Death as usize].first().copied();
        if let Some(death) = self.death {
            // On the day of death nothing else happens.
            self.care.retain(|(day, ..)| *day < death);
            for (index, days) in self.outcomes.iter_mut().enumerate() {
                days.retain(|&day| day < death || index == Which::Death as usize);
            }
        }
    }

    /// What the record shows at the end of `day`.
    pub fn shown(&self, day: i32) -> Shown {
        let known = self.care.partition_point(|(on, ..)| *on <= day);
        known.checked_sub(1).map_or(Shown::nothing(self.female), |last| self.care[last].2)
    }

    /// The calendar date of a day.
    pub fn date(&self, day: i32) -> Date {
        self.birth.checked_add(jiff::Span::new().days(day)).unwrap_or(EXPORT)
    }

    /// The days that are asked about: a tenth of the visits and one random day in eight years, aged 30 or more, a year
    /// of record before, alive, a year of follow-up, within the last 26 years, at least 90 days apart.
    pub fn asked(&self, seed: u64) -> Vec<i32> {
        let chance = Chance::of(&[seed, self.number, 1]);
        let earliest = ((30.0 * YEAR) as i32 + 1).max(self.start + 365).max(self.end - (26.0 * YEAR) as i32);
        let latest = (self.end - 366).min(self.death.map_or(i32::MAX, |death| death - 1));
        let mut visits: Vec<i32> = self.visits();
        visits.dedup();
        let mut asked: Vec<i32> = Vec::new();
        for day in earliest..=latest {
            let visited = visits.binary_search(&day).is_ok();
            let share = 1.0 / (8.0 * YEAR) + if visited { 0.1 } else { 0.0 };
            let spaced = asked.last().is_none_or(|last| day - last >= 90);
            if spaced && chance.happens(share, day, Purpose::Asked) {
                asked.push(day);
            }
        }
        asked
    }

    /// Days with a visit: every event of care, every outcome but death. Ascending, some twice.
    fn visits(&self) -> Vec<i32> {
        let outcomes = self.outcomes[..Which::Death as usize].iter().flatten().copied();
        let mut days: Vec<i32> = self.care.iter().map(|(day, ..)| *day).chain(outcomes).collect();
        days.sort_unstable();
        days
    }
}
