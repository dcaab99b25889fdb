//! A chart's words and numbers as a clinician reads them on a page. What is escaped is left to the page itself.

use crate::decision_support::cards::wording::is_invisible;
use crate::patient_record::terminology::{Code, CodeSystem};
use crate::patient_record::timeline::{Event, Kind, Value};
use crate::prediction::answer::Abstention;

/// Characters of a chart's text that a page shows.
const LONGEST: usize = 100;

/// Text from a chart on one line, cut, without invisible characters that could make it look like another.
pub fn words(text: &str) -> String {
    let visible = |letter: &char| !letter.is_control() && !is_invisible(*letter);
    let one_line: Vec<&str> = text.split_whitespace().collect();
    let mut letters = one_line.join(" ").chars().filter(visible).collect::<Vec<char>>();
    if letters.len() > LONGEST {
        letters.truncate(LONGEST);
        letters.push('…');
    }
    letters.into_iter().collect()
}

/// What an event is called: an encounter by its type, everything else by its code.
pub fn name(event: &Event) -> String {
    let code = match (&event.kind, &event.value) {
        (Kind::Encounter, Value::Coded(kind)) if !kind.display.trim().is_empty() => kind,
        _ => &event.code,
    };
    let name = called(code);
    if event.kind == Kind::ConditionEnd { format!("{name} (ended)") } else { name }
}

fn called(code: &Code) -> String {
    let name = words(&code.display);
    if name.is_empty() { words(&code.code) } else { name }
}

/// A value to three digits with its unit, a coded value by its name. A pure number is left out: percentages are kept as
/// shares, and 0.071 for an HbA1c would only puzzle. What is not read is said to be there.
pub fn value(event: &Event) -> Option<String> {
    match &event.value {
        Value::None => None,
        Value::Coded(_) if event.kind == Kind::Encounter => None,
        Value::Coded(code) => Some(called(code)).filter(|name| !name.is_empty()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Unread => Some("value not read".to_owned()),
        Value::Quantity { unit, .. } if &**unit == "1" || unit.is_empty() => None,
        Value::Quantity { value, .. } if !value.is_finite() => None,
        Value::Quantity { value, unit, .. } => {
            let digits = if *value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i64).clamp(0, 6) as usize };
            Some(format!("{value:.digits$} {}", words(&readable(unit))))
        }
    }
}

/// UCUM as a clinician writes it.
fn readable(unit: &str) -> String {
    unit.replace("mm[Hg]", "mmHg").replace("{1.73_m2}", "1.73 m²").replace("kg/m2", "kg/m²").replace("Cel", "°C")
}

/// Prefetch keys as words: "conditions, medication requests".
pub fn kinds(keys: &[String]) -> String {
    let spaced = |key: &String| {
        key.chars().fold(String::new(), |mut words, letter| {
            if letter.is_ascii_uppercase() {
                words.push(' ');
            }
            words.push(letter.to_ascii_lowercase());
            words
        })
    };
    keys.iter().map(spaced).collect::<Vec<_>>().join(", ")
}

/// With a capital, as a heading has one.
pub fn heading(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// "LOINC 98979-8"
pub fn code_in_system(system: &str, code: &str) -> String {
    let name = match CodeSystem::from_uri(system) {
        CodeSystem::Snomed => "SNOMED CT",
        CodeSystem::Loinc => "LOINC",
        CodeSystem::RxNorm => "RxNorm",
        CodeSystem::Cvx => "CVX",
        CodeSystem::Icd10Cm => "ICD-10",
        CodeSystem::ActCode | CodeSystem::Other(_) => "code",
    };
    format!("{name} {code}")
}

/// A risk and its average as shares of people, both of as many: "about 12 of 100", "about 6 of 100". Counted from the
/// percentages as they are shown, so that 5.5 % is always about 6 of 100.
pub fn frequencies(risk: f64, average: f64) -> (String, String) {
    let rare = [risk, average].iter().any(|share| *share < 0.0095);
    let people = if rare { 1000 } else { 100 };
    let of = if rare { "1,000" } else { "100" };
    let told = |share: f64| match share {
        share if rare && share < 0.0005 => format!("fewer than 1 of {of}"),
        share if share > 0.99 => format!("more than {} of {of}", people / 100 * 99),
        share => format!("about {} of {of}", counted(share, people)),
    };
    (told(risk), told(average))
}

/// How many of so many people a share is, counted from its percentage as it is shown.
pub fn counted(share: f64, people: u32) -> u32 {
    let tenths = share * 1000.0;
    let shown = if tenths < 99.5 { tenths.round() } else { (share * 100.0).round() * 10.0 };
    ((shown * f64::from(people) / 1000.0).round() as u32).min(people)
}

/// Why nothing is said, as the end of "No estimate: …".
pub fn silence(reason: Abstention) -> &'static str {
    match reason {
        Abstention::ThinChart => "the record holds too few active days, or too short a history",
        Abstention::AgeOutOfRange => "the birth date is not stated, or the model was not trained on this age",
        Abstention::SexUnknown => "sex is not stated as female or male, and the model knows only these two",
        Abstention::UnfamiliarCodes => "too many codes of this record were never seen by the model",
        Abstention::UnlikeCalibration => "this record is unlike those that the model was calibrated on",
        Abstention::Deceased => "the patient has died",
        Abstention::AlreadyPresent => "already in the record",
        Abstention::NotEligible => "excluded by the record, or a measurement that it needs was not read",
        Abstention::NoSkill => "the model showed no skill beyond age and sex",
        Abstention::NotActionable => "never shown: nothing that a clinician can act on",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_risk_and_its_average_are_numbers_of_as_many_people() {
        for (risk, average, words) in [
            (0.0001, 0.004, ["fewer than 1 of 1,000", "about 4 of 1,000"]),
            (0.005, 0.053, ["about 5 of 1,000", "about 53 of 1,000"]),
            (0.284, 0.0094, ["about 280 of 1,000", "about 9 of 1,000"]),
            (0.124, 0.0095, ["about 12 of 100", "about 1 of 100"]),
            (0.995, 0.004, ["more than 990 of 1,000", "about 4 of 1,000"]),
            (0.995, 0.5, ["more than 99 of 100", "about 50 of 100"]),
            // Both are shown as 5.5 %.
            (0.0546, 0.0554, ["about 6 of 100", "about 6 of 100"]),
        ] {
            let (one, other) = frequencies(risk, average);
            assert_eq!([one, other], words);
        }
    }

    #[test]
    fn what_was_not_read_is_named_in_words() {
        assert_eq!(kinds(&["conditions".into(), "medicationRequests".into()]), "conditions, medication requests");
    }

    #[test]
    fn text_of_a_chart_is_one_line_without_disguise() {
        assert_eq!(words(" a\n\tb\u{202e}c\u{200b} "), "a bc");
        assert_eq!(words(&"x".repeat(300)).chars().count(), LONGEST + 1);
    }
}
