//! Could a single fact say who the patient is?
//!
//! Looks at texts (patterns of identifiers in codes and displays), at coded values and codes that nearly every carrier
//! has of her own, and at numbers that never change in a patient and that no other patient has.

use super::{Check, Finding, Severity, Survey};
use regex::Regex;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What identifiers look like. The text itself is never repeated in a finding.
const PATTERNS: [(&str, &str); 5] = [
    ("a UUID", r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("an e-mail address", r"\b[\w.+-]+@[\w-]+\.[a-zA-Z]{2,}\b"),
    ("a social security number", r"\b\d{3}-\d{2}-\d{4}\b"),
    ("a telephone number", r"(?:\(\d{3}\) ?|\b\d{3}[-. ])\d{3}[-. ]\d{4}\b"),
    ("a record number", r"(?i)\b(?:mrn|ssn|accession|account|patient id|record number)\b[\s:#]*\w*\d{4,}"),
];
/// Kinds, codes and numbers of fewer patients are left to chance.
const FEWEST: usize = 20;
/// Distinct values for every two carriers: a coded answer has a few values, an identifier one for each patient.
const VALUES_PER_CARRIER: f64 = 0.5;
/// Of the keys of one kind and code system, how many stand on a single day of a single life. Rare diagnoses are so
/// too, but far from all of them.
const SINGLE_SHARE: f64 = 0.95;
/// Of the patients with a number at least twice, how many have one that never changes and is theirs alone.
const OWN_NUMBER_SHARE: f64 = 0.8;

/// Everything that singles out a patient.
pub fn identifiers(survey: &Survey) -> Vec<Finding> {
    let mut lines = texts(survey);
    lines.extend(own_codes(survey));
    lines.extend(own_numbers(survey));
    if lines.is_empty() {
        return Vec::new();
    }
    let what = format!("{} kinds of facts single out patients", lines.len());
    vec![Finding::new(Check::Identifier, Severity::Stop, what, lines)]
}

fn texts(survey: &Survey) -> Vec<String> {
    let patterns: Vec<(&str, Regex)> =
        PATTERNS.iter().filter_map(|(what, pattern)| Some((*what, Regex::new(pattern).ok()?))).collect();
    let mut found: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for key in &survey.keys {
        for (what, pattern) in &patterns {
            if pattern.is_match(&key.text) || pattern.is_match(&key.display) {
                *found.entry((what, key.kind.short())).or_default() += 1;
            }
        }
    }
    found.iter().map(|((what, kind), keys)| format!("{keys} keys of kind {kind} look like {what}")).collect()
}

/// Carriers of a group of keys, and how many of its keys stand on one day of one life.
#[derive(Default)]
struct Group {
    keys: usize,
    single: usize,
    carriers: HashSet<usize>,
}

fn own_codes(survey: &Survey) -> Vec<String> {
    let mut carriers = vec![(0_u32, 0_u32); survey.keys.len()];
    let mut values: BTreeMap<&str, Group> = BTreeMap::new();
    let mut systems: BTreeMap<&str, Group> = BTreeMap::new();
    let coded = |key: u32| survey.keys[key as usize].text.split_once('=').map(|(code, _)| code);
    for (place, life) in survey.lives.iter().enumerate() {
        for seen in &life.facts {
            let count = &mut carriers[seen.key as usize];
            *count = (count.0 + 1, count.1 + seen.days);
            if let Some(code) = coded(seen.key) {
                values.entry(code).or_default().carriers.insert(place);
            }
            systems.entry(system(&survey.keys[seen.key as usize].text)).or_default().carriers.insert(place);
        }
    }
    for (key, &count) in carriers.iter().enumerate() {
        let single = usize::from(count == (1, 1));
        if let Some(group) = coded(key as u32).and_then(|code| values.get_mut(code)) {
            (group.keys, group.single) = (group.keys + 1, group.single + single);
        }
        if let Some(group) = systems.get_mut(system(&survey.keys[key].text)) {
            (group.keys, group.single) = (group.keys + 1, group.single + single);
        }
    }
    let many = |group: &Group| group.carriers.len() >= FEWEST && group.keys >= FEWEST;
    let valued = values
        .iter()
        .filter(|(_, group)| many(group) && group.keys as f64 > VALUES_PER_CARRIER * group.carriers.len() as f64)
        .map(|(code, group)| format!("`{code}` has {} values among {} carriers", group.keys, group.carriers.len()));
    let single = systems
        .iter()
        .filter(|(_, group)| many(group) && group.single as f64 > SINGLE_SHARE * group.keys as f64)
        .map(|(system, group)| {
            format!("{} of {} keys `{system}...` stand on one day of one patient", group.single, group.keys)
        });
    valued.chain(single).collect()
}

/// Kind and code system of a key: `COND|S:`.
fn system(key: &str) -> &str {
    let after_kind = key.find('|').map_or(0, |bar| bar + 1);
    let end = key[after_kind..].find(':').map_or(after_kind, |colon| after_kind + colon + 1);
    &key[..end]
}

fn own_numbers(survey: &Survey) -> Vec<String> {
    let mut by_key: BTreeMap<u32, (usize, HashMap<u32, usize>)> = BTreeMap::new();
    for life in &survey.lives {
        for number in life.numbers.iter().filter(|number| number.values >= 2) {
            let (patients, values) = by_key.entry(number.key).or_default();
            *patients += 1;
            if number.constant {
                *values.entry(number.first.to_bits()).or_default() += 1;
            }
        }
    }
    by_key
        .into_iter()
        .filter_map(|(key, (patients, values))| {
            let own = values.values().filter(|&&carriers| carriers == 1).count();
            let singles_out = patients >= FEWEST && own as f64 > OWN_NUMBER_SHARE * patients as f64;
            singles_out.then(|| {
                format!(
                    "{}: {own} of {patients} patients have a number that never changes and is theirs alone",
                    survey.name(key)
                )
            })
        })
        .collect()
}
