//! From what a window shows to facts: counts, recencies, open conditions, days since, the course of numbers.
//!
//! Owns the formula of every input; scaling and weights are others'.

use super::config::{AHEAD_YEARS, COURSE, FactsConfig, GAPS, PER_KEY, PER_NUMBER, RECENCY_DAYS, SINCE_DAYS, Words};
use super::survey::{Course, Seen, Survey};
use crate::prediction::network::History;
use crate::prediction::network::packed::Asked;
use crate::prediction::vocabulary::{KNOTS, Number};

/// One input and its value.
pub type Fact = (u32, f32);

/// Extracts the non-zero facts of a window at the end of `day`, inputs ascending.
pub fn facts(asked: &Asked, day: i32, config: &FactsConfig, words: &Words) -> Vec<Fact> {
    let survey = Survey::of(asked, day, config, words);
    let mut facts = Vec::with_capacity(2048);
    for (slot, seen) in survey.keys.iter().enumerate().filter(|(_, seen)| seen.since > 0) {
        seen.facts(slot * PER_KEY, &mut facts);
    }
    for (number, course) in survey.numbers.iter().enumerate() {
        if let (Some(course), Some(meaning)) = (course, words.numbers.get(number)) {
            course.facts(meaning, config.first_number() + number * PER_NUMBER, &mut facts);
        }
    }
    plain(config.first_plain(), asked.history, day, survey.entries, &survey.shown, &mut facts);
    facts
}

/// Two neighbouring hats: the place of `x` among `corners`, as (lower corner, share of the upper).
fn hats(x: f32, corners: &[f32]) -> (usize, f32) {
    let last = corners.len() - 1;
    let x = x.clamp(corners[0], corners[last]);
    let lower = corners.partition_point(|&corner| corner <= x).clamp(1, last) - 1;
    (lower, (x - corners[lower]) / (corners[lower + 1] - corners[lower]))
}

impl Seen {
    fn facts(&self, base: usize, facts: &mut Vec<Fact>) {
        let mut give = |offset: usize, value: f32| {
            if value != 0.0 {
                facts.push(((base + offset) as u32, value));
            }
        };
        let counts = self.counts.len();
        self.counts.iter().enumerate().for_each(|(i, &count)| give(i, (count as f32).ln_1p()));
        for (i, span) in RECENCY_DAYS.iter().enumerate() {
            let recency = (-self.since as f32 / span).exp();
            give(counts + i, if recency > 1e-4 { recency } else { 0.0 });
        }
        let next = counts + RECENCY_DAYS.len();
        give(next, f32::from(u8::from(self.open > 0)));
        give(next + 1, (self.days_lately as f32).ln_1p());
        let (lower, share) = hats(self.since as f32, &SINCE_DAYS);
        give(next + 2 + lower, 1.0 - share);
        give(next + 3 + lower, share);
    }
}

impl Course {
    fn facts(&self, number: &Number, base: usize, facts: &mut Vec<Fact>) {
        let last = self.last.standardised;
        let mut course = [0f32; COURSE];
        course[0] = last;
        if self.lately > 0 {
            let years = (self.first.1 - self.since) as f32 / 365.0;
            course[1] = last - self.sum / self.lately as f32;
            course[2] = if years > 30.0 / 365.0 { ((last - self.first.0) / years).clamp(-3.0, 3.0) } else { 0.0 };
            (course[3], course[4]) = (self.most, self.least);
        }
        course[5] = (-self.since as f32 / 365.0).exp();
        for (i, &value) in course.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            facts.push(((base + i) as u32, value));
        }
        let mut hats = |first: usize, knot: u32, share: f32| {
            let knot = (first + knot as usize) as u32;
            facts.extend([(knot, 1.0 - share), (knot + 1, share)].into_iter().filter(|hat| hat.1 != 0.0));
        };
        hats(base + COURSE, self.last.knot, self.last.share);
        if self.lately > 1 {
            let ahead = (last + AHEAD_YEARS * course[2]) * number.sd + number.mean;
            let (knot, share) = number.knot(f64::from(ahead));
            hats(base + COURSE + KNOTS, knot, share);
        }
    }
}

/// What is known of the patient at large. `shown`: days since each active day, the latest last.
fn plain(base: usize, history: &History, day: i32, entries: u32, shown: &[i32], facts: &mut Vec<Fact>) {
    let age = history.age_years(day) / 50.0 - 1.0;
    let sex = f32::from(u8::from(history.female));
    let year = shown.iter().filter(|&&since| since <= 365).count();
    let (first, last) = (shown.first().copied().unwrap_or(0), shown.last().copied().unwrap_or(0));
    let known = [
        age,
        age * age,
        sex,
        sex * age,
        (first as f32 / 365.0).ln_1p(),
        (year as f32).ln_1p(),
        (entries as f32).ln_1p() / 5.0,
        (last as f32).ln_1p() / 3.0,
    ];
    let gaps = shown.windows(2).rev().take(GAPS).map(|pair| ((pair[0] - pair[1]).max(0) as f32).ln_1p() / 3.0);
    facts.extend(known.into_iter().chain(gaps).enumerate().map(|(i, value)| ((base + i) as u32, value)));
}
