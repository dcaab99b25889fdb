//! Race and ethnicity for auditing a model's fairness, in a file of their own that only its owner may read.
//!
//! Owns `audit.csv` (`key,race,ethnicity`), written only when asked for. Shards never hold race or ethnicity and no
//! model reads them; `evaluate` compares groups by this file. Only the coarse categories of the US Office of
//! Management and Budget leave the Patient resource (US Core extensions), never detailed ones or text, and a category
//! that fewer than [`LEAST_PATIENTS`] patients share is left out, since it may lead to a person.

use crate::learning::shard::hex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The least size of a cell in public health tables.
const LEAST_PATIENTS: usize = 11;

const EXTENSIONS: [&str; 2] = [
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity",
];

/// Categories by code (CDC Race and Ethnicity, `urn:oid:2.16.840.1.113883.6.238`). Whatever else stands there, also
/// that it was not asked, is no category.
const CATEGORIES: [(&str, &str); 9] = [
    ("1002-5", "American Indian or Alaska Native"),
    ("2028-9", "Asian"),
    ("2054-5", "Black or African American"),
    ("2076-8", "Native Hawaiian or Other Pacific Islander"),
    ("2106-3", "White"),
    ("2118-8", "Middle Eastern or North African"),
    ("2131-1", "Other"),
    ("2135-2", "Hispanic or Latino"),
    ("2186-5", "Not Hispanic or Latino"),
];
const SEVERAL: &str = "More than one";

/// Of one patient: race and ethnicity, where stated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated(pub [Option<String>; 2]);

impl Stated {
    /// Reads a Patient resource.
    pub fn of(patient: &str) -> Self {
        let patient: Value = serde_json::from_str(patient).unwrap_or_default();
        Self(EXTENSIONS.map(|url| category(&patient, url)))
    }
}

fn category(patient: &Value, url: &str) -> Option<String> {
    let within = |value: &Value, url: &str| -> Vec<Value> {
        let all = value.get("extension").and_then(Value::as_array).into_iter().flatten();
        all.filter(|extension| extension.get("url").and_then(Value::as_str) == Some(url)).cloned().collect()
    };
    let stated = within(patient, url);
    let codings = stated.iter().flat_map(|extension| within(extension, "ombCategory"));
    let mut names: Vec<&str> = codings
        .filter_map(|coding| {
            let code = coding.get("valueCoding")?.get("code")?.as_str()?.to_owned();
            CATEGORIES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        _ => Some(SEVERAL.to_owned()),
    }
}

/// The lines of the file.
#[derive(Default)]
pub struct Lines(Vec<([u8; 16], Stated)>);

impl Lines {
    pub fn push(&mut self, key: [u8; 16], stated: &Stated) {
        self.0.push((key, stated.clone()));
    }

    /// Writes the file, categories of few patients left out.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        super::pseudonym::write_private(path, self.text().as_bytes())
    }

    fn text(&self) -> String {
        let mut counts: [BTreeMap<&str, usize>; 2] = Default::default();
        for (_, stated) in &self.0 {
            for (counts, name) in counts.iter_mut().zip(&stated.0) {
                if let Some(name) = name {
                    *counts.entry(name).or_default() += 1;
                }
            }
        }
        let mut text = String::from("key,race,ethnicity\n");
        for (key, stated) in &self.0 {
            text.push_str(&hex(key));
            for (counts, name) in counts.iter().zip(&stated.0) {
                let shown = name.as_deref().filter(|name| counts.get(name).is_some_and(|&n| n >= LEAST_PATIENTS));
                text.push(',');
                text.push_str(shown.unwrap_or(""));
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient(race: &str, ethnicity: &str) -> String {
        let extension = |url: &str, codes: &str| {
            let each: Vec<String> = codes
                .split_whitespace()
                .map(|code| format!(r#"{{"url":"ombCategory","valueCoding":{{"code":"{code}"}}}}"#))
                .collect();
            format!(r#"{{"url":"{url}","extension":[{}]}}"#, each.join(","))
        };
        let both = [extension(EXTENSIONS[0], race), extension(EXTENSIONS[1], ethnicity)].join(",");
        format!(r#"{{"resourceType":"Patient","extension":[{both},{{"url":"x","extension":[]}}]}}"#)
    }

    fn stated(race: &str, ethnicity: &str) -> [Option<String>; 2] {
        Stated::of(&patient(race, ethnicity)).0
    }

    #[test]
    fn only_the_coarse_category_is_read() {
        assert_eq!(stated("2028-9", "2186-5"), [Some("Asian".into()), Some("Not Hispanic or Latino".into())]);
        assert_eq!(stated("2028-9 2106-3", "2135-2"), [Some(SEVERAL.into()), Some("Hispanic or Latino".into())]);
        assert_eq!(stated("UNK", "2148-5"), [None, None], "not asked, and a detailed category");
        assert_eq!(Stated::of("{}"), Stated::default());
        assert_eq!(Stated::of("no JSON"), Stated::default());
    }

    #[test]
    fn a_category_of_few_is_left_out() {
        let mut lines = Lines::default();
        for number in 0..12 {
            let race = if number == 0 { "1002-5" } else { "2106-3" };
            lines.push([number; 16], &Stated(stated(race, "2186-5")));
        }
        let text = lines.text();
        assert_eq!(text.lines().count(), 13);
        assert_eq!(text.matches("White").count(), 11);
        assert!(!text.contains("American Indian") && text.contains(&format!("{},,Not", "00".repeat(16))));
    }
}
