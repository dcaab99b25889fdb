//! Can the year be told from the record?
//!
//! Shards hold days since birth, so the only anchor of an era is the end of follow-up: how many years before it a key
//! stood. Medicine changes, and so a key of some years only (a vaccine of its time, an epidemic) is a warning: a model
//! may learn the year from it, and what it then says of the future rests on an era that is over. A *family* of such
//! keys that tells nearly every year, a date in a code, or a number that counts years is a stop.

use super::{Check, Finding, Severity, Survey, of_keys};
use regex::Regex;

const YEAR: f64 = 365.25;
/// Years before the end of follow-up that are looked at.
const YEARS: usize = 20;
/// Keys of fewer patients are left to chance.
const FEWEST: u32 = 20;
/// A key of one era: this share of its first and last days lies within so many years...
const ERA_SHARE: f64 = 0.9;
const ERA_YEARS: usize = 2;
/// ... where so small a share of everyone's active years lies.
const ERA_OF_EVERYONE: f64 = 0.3;
/// Share of everyone's active years that hold a key of one era: beyond it the year can be told nearly always.
const TOLD_SHARE: f64 = 0.5;
/// Squared correlation of a number with the years before the end of follow-up, and the least spread of these.
const COUNTS_YEARS: f64 = 0.98;
const LEAST_SPREAD_YEARS: f64 = 1.0;

/// Keys and numbers of the calendar.
pub fn calendar_time(survey: &Survey) -> Vec<Finding> {
    let mut stops = dates(survey);
    stops.extend(counting(survey));
    let mut findings = of_keys(Check::CalendarTime, "keys or numbers state a date", stops, Vec::new());
    let everyone = active_years(survey);
    let eras = eras(survey, &everyone);
    let told = told(survey, &eras);
    if eras.iter().all(Option::is_none) {
        return findings;
    }
    let line = |(key, era): (usize, &Option<Era>)| {
        let era = era.as_ref()?;
        let from_to = format!("{} to {} years before the end of follow-up", era.from, era.from + ERA_YEARS);
        let line = format!(
            "{}: {:.0} % of it {from_to}, {} carriers",
            survey.name(key as u32),
            100.0 * era.share,
            era.carriers
        );
        Some((era.carriers, line))
    };
    let mut lines: Vec<(u32, String)> = eras.iter().enumerate().filter_map(line).collect();
    lines.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let severity = if told > TOLD_SHARE { Severity::Stop } else { Severity::Warning };
    let what = format!(
        "{} keys belong to one era; {:.0} % of the active years of the last {YEARS} hold one (stops above {:.0} %)",
        lines.len(),
        100.0 * told,
        100.0 * TOLD_SHARE
    );
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    findings.push(Finding::new(Check::CalendarTime, severity, what, lines));
    findings
}

/// The era of a key.
struct Era {
    /// Whole years before the end of follow-up at which it begins, counted backwards.
    from: usize,
    share: f64,
    carriers: u32,
}

/// Whole years before the end of follow-up, capped by the last that is looked at.
fn before_end(end: i32, day: i32) -> usize {
    ((f64::from(end.saturating_sub(day)) / YEAR).max(0.0) as usize).min(YEARS)
}

/// The share of everyone's years of record in each year before the end, the last standing for all earlier ones.
fn active_years(survey: &Survey) -> Vec<f64> {
    let mut years = vec![0.0; YEARS + 1];
    for life in survey.training().filter(|life| life.active_days > 0) {
        let (oldest, newest) = (before_end(life.follow_up_end, life.first), before_end(life.follow_up_end, life.last));
        years[newest..=oldest].iter_mut().for_each(|year| *year += 1.0);
        // Years beyond the last one count too.
        years[YEARS] += (f64::from(life.follow_up_end - life.first) / YEAR - YEARS as f64).max(0.0);
    }
    let all: f64 = years.iter().sum::<f64>().max(1.0);
    years.into_iter().map(|year| year / all).collect()
}

fn eras(survey: &Survey, everyone: &[f64]) -> Vec<Option<Era>> {
    let mut counts = vec![([0_u32; YEARS + 1], 0_u32); survey.keys.len()];
    for life in survey.training() {
        for seen in &life.facts {
            let (years, carriers) = &mut counts[seen.key as usize];
            years[before_end(life.follow_up_end, seen.first)] += 1;
            years[before_end(life.follow_up_end, seen.last)] += 1;
            *carriers += 1;
        }
    }
    let era = |(years, carriers): &([u32; YEARS + 1], u32)| {
        let within = |from: usize| years[from..from + ERA_YEARS].iter().sum::<u32>();
        let from = (0..=YEARS - ERA_YEARS).max_by_key(|&from| (within(from), std::cmp::Reverse(from)))?;
        let share = f64::from(within(from)) / f64::from(years.iter().sum::<u32>().max(1));
        let usual: f64 = everyone[from..from + ERA_YEARS].iter().sum();
        (*carriers >= FEWEST && share >= ERA_SHARE && usual < ERA_OF_EVERYONE).then_some(Era {
            from,
            share,
            carriers: *carriers,
        })
    };
    counts.iter().map(era).collect()
}

/// The share of everyone's last active years in which a key of one era stands.
fn told(survey: &Survey, eras: &[Option<Era>]) -> f64 {
    let (mut active, mut told) = (0_usize, 0_usize);
    for life in survey.training().filter(|life| life.active_days > 0) {
        let year = |day| before_end(life.follow_up_end, day);
        let mut tells = [false; YEARS + 1];
        for seen in life.facts.iter().filter(|seen| eras[seen.key as usize].is_some()) {
            tells[year(seen.first)] = true;
            tells[year(seen.last)] = true;
        }
        let (newest, oldest) = (year(life.last), year(life.first).min(YEARS - 1));
        active += (oldest + 1).saturating_sub(newest);
        told += tells.get(newest..=oldest).unwrap_or_default().iter().filter(|tells| **tells).count();
    }
    told as f64 / active.max(1) as f64
}

/// Codes and displays that state a day.
fn dates(survey: &Survey) -> Vec<String> {
    let Ok(day) = Regex::new(r"\b(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\b") else { return Vec::new() };
    let mut kinds = std::collections::BTreeMap::<&str, usize>::new();
    for key in survey.keys.iter().filter(|key| day.is_match(&key.text) || day.is_match(&key.display)) {
        *kinds.entry(key.kind.short()).or_default() += 1;
    }
    // The text itself may be someone's birth date.
    kinds.into_iter().map(|(kind, keys)| format!("{keys} keys of kind {kind} hold a date")).collect()
}

/// Numbers that run with the calendar, and not with age.
fn counting(survey: &Survey) -> Vec<String> {
    let mut pairs: std::collections::BTreeMap<u32, Vec<[f64; 3]>> = Default::default();
    for life in survey.training() {
        for number in &life.numbers {
            let day = f64::from(number.first_day);
            let years = (f64::from(life.follow_up_end) - day) / YEAR;
            pairs.entry(number.key).or_default().push([f64::from(number.first), years, day / YEAR]);
        }
    }
    let counts_years = |pairs: &[[f64; 3]]| {
        let (years, age) = (correlation(pairs, 1), correlation(pairs, 2));
        pairs.len() >= FEWEST as usize
            && spread(pairs) >= LEAST_SPREAD_YEARS
            && years >= COUNTS_YEARS
            && age < COUNTS_YEARS
    };
    pairs
        .iter()
        .filter(|(_, pairs)| counts_years(pairs))
        .map(|(&key, pairs)| {
            format!(
                "{}: runs with the calendar in {} patients (squared correlation {:.3})",
                survey.name(key),
                pairs.len(),
                correlation(pairs, 1)
            )
        })
        .collect()
}

/// Standard deviation of the years before the end.
fn spread(pairs: &[[f64; 3]]) -> f64 {
    let n = pairs.len().max(1) as f64;
    let mean = pairs.iter().map(|pair| pair[1]).sum::<f64>() / n;
    (pairs.iter().map(|pair| (pair[1] - mean).powi(2)).sum::<f64>() / n).sqrt()
}

/// Squared correlation of the first member with another.
fn correlation(pairs: &[[f64; 3]], with: usize) -> f64 {
    let n = pairs.len().max(1) as f64;
    let mean = |at: usize| pairs.iter().map(|pair| pair[at]).sum::<f64>() / n;
    let (x, y) = (mean(0), mean(with));
    let sum = |f: &dyn Fn(&[f64; 3]) -> f64| pairs.iter().map(f).sum::<f64>();
    let both = sum(&|pair| (pair[0] - x) * (pair[with] - y));
    let squares = sum(&|pair| (pair[0] - x).powi(2)) * sum(&|pair| (pair[with] - y).powi(2));
    if squares > 0.0 { both * both / squares } else { 0.0 }
}
