//! Are there facts that exist only because the record ended?
//!
//! A field that is written at the end of a record (a status, a summary, a cause of death) gets the date of its last
//! entry. Among the living such a key stands on the last day of the record and nowhere else; among the dead it stands
//! on the day of death or later. Chance would put it on any of a patient's active days.

use super::{Check, Finding, Survey, of_keys};
use crate::learning::lint::survey::{Lived, Seen};

/// Keys of fewer patients are left to chance.
const FEWEST: u32 = 20;
/// More than half of a key's carriers: no habit of care does that. A code that came into use last year stands on the
/// last day of some records; hence a warning from a quarter, if it is far beyond chance.
const STOP_SHARE: f64 = 0.5;
const WARNING_SHARE: f64 = 0.25;
/// Standard deviations beyond chance.
const BEYOND_CHANCE: f64 = 6.0;
/// Of the dead who have a key, how many had it first on the day of death or later.
const AT_DEATH_SHARE: f64 = 0.8;

/// What is counted of one key.
#[derive(Clone, Copy, Default)]
struct Count {
    carriers: u32,
    at_end: u32,
    expected: f64,
    variance: f64,
    dead: u32,
    at_death: u32,
}

/// Keys of the end.
pub fn snapshot_fields(survey: &Survey) -> Vec<Finding> {
    let mut counts = vec![Count::default(); survey.keys.len()];
    for life in survey.training() {
        life.facts.iter().for_each(|seen| counts[seen.key as usize].add(life, seen));
    }
    let (mut stops, mut warnings) = (Vec::new(), Vec::new());
    for (key, count) in counts.iter().enumerate() {
        let name = || survey.name(key as u32);
        let share = f64::from(count.at_end) / f64::from(count.carriers.max(1));
        let beyond = (f64::from(count.at_end) - count.expected) / count.variance.sqrt().max(1.0);
        let line = || {
            format!(
                "{}: on the last day of the record and on no other in {} of {} living carriers, {:.1} by chance",
                name(),
                count.at_end,
                count.carriers,
                count.expected
            )
        };
        if count.carriers >= FEWEST && share > STOP_SHARE && beyond > BEYOND_CHANCE {
            stops.push(line());
        } else if count.carriers >= FEWEST && share > WARNING_SHARE && beyond > BEYOND_CHANCE {
            warnings.push(line());
        }
        if count.dead >= FEWEST && f64::from(count.at_death) > AT_DEATH_SHARE * f64::from(count.dead) {
            stops.push(format!(
                "{}: first on the day of death or later in {} of {} dead carriers",
                name(),
                count.at_death,
                count.dead
            ));
        }
    }
    of_keys(Check::SnapshotField, "keys stand where a record ends", stops, warnings)
}

impl Count {
    fn add(&mut self, life: &Lived, seen: &Seen) {
        if let Some(death) = life.death {
            self.dead += 1;
            self.at_death += u32::from(seen.first >= death);
            return;
        }
        // In a record of a few days everything is on its last day.
        if life.active_days < 5 {
            return;
        }
        self.carriers += 1;
        self.at_end += u32::from(seen.first == life.last);
        // Given on how many days it stood, only one of them leaves it the chance to be the last.
        if seen.days == 1 {
            let chance = 1.0 / f64::from(life.active_days);
            self.expected += chance;
            self.variance += chance * (1.0 - chance);
        }
    }
}
