//! From what a window shows to the plain columns that trees split on: no hats, since trees find thresholds themselves.
//!
//! Owns the meaning of every column. What was never seen is missing (not a number), never zero, where zero would be a
//! value of its own.

use crate::patient_record::timeline::Kind;
use crate::prediction::network::facts::{FactsConfig, Survey, Words};
use crate::prediction::network::packed::Asked;

/// Columns of a key: in 90 days, in a year, in five, ever; days since; whether open; days between the last two.
pub const PER_KEY: usize = 7;
/// Columns of a number: last, most, least, mean, slope a year, how many lately, days since; change and slope a year
/// from the one before to the last.
pub const PER_NUMBER: usize = 9;
/// Columns of the patient: age, sex, years of record, active days of a year, entries, days since the last, and gaps.
pub const PER_PATIENT: usize = 6 + GAPS;
const GAPS: usize = 3;

/// Where age and sex stand among the columns of a vocabulary of so many keys and numbers.
pub fn age_and_sex(keys: usize, numbers: usize) -> [usize; 2] {
    let first = width(keys, numbers) - PER_PATIENT;
    [first, first + 1]
}

/// Number of columns for a vocabulary of so many keys and numbers.
pub fn width(keys: usize, numbers: usize) -> usize {
    (keys + Kind::ALL.len()) * PER_KEY + numbers * PER_NUMBER + PER_PATIENT
}

/// The columns of a window at the end of `day`.
pub fn columns(asked: &Asked, day: i32, config: &FactsConfig, words: &Words) -> Vec<f32> {
    let survey = Survey::of(asked, day, config, words);
    let mut row = Vec::with_capacity(width(config.keys, config.numbers));
    for seen in &survey.keys {
        row.extend(seen.counts.iter().map(|&count| count as f32));
        row.push(if seen.since > 0 { seen.since as f32 } else { f32::NAN });
        row.push(f32::from(u8::from(seen.open > 0)));
        row.push(if seen.since_before > 0 { (seen.since_before - seen.since) as f32 } else { f32::NAN });
    }
    for course in &survey.numbers {
        let Some(course) = course else {
            row.extend([f32::NAN; PER_NUMBER]);
            continue;
        };
        let n = course.lately as f32;
        let lately = |value: f32| if course.lately > 0 { value } else { f32::NAN };
        let years = (course.first.1 - course.since) as f32 / 365.0;
        let slope = (course.last.standardised - course.first.0) / years;
        let change = course.before.map_or(f32::NAN, |(value, _)| course.last.standardised - value);
        let between = course.before.map_or(f32::NAN, |(_, since)| (since - course.since) as f32 / 365.0);
        row.extend([
            course.last.standardised,
            lately(course.most),
            lately(course.least),
            lately(course.sum / n),
            if course.lately > 1 && years > 30.0 / 365.0 { slope } else { f32::NAN },
            n,
            course.since as f32,
            change,
            change / between,
        ]);
    }
    let shown = &survey.shown;
    row.push(asked.history.age_years(day));
    row.push(f32::from(u8::from(asked.history.female)));
    row.push(shown.first().map_or(0.0, |&first| first as f32 / 365.25));
    row.push(shown.iter().filter(|&&since| since <= 365).count() as f32);
    row.push(survey.entries as f32);
    row.push(shown.last().map_or(f32::NAN, |&last| last as f32));
    let mut gaps = shown.windows(2).rev().map(|pair| (pair[0] - pair[1]) as f32);
    row.extend((0..GAPS).map(|_| gaps.next().unwrap_or(f32::NAN)));
    row
}
