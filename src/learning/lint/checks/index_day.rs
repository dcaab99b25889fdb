//! Does an outcome happen the moment it is asked about?
//!
//! Training asks at the end of an index day, most of them visits. An outcome that is written down the day after the
//! visit it belongs to was known at the visit; and one that stood in the record on the index day must not count again.

use super::{Check, Finding, Severity, Survey, of_keys};
use crate::learning::evaluate::cohort::{Window, label};
use crate::learning::lint::survey::{Lived, Seen};
use crate::prediction::phenotype::{Phenotypes, Rule};

const YEAR: i32 = 365;
/// Outcomes with fewer events in the year after the index days are left to chance.
const FEWEST: u32 = 20;
/// One in four events of a year on its first day: what is foreseen is then mostly the visit itself. From one in
/// twenty it is worth knowing; by chance it would be one in 365.
const STOP_SHARE: f64 = 0.25;
const WARNING_SHARE: f64 = 0.05;

/// Events of one outcome by where they fall after an index day.
#[derive(Clone, Default)]
struct Near {
    next_day: u32,
    year: u32,
    /// First-only outcomes that stood in the record and counted all the same.
    known: u32,
}

/// Outcomes too near to their index days.
pub fn labels(survey: &Survey, phenotypes: &Phenotypes) -> Vec<Finding> {
    let mut near = vec![Near::default(); phenotypes.outcomes.len()];
    for life in survey.training() {
        for day in life.index_days.iter().map(|index| index.day) {
            (0..near.len()).for_each(|outcome| near[outcome].add(survey, phenotypes, life, outcome, day));
        }
    }
    let (mut stops, mut warnings, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for ((name, _), near) in phenotypes.outcomes.iter().zip(&near) {
        let share = f64::from(near.next_day) / f64::from(near.year.max(1));
        let line = format!(
            "`{name}`: {} of {} events of the year after an index day are on its first day ({:.0} %)",
            near.next_day,
            near.year,
            100.0 * share
        );
        if near.next_day >= FEWEST && share >= STOP_SHARE {
            stops.push(line);
        } else if near.next_day >= FEWEST && share >= WARNING_SHARE {
            warnings.push(line);
        }
        if near.known > 0 {
            known.push(format!("`{name}`: {} index days on which it stood in the record already", near.known));
        }
    }
    let mut findings = of_keys(Check::LabelOnIndexDay, "outcomes fall on the day after the index day", stops, warnings);
    if !known.is_empty() {
        let what = format!("{} outcomes count although they were known", known.len());
        findings.push(Finding::new(Check::LabelOnIndexDay, Severity::Stop, what, known));
    }
    findings
}

impl Near {
    fn add(&mut self, survey: &Survey, phenotypes: &Phenotypes, life: &Lived, outcome: usize, day: i32) {
        let days = &life.outcomes[outcome];
        let window = Window { gap_days: 0, horizon_days: YEAR };
        let Some(happened) = label(phenotypes, outcome, days, life.sex, day, window) else { return };
        let definition = &phenotypes.outcomes[outcome].1;
        if definition.first_only && definition.rule == Rule::Condition {
            // Looked up by code, not through the days that the label itself rests on.
            let own =
                |key: &str| key.strip_prefix("COND|").is_some_and(|code| definition.codes.iter().any(|c| c == code));
            let known = |seen: &Seen| seen.first <= day && own(&survey.keys[seen.key as usize].text);
            self.known += u32::from(life.facts.iter().any(known));
        }
        if happened {
            let from = days.days.partition_point(|&event| event <= day);
            let first = days.days.get(from).copied().unwrap_or(i32::MAX);
            self.year += 1;
            self.next_day += u32::from(first == day + 1);
        }
    }
}
