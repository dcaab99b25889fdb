//! Does something tell where a record ends?
//!
//! Follow-up that ends with death turns censoring into an outcome. A key after which a living patient's record falls
//! silent for years, though others go on, announces the end of the record rather than anything about health.

use super::{Check, Finding, Severity, Survey, of_keys};

/// Fewer dead, or fewer carriers, are left to chance.
const FEWEST: u32 = 20;
/// Of the dead, how many may have a follow-up that ends at their death.
const WITH_DEATH_SHARE: f64 = 0.5;
/// Days around death within which follow-up counts as ending with it: two steps of its rounding.
const WITH_DEATH_DAYS: i32 = 56;
/// A record is silent when nothing comes for so long although follow-up goes on.
const SILENCE_DAYS: i32 = 730;
/// Of a key's carriers, how many fall silent within a month of it; and how many times as often as everyone does.
const SILENT_SHARE: f64 = 0.5;
const TIMES_EVERYONE: f64 = 3.0;
const MONTH: i32 = 30;

/// What tells the end.
pub fn record_end(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut dead, mut with_death) = (0_u32, 0_u32);
    for life in survey.training() {
        if let Some(death) = life.death {
            dead += 1;
            with_death += u32::from((life.follow_up_end - death).abs() <= WITH_DEATH_DAYS);
        }
    }
    if dead >= FEWEST && f64::from(with_death) > WITH_DEATH_SHARE * f64::from(dead) {
        let line =
            format!("follow-up of {with_death} of {dead} dead patients ends at their death, the others' at the export");
        let what = "the end of follow-up tells who died";
        findings.push(Finding::new(Check::RecordEnd, Severity::Stop, what, vec![line]));
    }
    findings.extend(of_keys(Check::RecordEnd, "keys announce the end of a record", silencing(survey), Vec::new()));
    findings
}

/// Keys after which records fall silent.
fn silencing(survey: &Survey) -> Vec<String> {
    let mut counts = vec![(0_u32, 0_u32); survey.keys.len()];
    let (mut living, mut silent) = (0_u32, 0_u32);
    for life in survey.training().filter(|life| life.death.is_none() && life.active_days > 1) {
        let falls_silent = life.follow_up_end - life.last >= SILENCE_DAYS;
        (living, silent) = (living + 1, silent + u32::from(falls_silent));
        // Whoever had it and went on counts against it, also where it came again of late: a visit is most records' last
        // entry and announces nothing.
        for seen in life.facts.iter().filter(|seen| life.follow_up_end - seen.first >= SILENCE_DAYS) {
            let count = &mut counts[seen.key as usize];
            count.0 += 1;
            count.1 += u32::from(falls_silent && life.last - seen.last <= MONTH);
        }
    }
    let usual = f64::from(silent) / f64::from(living.max(1));
    let announces = |&(_, &(carriers, silent)): &(usize, &(u32, u32))| {
        let share = f64::from(silent) / f64::from(carriers.max(1));
        carriers >= FEWEST && share > SILENT_SHARE && share > TIMES_EVERYONE * usual
    };
    let line = |(key, &(carriers, silent)): (usize, &(u32, u32))| {
        format!(
            "{}: the record falls silent within a month of it in {silent} of {carriers} carriers; {:.0} % of everyone's do",
            survey.name(key as u32),
            100.0 * usual
        )
    };
    counts.iter().enumerate().filter(announces).map(line).collect()
}
