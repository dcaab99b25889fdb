//! Numbers, horizons, dates and chart text as a clinician reads them.

use crate::patient_record::timeline::{Second, SkipReason};
use crate::prediction::answer::Risk;

/// A probability in percent: two figures where small, never a false certainty.
pub fn percent(risk: f64) -> String {
    match risk * 100.0 {
        p if p < 0.05 => "< 0.1 %".into(),
        p if p < 9.95 => format!("{p:.1} %"),
        p if p <= 99.0 => format!("{p:.0} %"),
        _ => "> 99 %".into(),
    }
}

/// Whether leaving a fact out changes a risk so that a reader sees it: a line "without it 16 %" under 16 % says nothing.
pub fn moves(risk: f64, without: f64) -> bool {
    percent(risk) != percent(without)
}

/// "8.0 % (6.1 to 11 %)": a risk with its interval where that is known.
pub fn with_interval(risk: &Risk) -> String {
    let bare = |p: f64| percent(p).trim_end_matches(" %").to_owned();
    match risk.interval {
        Some((low, high)) => format!("{} ({} to {})", percent(risk.risk), bare(low), percent(high)),
        None => percent(risk.risk),
    }
}

/// "1 year", "5 years", "90 days".
pub fn horizon(days: u32) -> String {
    match (days / 365, days % 365) {
        (1, 0) => "1 year".into(),
        (years, 0) if years > 0 => format!("{years} years"),
        _ => format!("{days} days"),
    }
}

/// The UTC date of a moment, `2019-03-04`.
pub fn date(second: Second) -> String {
    match jiff::Timestamp::from_second(second) {
        Ok(moment) => moment.strftime("%Y-%m-%d").to_string(),
        Err(_) => "date out of range".into(),
    }
}

/// Text from a chart as plain words in markdown and in raw HTML alike: every character that either could take
/// for markup becomes an entity, invisible ones are dropped, long texts are cut.
pub(super) fn plain(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut out = String::new();
    let mut kept = 0;
    for character in text.split_whitespace().flat_map(|word| word.chars().chain(Some(' '))) {
        if kept == LONGEST {
            out.truncate(out.trim_end().len());
            out.push('…');
            return out;
        }
        if character.is_control() || is_invisible(character) {
            continue;
        }
        kept += 1;
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '(' | ')' | ',' | ';' | '/' | '%' | '+' | '-' | '\'' => {
                out.push(character);
            }
            // A full stop ends a sentence; one within a word could make a link of it.
            _ if character.is_alphanumeric() => out.push(character),
            other => out.push_str(&format!("&#{};", u32::from(other))),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Direction marks and zero-width characters, with which a text can look like another one.
pub fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{00ad}')
}

/// Why resources were left out, in a clinician's words; `None` for what nobody misses.
pub fn left_out(reason: SkipReason) -> Option<&'static str> {
    match reason {
        SkipReason::Unreadable => Some("not readable"),
        SkipReason::NoCode => Some("without a code that can be read"),
        SkipReason::NoDate => Some("without a date"),
        SkipReason::OtherPatient => Some("about another patient"),
        SkipReason::NoPatient => Some("about no patient"),
        SkipReason::TypeNotRead => Some("of a type that is not read"),
        // What was not sent has a line of its own, by prefetch key.
        SkipReason::NotSent => None,
        SkipReason::NotAFact | SkipReason::NoValue | SkipReason::DeathCertificate | SkipReason::Duplicate => None,
    }
}
