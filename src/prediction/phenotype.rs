//! Outcomes: what they are, who can have them, when they happened. Read from a versioned TOML file that
//! travels with the model package.
//!
//! One definition serves training targets, evaluation labels and the question "does she have it already?".

use crate::patient_record::timeline::{Kind, SECONDS_PER_DAY, Second, Sex, Timeline, Value};
use crate::prediction::listed_code;
use crate::prediction::occasion::{Occasion, Occasions, Pair};
use crate::prediction::vocabulary::Fact;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The compiled-in definitions; `train` reads another file when told so.
pub const DEFAULT: &str = include_str!("../../config/phenotypes.toml");

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
    /// Anything that is done, found or given to a patient (see [`Kind`]) with one of `codes`: what a value set names.
    Code,
    Death,
}

impl Rule {
    /// Whether events of this kind count for [`Rule::Code`]: not what is only planned, said of relatives, or over.
    fn is_something_coded(kind: Kind) -> bool {
        use Kind::{Condition, Device, EncounterType, Imaging, Immunization, Medication, MedicationStatement};
        let done = [Kind::Observation, Kind::Procedure, Device, EncounterType, Imaging, Immunization];
        done.contains(&kind) || [Condition, Medication, MedicationStatement].contains(&kind)
    }
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

/// Where one patient stands to one outcome at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    AtRisk,
    /// First occurrences only: it is in the record.
    Present,
    /// Excluded by another code, by sex, or never measured.
    NotEligible,
}

/// A versioned set of outcomes. Their order (alphabetical by name) is the order of a package's outputs.
#[derive(Clone, Debug)]
pub struct Phenotypes {
    pub gap_days: u32,
    pub horizons_days: Vec<u32>,
    /// Vocabulary keys that are never shown as evidence.
    pub never_evidence: std::collections::BTreeSet<String>,
    pub outcomes: Vec<(String, Phenotype)>,
    /// Days that ask questions of their own.
    pub occasions: Occasions,
    patterns: Vec<Option<(regex::Regex, Option<regex::Regex>)>>,
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
    never_evidence: std::collections::BTreeSet<String>,
    outcome: BTreeMap<String, Phenotype>,
    #[serde(default)]
    occasion: BTreeMap<String, Occasion>,
    #[serde(default)]
    pair: BTreeMap<String, Pair>,
}

/// What one fact means to the outcomes, by their indices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Role {
    /// It is an occurrence (for value outcomes: if its number says so).
    pub counts: Vec<u16>,
    /// It takes the patient out from then on.
    pub excludes: Vec<u16>,
}

/// When each outcome happened to one patient, in whole days of the same calendar as the facts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutcomeDays {
    /// Ascending.
    pub days: Vec<i32>,
    /// Days of any measurement, for value outcomes. Ascending.
    pub measured: Vec<i32>,
    /// First day of an exclusion.
    pub excluded: Option<i32>,
}

/// Value outcomes ask for a measurement within this many days before.
const MEASURED_WITHIN_DAYS: i32 = 3 * 365;

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
        let mut patterns = Vec::new();
        for (name, outcome) in &outcomes {
            let fail = |why: String| PhenotypeError::Outcome(name.clone(), why);
            let compile = |pattern: &str| regex::Regex::new(pattern).map_err(|error| fail(error.to_string()));
            patterns.push(match (outcome.rule, &outcome.pattern) {
                (Rule::Medication, None) => return Err(fail("rule `medication` needs `pattern`".into())),
                (Rule::Medication, Some(pattern)) => {
                    Some((compile(pattern)?, outcome.not_pattern.as_deref().map(compile).transpose()?))
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
        Ok(Self { gap_days, horizons_days, never_evidence: Default::default(), outcomes, occasions, patterns })
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

    /// What a fact means to each outcome. Constant for a fact: compute it once per dictionary entry.
    pub fn role(&self, fact: &Fact) -> Role {
        let mut role = Role::default();
        let has = |list: &[String], what: &str| list.iter().any(|listed| listed_code::stands_for(listed, what));
        for (index, (_, outcome)) in self.outcomes.iter().enumerate() {
            let counts = match (outcome.rule, fact.kind) {
                (Rule::Condition, Kind::Condition) | (Rule::Value, Kind::Observation) => {
                    has(&outcome.codes, &fact.code)
                }
                (Rule::Code, kind) => Rule::is_something_coded(kind) && has(&outcome.codes, &fact.code),
                (Rule::Encounter, Kind::Encounter) => {
                    let encounter_type = fact.value.as_deref().unwrap_or("");
                    (outcome.classes.is_empty() || has(&outcome.classes, &fact.code))
                        && (outcome.types.is_empty() || has(&outcome.types, encounter_type))
                        && !has(&outcome.not_types, encounter_type)
                }
                (Rule::Medication, Kind::Medication) => match &self.patterns[index] {
                    Some((pattern, not)) => {
                        pattern.is_match(&fact.display) && !not.as_ref().is_some_and(|not| not.is_match(&fact.display))
                    }
                    None => false,
                },
                _ => false,
            };
            if counts {
                role.counts.push(index as u16);
            }
            if fact.kind == Kind::Condition && has(&outcome.exclude, &fact.code) {
                role.excludes.push(index as u16);
            }
        }
        role
    }

    /// Whether a number in a canonical unit is an occurrence of a value outcome; `None` where it is measured in a unit
    /// that cannot be compared.
    fn reaches(&self, outcome: usize, unit: &str, value: f32) -> Option<bool> {
        let outcome = &self.outcomes[outcome].1;
        let stated = outcome.unit.as_deref().unwrap_or("1");
        let loinc = outcome.codes.iter().find_map(|code| code.strip_prefix("L:"));
        let canonical = |threshold: f64| crate::patient_record::terminology::canonical_of(loinc, threshold, stated);
        let over = outcome.over.map(canonical);
        let under = outcome.under.map(canonical);
        if over.iter().chain(&under).any(|threshold| &*threshold.unit != unit) {
            return None;
        }
        Some(
            over.is_some_and(|over| value >= over.value as f32)
                || under.is_some_and(|under| value < under.value as f32),
        )
    }

    /// Collects when each outcome happened. `facts` in time order: day, role, canonical unit and number if any.
    /// `death` is the day of death where known.
    pub fn outcome_days<'a>(
        &self,
        facts: impl Iterator<Item = (i32, &'a Role, Option<(&'a str, f32)>)>,
        death: Option<i32>,
    ) -> Vec<OutcomeDays> {
        let mut all = vec![OutcomeDays::default(); self.outcomes.len()];
        for (day, role, number) in facts {
            for &index in &role.counts {
                let outcome = &mut all[index as usize];
                if self.outcomes[index as usize].1.rule != Rule::Value {
                    outcome.days.push(day);
                } else if let Some((unit, value)) = number
                    && let Some(reached) = self.reaches(index as usize, unit, value)
                {
                    outcome.measured.push(day);
                    if reached {
                        outcome.days.push(day);
                    }
                }
            }
            for &index in &role.excludes {
                all[index as usize].excluded.get_or_insert(day);
            }
        }
        for (index, (_, outcome)) in self.outcomes.iter().enumerate() {
            if outcome.rule == Rule::Death {
                all[index].days.extend(death);
            }
        }
        all
    }

    /// Where a patient stands to outcome `index` at the end of day `as_of`.
    pub fn stands(&self, index: usize, days: &OutcomeDays, sex: Sex, as_of: i32) -> Standing {
        let outcome = &self.outcomes[index].1;
        if outcome.only_sex.is_some_and(|only| only != sex) || days.excluded.is_some_and(|day| day <= as_of) {
            return Standing::NotEligible;
        }
        if outcome.first_only && days.days.first().is_some_and(|&day| day <= as_of) {
            return Standing::Present;
        }
        let measured = || days.measured.iter().any(|&day| day <= as_of && day > as_of - MEASURED_WITHIN_DAYS);
        if outcome.rule == Rule::Value && !measured() {
            return Standing::NotEligible;
        }
        Standing::AtRisk
    }

    /// Where a patient stands to every outcome, from the timeline as known at `as_of`.
    pub fn standing(&self, timeline: &Timeline, as_of: Second) -> Vec<Standing> {
        let known = timeline.known_at(as_of);
        let any_kind = self.outcomes.iter().any(|(_, outcome)| outcome.rule == Rule::Code);
        let facts: Vec<_> = known
            .iter()
            .filter(|event| {
                matches!(event.kind, Kind::Condition | Kind::Encounter | Kind::Observation | Kind::Medication)
                    || (any_kind && Rule::is_something_coded(event.kind))
            })
            .map(|event| (event, self.role(&Fact::of(event))))
            .collect();
        let dated = facts.iter().map(|(event, role)| {
            let number = match &event.value {
                Value::Quantity { value, unit, .. } => Some((&**unit, *value as f32)),
                _ => None,
            };
            (event.known.div_euclid(SECONDS_PER_DAY) as i32, role, number)
        });
        let death = match timeline.patient.deceased {
            Some(Some(second)) => Some(second.div_euclid(SECONDS_PER_DAY) as i32),
            _ => None,
        };
        let days = self.outcome_days(dated, death);
        let day = as_of.div_euclid(SECONDS_PER_DAY) as i32;
        days.iter().enumerate().map(|(index, days)| self.stands(index, days, timeline.patient.sex, day)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hba1c_limit_is_the_same_in_both_conventions() {
        let text = |limit: &str| {
            format!(
                "format = 1\ngap_days = 30\nhorizons_days = [365]\n[outcome.a1c]\ntitle = \"HbA1c\"\ngroup = \"lab\"\n\
                 rule = \"value\"\ncodes = [\"L:4548-4\"]\n{limit}"
            )
        };
        for limit in ["over = 6.5\nunit = \"%\"", "over = 48\nunit = \"mmol/mol\""] {
            let phenotypes = Phenotypes::parse(&text(limit)).unwrap();
            let reaches = |value, unit| {
                let stored = crate::patient_record::terminology::canonical_of(Some("4548-4"), value, unit);
                phenotypes.reaches(0, &stored.unit, stored.value as f32)
            };
            assert_eq!([48.0, 47.0].map(|value| reaches(value, "mmol/mol")), [Some(true), Some(false)], "{limit}");
            assert_eq!([6.6, 6.4].map(|value| reaches(value, "%")), [Some(true), Some(false)], "{limit}");
        }
    }

    #[test]
    fn an_outcome_of_codes_counts_what_is_done_or_found_whatever_its_kind_and_nothing_of_relatives_or_plans() {
        let outcome = Phenotype {
            codes: vec!["S:1".into(), "R:2".into()],
            ..Phenotype::new("any".into(), Group::Disease, Rule::Code)
        };
        let phenotypes = Phenotypes::of(30, vec![365], vec![("any".into(), outcome)]).unwrap();
        let counts = |kind: Kind, code: &str| {
            let fact = Fact { kind, code: code.into(), value: None, display: String::new() };
            !phenotypes.role(&fact).counts.is_empty()
        };
        assert!(counts(Kind::Condition, "S:1") && counts(Kind::Procedure, "S:1") && counts(Kind::Medication, "R:2"));
        assert!(!counts(Kind::Condition, "S:3"));
        for kind in [Kind::FamilyHistory, Kind::ConditionEnd, Kind::Order, Kind::CarePlan, Kind::Allergy] {
            assert!(!counts(kind, "S:1"), "{kind:?}");
        }
    }

    #[test]
    fn a_code_hides_all_of_its_values_and_a_condition_its_end_and_nothing_else() {
        let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
        let hidden = |key: &str| phenotypes.is_never_evidence(key);
        assert!(hidden("OBS|L:32624-9=L:LA4457-3") && hidden("OBS|L:32624-9") && hidden("ENC|AMB"));
        assert!(hidden("COND|S:73595000") && hidden("COND_END|S:73595000"));
        assert!(!hidden("COND|S:44054006") && !hidden("COND_END|S:44054006") && !hidden("OBS|L:4548-4"));
    }
}
