//! Outcomes: what they are and who can have them. Read from a versioned TOML file that travels with the model package.
//!
//! One definition serves training targets, evaluation labels and the question "does she have it already?": [`standing`]
//! says when outcomes happened to one patient, and where she stands to each.

mod standing;

pub use standing::{OutcomeDays, Role, Standing};

use super::listed_code;
use super::occasion::{Occasion, Occasions, Pair};
use super::order_name::OrderName;
use crate::patient_record::timeline::Sex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The compiled-in definitions; `train` reads another file when told so.
pub const DEFAULT: &str = include_str!("../../../config/phenotypes.toml");

/// What kind of event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A Condition with one of `codes`.
    Condition,
    /// An Encounter of one of `classes` (any when empty), of one of `types` (any when empty), none of `not_types`.
    Encounter,
    /// An Observation with one of `codes` whose value in `unit` reaches `over` or stays below `under`,
    /// among those measured in the three years before.
    Value,
    /// A MedicationRequest whose display matches `pattern` and not `not_pattern`.
    Medication,
    /// Anything that is done, found or given to a patient (see [`Kind`](crate::patient_record::timeline::Kind)) with one of `codes`: what a value set names.
    Code,
    Death,
}

/// What a clinician may be shown of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    Disease,
    Utilisation,
    Lab,
    Death,
    Medication,
    Pregnancy,
    /// Exogenous in the generator: nothing but age should predict it. A high figure here is a leak.
    Control,
}

impl Group {
    /// Whether a clinician can act on it. A laboratory value foretold is none of a card's business either: the test
    /// itself is one order away.
    pub fn may_be_shown(self) -> bool {
        matches!(self, Self::Disease | Self::Utilisation)
    }
}

/// One outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phenotype {
    /// What a clinician reads: "type 2 diabetes".
    pub title: String,
    pub group: Group,
    pub rule: Rule,
    /// Only the first occurrence counts, and who has it already is not at risk.
    #[serde(default)]
    pub first_only: bool,
    /// Prefixed codes, `S:44054006`; `I:E11*` stands for every ICD-10-CM code below E11.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Condition codes that take a patient out when present before the index date.
    #[serde(default)]
    pub exclude: Vec<String>,
    #[serde(default)]
    pub classes: Vec<String>,
    #[serde(default)]
    pub types: Vec<String>,
    #[serde(default)]
    pub not_types: Vec<String>,
    /// At least this value, in `unit`.
    #[serde(default)]
    pub over: Option<f64>,
    /// Less than this value, in `unit`.
    #[serde(default)]
    pub under: Option<f64>,
    /// UCUM unit of the thresholds.
    #[serde(default)]
    pub unit: Option<String>,
    #[serde(default)]
    pub pattern: Option<String>,
    #[serde(default)]
    pub not_pattern: Option<String>,
    /// Only this sex can have it.
    #[serde(default)]
    pub only_sex: Option<Sex>,
}

impl Phenotype {
    /// An outcome that nothing counts yet.
    pub fn new(title: String, group: Group, rule: Rule) -> Self {
        Self {
            title,
            group,
            rule,
            first_only: false,
            codes: Vec::new(),
            exclude: Vec::new(),
            classes: Vec::new(),
            types: Vec::new(),
            not_types: Vec::new(),
            over: None,
            under: None,
            unit: None,
            pattern: None,
            not_pattern: None,
            only_sex: None,
        }
    }
}

/// A versioned set of outcomes. Their order (alphabetical by name) is the order of a package's outputs.
#[derive(Clone, Debug)]
pub struct Phenotypes {
    pub gap_days: u32,
    pub horizons_days: Vec<u32>,
    /// Vocabulary keys that are never shown as evidence.
    pub never_evidence: BTreeSet<String>,
    pub outcomes: Vec<(String, Phenotype)>,
    /// Days that ask questions of their own.
    pub occasions: Occasions,
    /// What the orders of each are called, where its rule asks for that.
    names: Vec<Option<OrderName>>,
}

/// Why a phenotype file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PhenotypeError {
    #[error("phenotypes: {0}")]
    Toml(#[from] toml::de::Error),
    #[error("phenotypes: format {0} is not known; this version reads format 1")]
    Format(u32),
    #[error("phenotypes: outcome `{0}`: {1}")]
    Outcome(String, String),
    #[error("phenotypes: occasion `{0}`: {1}")]
    Occasion(String, String),
    #[error("phenotypes: pair `{0}`: {1}")]
    Pair(String, String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    gap_days: u32,
    horizons_days: Vec<u32>,
    #[serde(default)]
    never_evidence: BTreeSet<String>,
    outcome: BTreeMap<String, Phenotype>,
    #[serde(default)]
    occasion: BTreeMap<String, Occasion>,
    #[serde(default)]
    pair: BTreeMap<String, Pair>,
}

impl Phenotypes {
    /// Reads and checks a phenotype file.
    pub fn parse(text: &str) -> Result<Self, PhenotypeError> {
        let file: File = toml::from_str(text)?;
        if file.format != 1 {
            return Err(PhenotypeError::Format(file.format));
        }
        let occasions = Occasions::new(file.occasion, file.pair, |name| file.outcome.contains_key(name))?;
        let own = Self::of(file.gap_days, file.horizons_days, file.outcome.into_iter().collect())?;
        let own = Self { never_evidence: file.never_evidence, occasions, ..own };
        Ok(own)
    }

    /// Checks outcomes and joins them, in the order given.
    pub fn of(
        gap_days: u32,
        horizons_days: Vec<u32>,
        outcomes: Vec<(String, Phenotype)>,
    ) -> Result<Self, PhenotypeError> {
        let mut names = Vec::new();
        for (name, outcome) in &outcomes {
            let fail = |why: String| PhenotypeError::Outcome(name.clone(), why);
            names.push(match (outcome.rule, &outcome.pattern) {
                (Rule::Medication, None) => return Err(fail("rule `medication` needs `pattern`".into())),
                (Rule::Medication, Some(pattern)) => {
                    let orders = OrderName::new(pattern, outcome.not_pattern.as_deref());
                    Some(orders.map_err(|error| fail(error.to_string()))?)
                }
                (Rule::Value, _) if outcome.unit.is_none() || outcome.over.is_some() == outcome.under.is_some() => {
                    return Err(fail("rule `value` needs `unit` and one of `over`, `under`".into()));
                }
                _ if !outcome.codes.iter().chain(&outcome.exclude).all(|code| listed_code::is_sound(code)) => {
                    return Err(fail("only an ICD-10-CM code may end in `*`, after its category: `I:E11*`".into()));
                }
                (Rule::Condition | Rule::Code, _) if outcome.codes.is_empty() => {
                    return Err(fail("rules `condition` and `code` need `codes`".into()));
                }
                _ => None,
            });
        }
        let occasions = Occasions::default();
        Ok(Self { gap_days, horizons_days, never_evidence: Default::default(), outcomes, occasions, names })
    }

    /// The SNOMED CT code of a condition that has exactly one there; codes of other systems say the same.
    pub fn snomed(&self, phenotype: &str) -> Option<&str> {
        let (_, definition) = self.outcomes.get(self.index(phenotype)?)?;
        let mut snomed = definition.codes.iter().filter_map(|code| code.strip_prefix("S:"));
        match (definition.rule, snomed.next(), snomed.next()) {
            (Rule::Condition, only, None) => only,
            _ => None,
        }
    }

    /// The index of an outcome by name.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.outcomes.iter().position(|(known, _)| known == name)
    }

    /// Whether a key is never shown as evidence: listed itself, by its code for all values, or as the condition that ends.
    pub fn is_never_evidence(&self, key: &str) -> bool {
        let code = key.split_once('=').map_or(key, |(code, _)| code);
        let begins = code.strip_prefix("COND_END|").map(|code| format!("COND|{code}"));
        let listed = |key: &str| self.never_evidence.contains(key);
        listed(key) || listed(code) || begins.is_some_and(|begins| listed(&begins))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_hides_all_of_its_values_and_a_condition_its_end_and_nothing_else() {
        let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
        let hidden = |key: &str| phenotypes.is_never_evidence(key);
        assert!(hidden("OBS|L:32624-9=L:LA4457-3") && hidden("OBS|L:32624-9") && hidden("ENC|AMB"));
        assert!(hidden("COND|S:73595000") && hidden("COND_END|S:73595000"));
        assert!(!hidden("COND|S:44054006") && !hidden("COND_END|S:44054006") && !hidden("OBS|L:4548-4"));
    }
}
