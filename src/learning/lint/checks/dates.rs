//! Are there facts at times when they cannot have been known?

use super::{Check, Finding, Severity, Survey};
use crate::learning::lint::survey::Lived;

/// A late form or a result that comes in after a death is ordinary; where more of the dead than this have facts after
/// it, dates are wrong or the record was filled in afterwards.
const AFTER_DEATH_SHARE: f64 = 0.05;
/// The same of lives with facts before birth, such as those of a mother.
const BEFORE_BIRTH_SHARE: f64 = 0.01;
/// Older than anyone has become.
const OLDEST_DAYS: i32 = 125 * 366;

/// Facts after death, after the end of follow-up, before birth, or at an age that nobody reaches.
pub fn future_dated(survey: &Survey) -> Vec<Finding> {
    let lives = &survey.lives;
    let count = |test: &dyn Fn(&Lived) -> bool| lives.iter().filter(|life| test(life)).count();
    let dead = count(&|life| life.death.is_some());
    let rows = [
        ("after death", count(&|life| life.after_death > 0), dead, AFTER_DEATH_SHARE),
        // Ingest leaves these out, so a single one says that the shards are not what they seem.
        ("after the end of follow-up", count(&|life| life.after_end > 0), lives.len(), 0.0),
        ("before birth", count(&|life| life.before_birth > 0), lives.len(), BEFORE_BIRTH_SHARE),
        ("after the age of 125 years", count(&|life| life.last > OLDEST_DAYS), lives.len(), 0.0),
    ];
    rows.into_iter()
        .filter(|(_, patients, ..)| *patients > 0)
        .map(|(when, patients, of, bound)| {
            let share = patients as f64 / of.max(1) as f64;
            let severity = if share > bound { Severity::Stop } else { Severity::Warning };
            let line =
                format!("{patients} of {of} patients ({:.1} %; stops above {:.0} %)", 100.0 * share, 100.0 * bound);
            Finding::new(Check::FutureDated, severity, format!("facts {when}"), vec![line])
        })
        .collect()
}
