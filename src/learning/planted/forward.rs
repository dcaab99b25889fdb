//! Time passes: from what is shown on one day to a later one.
//!
//! Owns the law of the world: on each day at most one event of care, each with its hazard given the record up to the
//! day before; outcomes run beside and change nothing. The law forgets how it came to a state, so a future may begin
//! on any day.

use super::chance::{Chance, Purpose};
use super::hazards::{STRETCH, YEAR, care, stretch_start, visit};
use super::shown::{Shown, Visit};
use super::world::Finding;

/// An event of care.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Care {
    Routine(Visit),
    Found(Finding),
}

/// Lets the days `from..until` pass. `stretch(from, to, shown)` receives every run of days on which outcomes have the
/// hazards of `shown` on `from`; `happened(day, care, shown)` every event of care with the record after it.
pub fn forward(
    shown: &mut Shown,
    from: i32,
    until: i32,
    chance: Chance,
    mut stretch: impl FnMut(i32, i32, &Shown),
    mut happened: impl FnMut(i32, Care, &Shown),
) {
    let mut day = from;
    while day < until {
        let end = (stretch_start(day) + STRETCH).min(until);
        let rates = care(shown, day);
        let wait = chance.wait(rates.iter().sum::<f64>() / YEAR, day, Purpose::When);
        let next = day.saturating_add(wait);
        if next >= end {
            stretch(day, end, shown);
            day = end;
            continue;
        }
        // The outcomes of a day with an event still see the record of the day before.
        stretch(day, next + 1, shown);
        let care = match pick(&rates, chance.uniform(next, Purpose::Which)) {
            0 => Care::Routine(visit(shown, next, chance)),
            finding => Care::Found(Finding::ALL[finding - 1]),
        };
        match &care {
            Care::Routine(visit) => shown.see(visit, next),
            Care::Found(finding) => shown.find(*finding, next),
        }
        happened(next, care, shown);
        day = next + 1;
    }
}

/// A place chosen with chances in proportion to the rates. The last one stands for what rounding leaves over.
fn pick(rates: &[f64], uniform: f64) -> usize {
    let mut left = uniform * rates.iter().sum::<f64>();
    for (place, rate) in rates.iter().enumerate() {
        left -= rate;
        if left < 0.0 {
            return place;
        }
    }
    rates.iter().rposition(|&rate| rate > 0.0).unwrap_or(0)
}
