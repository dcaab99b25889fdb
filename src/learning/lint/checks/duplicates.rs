//! Is the same life there twice?
//!
//! A life that stands in two splits makes every figure of the later one too good. Lives are compared by their
//! sketches, so that another id, moved dates or missing events do not hide a likeness.

use super::{Check, Finding, Severity, Survey};
use std::collections::{BTreeMap, HashMap};

/// Half of the sketch in common; lives of different people share nearly nothing.
const ALIKE: f64 = 0.5;
/// Tokens of more lives than this are routine and tell nobody apart.
const ROUTINE: usize = 20;
/// Tokens in common from which a pair is compared in full.
const FEWEST_COMMON: usize = 5;

/// Lives that are one life.
pub fn duplicate_patients(survey: &Survey) -> Vec<Finding> {
    let mut carriers: HashMap<u64, Vec<u32>> = HashMap::new();
    for (place, life) in survey.lives.iter().enumerate() {
        life.sketch.0.iter().for_each(|&token| carriers.entry(token).or_default().push(place as u32));
    }
    let mut common: HashMap<(u32, u32), usize> = HashMap::new();
    for lives in carriers.values().filter(|lives| (2..=ROUTINE).contains(&lives.len())) {
        for (place, &one) in lives.iter().enumerate() {
            lives[place + 1..].iter().for_each(|&other| *common.entry((one, other)).or_default() += 1);
        }
    }
    let mut pairs: BTreeMap<(bool, String), usize> = BTreeMap::new();
    for (&(one, other), _) in common.iter().filter(|(_, common)| **common >= FEWEST_COMMON) {
        let (one, other) = (&survey.lives[one as usize], &survey.lives[other as usize]);
        if one.sketch.likeness(&other.sketch) >= ALIKE {
            let (first, second) = (one.split.min(other.split), one.split.max(other.split));
            let name = format!("{} and {}", first.as_str(), second.as_str());
            *pairs.entry((first != second, name)).or_default() += 1;
        }
    }
    let of = |across: bool| -> Vec<String> {
        let here = pairs.iter().filter(|((is, _), _)| *is == across);
        here.map(|((_, splits), pairs)| format!("{pairs} pairs in {splits}")).collect()
    };
    let mut findings = Vec::new();
    for (across, severity, what) in [
        (true, Severity::Stop, "the same lives stand in two splits"),
        (false, Severity::Warning, "the same lives stand twice in one split"),
    ] {
        let lines = of(across);
        if !lines.is_empty() {
            findings.push(Finding::new(Check::DuplicatePatient, severity, what, lines));
        }
    }
    findings
}
