//! An outcome from a FHIR ValueSet: the first time that anything with one of its codes is done, found or given.
//!
//! Reads the expansion where there is one, else the codes that `compose` lists. Refuses what only a terminology server
//! could expand: filters, other value sets, whole systems, exclusions.

use crate::patient_record::terminology::CodeSystem;
use crate::prediction::phenotype::{Group, Phenotype, Rule};
use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueSet {
    resource_type: String,
    name: Option<String>,
    title: Option<String>,
    expansion: Option<Expansion>,
    compose: Option<Compose>,
}

#[derive(Deserialize)]
struct Expansion {
    #[serde(default)]
    contains: Vec<Contained>,
}

#[derive(Deserialize)]
struct Contained {
    system: Option<String>,
    code: Option<String>,
    #[serde(default, rename = "abstract")]
    not_selectable: bool,
    #[serde(default)]
    contains: Vec<Contained>,
}

#[derive(Deserialize)]
struct Compose {
    #[serde(default)]
    include: Vec<Include>,
    #[serde(default)]
    exclude: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Include {
    system: Option<String>,
    #[serde(default)]
    concept: Vec<Concept>,
    #[serde(default)]
    filter: Vec<serde_json::Value>,
    #[serde(default)]
    value_set: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Concept {
    code: String,
}

/// Reads a file: the outcome's name (that of the file) and what it counts.
pub fn outcome(path: &Path) -> anyhow::Result<(String, Phenotype)> {
    let what = || format!("value set `{}`", path.display());
    let text = std::fs::read(path).with_context(what)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let phenotype = read(&text, &name).with_context(what)?;
    Ok((name, phenotype))
}

fn read(text: &[u8], name: &str) -> anyhow::Result<Phenotype> {
    let set: ValueSet = serde_json::from_slice(text).context("not a FHIR ValueSet in JSON")?;
    if set.resource_type != "ValueSet" {
        bail!("a `{}` instead of a ValueSet", set.resource_type);
    }
    let mut codes = Vec::new();
    match (&set.expansion, &set.compose) {
        (Some(expansion), _) => expansion.contains.iter().for_each(|one| one.add(&mut codes)),
        (None, Some(compose)) => compose.add(&mut codes)?,
        (None, None) => {}
    }
    codes.sort();
    codes.dedup();
    if codes.is_empty() {
        bail!("it lists no code");
    }
    let title = set.title.or(set.name).unwrap_or_else(|| name.to_owned());
    Ok(Phenotype { codes, first_only: true, ..Phenotype::new(title, Group::Disease, Rule::Code) })
}

fn prefixed(system: Option<&str>, code: &str) -> String {
    format!("{}{code}", CodeSystem::from_uri(system.unwrap_or("")).prefix())
}

impl Contained {
    fn add(&self, codes: &mut Vec<String>) {
        if let (Some(code), false) = (&self.code, self.not_selectable) {
            codes.push(prefixed(self.system.as_deref(), code));
        }
        self.contains.iter().for_each(|below| below.add(codes));
    }
}

impl Compose {
    fn add(&self, codes: &mut Vec<String>) -> anyhow::Result<()> {
        let listed = |part: &Include| part.filter.is_empty() && part.value_set.is_empty() && !part.concept.is_empty();
        if !self.exclude.is_empty() || !self.include.iter().all(listed) {
            bail!("`compose` does more than list codes; give the expansion that a terminology server makes of it");
        }
        for part in &self.include {
            codes.extend(part.concept.iter().map(|concept| prefixed(part.system.as_deref(), &concept.code)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_codes_become_an_outcome_that_comes_once() {
        let text = r#"{"resourceType": "ValueSet", "title": "Gout", "compose": {"include": [
            {"system": "http://snomed.info/sct", "concept": [{"code": "90560007"}]},
            {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "concept": [{"code": "197319", "display": "x"}]}]}}"#;
        let gout = read(text.as_bytes(), "gout").unwrap();
        assert_eq!((gout.title.as_str(), gout.rule, gout.first_only), ("Gout", Rule::Code, true));
        assert_eq!(gout.codes, ["R:197319", "S:90560007"]);
    }

    #[test]
    fn an_expansion_counts_with_all_that_is_below_and_without_headings() {
        let text = r#"{"resourceType": "ValueSet", "expansion": {"contains": [
            {"abstract": true, "system": "http://snomed.info/sct", "code": "1", "contains": [
                {"system": "http://snomed.info/sct", "code": "2"}]}]}}"#;
        assert_eq!(read(text.as_bytes(), "x").unwrap().codes, ["S:2"]);
    }

    #[test]
    fn what_only_a_terminology_server_can_expand_is_refused() {
        for compose in [
            r#"{"include": [{"system": "http://snomed.info/sct", "filter": [{"property": "concept"}]}]}"#,
            r#"{"include": [{"system": "http://loinc.org"}]}"#,
            r#"{"include": [{"concept": [{"code": "1"}]}], "exclude": [{}]}"#,
        ] {
            let text = format!(r#"{{"resourceType": "ValueSet", "compose": {compose}}}"#);
            let error = read(text.as_bytes(), "x").unwrap_err().to_string();
            assert!(error.contains("terminology server"), "{error}");
        }
        assert!(read(br#"{"resourceType": "Bundle"}"#, "x").unwrap_err().to_string().contains("Bundle"));
        assert!(read(br#"{"resourceType": "ValueSet"}"#, "x").unwrap_err().to_string().contains("no code"));
    }
}
