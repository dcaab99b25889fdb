//! What one patient's facts say of the outcomes: what each fact means to them, when they happened, and where the patient
//! stands to each at a moment. Knows what the definitions say and nothing of risks.

use super::{Phenotypes, Rule};
use crate::patient_record::terminology::canonical_of;
use crate::patient_record::timeline::{Kind, SECONDS_PER_DAY, Second, Sex, Timeline, Value};
use crate::prediction::listed_code;
use crate::prediction::vocabulary::Fact;

/// Value outcomes ask for a measurement within this many days before.
const MEASURED_WITHIN_DAYS: i32 = 3 * 365;

/// Where one patient stands to one outcome at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    AtRisk,
    /// First occurrences only: it is in the record.
    Present,
    /// Excluded by another code, by sex, or never measured.
    NotEligible,
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

impl Rule {
    /// Whether events of this kind count for [`Rule::Code`]: not what is only planned, said of relatives, or over.
    fn is_something_coded(kind: Kind) -> bool {
        use Kind::{Condition, Device, EncounterType, Imaging, Immunization, Medication, MedicationStatement};
        let done = [Kind::Observation, Kind::Procedure, Device, EncounterType, Imaging, Immunization];
        done.contains(&kind) || [Condition, Medication, MedicationStatement].contains(&kind)
    }
}

impl Phenotypes {
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
                (Rule::Medication, Kind::Medication) => {
                    self.names[index].as_ref().is_some_and(|name| name.fits(&fact.display))
                }
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
        let canonical = |threshold: f64| canonical_of(loinc, threshold, stated);
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
    use crate::prediction::phenotype::{Group, Phenotype};

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
                let stored = canonical_of(Some("4548-4"), value, unit);
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
}
