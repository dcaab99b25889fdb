//! Occasions and pairs: days that ask a question of their own, such as a discharge or the start of a drug, and the outcome
//! that is asked about after them, without a gap.
//!
//! Read from the outcomes' file and travelling with it. Owns when an occasion was; knows nothing of risks, and nothing of
//! cause: what follows a start follows it, whatever it comes from.

use super::network::{BIN_EDGES_DAYS, NetworkConfig};
use super::order_name::OrderName;
use super::phenotype::PhenotypeError;
use super::vocabulary::Fact;
use crate::patient_record::timeline::{Event, Kind, SECONDS_PER_DAY, Second};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What makes a day an occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OccasionRule {
    /// An Encounter of one of `classes`, of one of `types` (any when empty), none of `not_types`, ended.
    Discharge,
    /// A MedicationRequest whose display matches `pattern` and not `not_pattern`, with none such in the
    /// `new_after_days` before.
    MedicationStart,
}

/// One kind of day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Occasion {
    /// What a clinician reads: "start of a statin".
    pub title: String,
    pub rule: OccasionRule,
    #[serde(default)]
    pub classes: Vec<String>,
    #[serde(default)]
    pub types: Vec<String>,
    #[serde(default)]
    pub not_types: Vec<String>,
    #[serde(default)]
    pub pattern: Option<String>,
    #[serde(default)]
    pub not_pattern: Option<String>,
    #[serde(default)]
    pub new_after_days: Option<u32>,
}

/// An outcome asked about on an occasion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// What a clinician reads: "readmission within 30 days of discharge".
    pub title: String,
    pub occasion: String,
    pub outcome: String,
    /// Days after the occasion within which the outcome counts; an edge of the time bins.
    pub within_days: u32,
}

/// All occasions and pairs of a phenotype file, each alphabetical by name.
#[derive(Clone, Debug, Default)]
pub struct Occasions {
    pub occasions: Vec<(String, Occasion)>,
    pub pairs: Vec<(String, Pair)>,
    /// What the orders of each are called, where its rule asks for that.
    names: Vec<Option<OrderName>>,
}

impl Occasions {
    /// Checks what a file says. `is_outcome`: whether the file defines an outcome of that name.
    pub(super) fn new(
        occasions: BTreeMap<String, Occasion>,
        pairs: BTreeMap<String, Pair>,
        is_outcome: impl Fn(&str) -> bool,
    ) -> Result<Self, PhenotypeError> {
        let names = occasions
            .iter()
            .map(|(name, occasion)| occasion.order_name().map_err(|why| PhenotypeError::Occasion(name.clone(), why)));
        let names = names.collect::<Result<_, _>>()?;
        for (name, pair) in &pairs {
            let fail = |why: String| Err(PhenotypeError::Pair(name.clone(), why));
            if !occasions.contains_key(&pair.occasion) {
                return fail(format!("there is no `[occasion.{}]`", pair.occasion));
            }
            if !is_outcome(&pair.outcome) {
                return fail(format!("there is no `[outcome.{}]`", pair.outcome));
            }
            if NetworkConfig::bins_within(pair.within_days).is_none() {
                return fail(format!("`within_days` must be one of {:?}", &BIN_EDGES_DAYS[1..]));
            }
        }
        Ok(Self { occasions: occasions.into_iter().collect(), pairs: pairs.into_iter().collect(), names })
    }

    /// The index of an occasion by name.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.occasions.iter().position(|(known, _)| known == name)
    }

    /// A pair by name.
    pub fn pair(&self, name: &str) -> Option<&Pair> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, pair)| pair)
    }

    /// The occasions that a fact may make, by index. Constant for a fact: compute it once per dictionary entry.
    pub fn of_fact(&self, fact: &Fact) -> Vec<u16> {
        let makes = |index: &usize| match (self.occasions[*index].1.rule, fact.kind) {
            (OccasionRule::Discharge, Kind::EncounterEnd) => self.occasions[*index].1.ends_with(fact),
            (OccasionRule::MedicationStart, Kind::Medication) => {
                self.names[*index].as_ref().is_some_and(|name| name.fits(&fact.display))
            }
            _ => false,
        };
        (0..self.occasions.len()).filter(makes).map(|index| index as u16).collect()
    }

    /// The days of each occasion, ascending, each once. `facts` in time order: day and what [`Self::of_fact`] says.
    pub fn days<'a>(&self, facts: impl Iterator<Item = (i32, &'a [u16])>) -> Vec<Vec<i32>> {
        let mut all = vec![Vec::new(); self.occasions.len()];
        let mut last: Vec<Option<i32>> = vec![None; self.occasions.len()];
        for (day, makes) in facts {
            for index in makes.iter().map(|&index| index as usize) {
                let new_after = self.occasions[index].1.new_after_days.unwrap_or(1) as i32;
                if last[index].is_none_or(|last| day.saturating_sub(last) >= new_after) {
                    all[index].push(day);
                }
                last[index] = Some(day);
            }
        }
        all
    }

    /// The occasions that an order would make if it were signed at `at`, as [`Self::days`] would find them. `past`: what
    /// was known before.
    pub fn started_by(&self, order: &Event, past: &[Event], at: Second) -> Vec<&str> {
        let mut starts = self.of_fact(&Fact::of(order));
        let day = |second: Second| second.div_euclid(SECONDS_PER_DAY);
        for earlier in past.iter().filter(|event| event.kind == order.kind) {
            if starts.is_empty() {
                break;
            }
            let makes = self.of_fact(&Fact::of(earlier));
            let days = day(at) - day(earlier.known);
            let renewed = |index: u16| days < i64::from(self.occasions[index as usize].1.new_after_days.unwrap_or(1));
            starts.retain(|&index| !(makes.contains(&index) && renewed(index)));
        }
        starts.into_iter().map(|index| self.occasions[index as usize].0.as_str()).collect()
    }

    /// Every occasion that is a discharge.
    pub fn discharges(&self) -> Vec<&str> {
        let is_one = |(_, occasion): &&(String, Occasion)| occasion.rule == OccasionRule::Discharge;
        self.occasions.iter().filter(is_one).map(|(name, _)| name.as_str()).collect()
    }

    /// The occasions that the end of this encounter would make. `beginning`: the event of its beginning.
    pub fn ended_by(&self, beginning: &Event) -> Vec<&str> {
        let end = Fact { kind: Kind::EncounterEnd, ..Fact::of(beginning) };
        self.of_fact(&end).into_iter().map(|index| self.occasions[index as usize].0.as_str()).collect()
    }
}

impl Occasion {
    /// What its orders are called, where its rule asks for that; else what is wrong with it.
    fn order_name(&self) -> Result<Option<OrderName>, String> {
        let encounter = [&self.classes, &self.types, &self.not_types];
        let medication = self.not_pattern.is_some() || self.new_after_days.is_some();
        match (self.rule, &self.pattern) {
            (OccasionRule::Discharge, None) if !medication && !self.classes.is_empty() => Ok(None),
            (OccasionRule::Discharge, _) => Err("rule `discharge` needs `classes`, and knows no patterns".into()),
            (OccasionRule::MedicationStart, Some(pattern))
                if self.new_after_days.is_some_and(|days| days > 0) && encounter.iter().all(|list| list.is_empty()) =>
            {
                let name = OrderName::new(pattern, self.not_pattern.as_deref());
                name.map(Some).map_err(|error| error.to_string())
            }
            (OccasionRule::MedicationStart, _) => {
                Err("rule `medication-start` needs `pattern` and `new_after_days`, and knows no classes or types"
                    .into())
            }
        }
    }

    /// Whether the end of such an encounter is a discharge.
    fn ends_with(&self, fact: &Fact) -> bool {
        let has = |list: &[String], what: &str| list.iter().any(|listed| listed == what);
        let encounter_type = fact.value.as_deref().unwrap_or("");
        has(&self.classes, &fact.code)
            && (self.types.is_empty() || has(&self.types, encounter_type))
            && !has(&self.not_types, encounter_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::phenotype::{DEFAULT, Phenotypes};

    fn fact(kind: Kind, code: &str, value: Option<&str>, display: &str) -> Fact {
        Fact { kind, code: code.into(), value: value.map(Into::into), display: display.into() }
    }

    fn names(occasions: &Occasions, fact: &Fact) -> Vec<String> {
        occasions.of_fact(fact).into_iter().map(|index| occasions.occasions[index as usize].0.clone()).collect()
    }

    #[test]
    fn only_the_end_of_a_hospital_stay_is_a_discharge() {
        let occasions = Phenotypes::parse(DEFAULT).unwrap().occasions;
        let end = |class, kind_of_visit| fact(Kind::EncounterEnd, class, kind_of_visit, "");
        assert_eq!(names(&occasions, &end("IMP", Some("S:32485007"))), ["discharge"]);
        assert_eq!(names(&occasions, &end("IMP", None)), ["discharge"]);
        assert!(names(&occasions, &end("IMP", Some("S:449411000124106"))).is_empty(), "skilled nursing");
        assert!(names(&occasions, &end("AMB", None)).is_empty());
        assert!(names(&occasions, &fact(Kind::Encounter, "IMP", Some("S:32485007"), "")).is_empty(), "an admission");
    }

    #[test]
    fn an_order_is_a_start_unless_its_class_was_ordered_within_two_years() {
        let occasions = Phenotypes::parse(DEFAULT).unwrap().occasions;
        let both = fact(Kind::Medication, "R:1", None, "hydrochlorothiazide 12.5 MG / lisinopril 20 MG Oral Tablet");
        assert_eq!(names(&occasions, &both), ["new-ace-inhibitor", "new-diuretic"]);
        assert!(names(&occasions, &fact(Kind::MedicationAdministration, "R:1", None, "lisinopril")).is_empty());
        assert!(names(&occasions, &fact(Kind::Medication, "R:1", None, "nystatin 100000 UNT/ML")).is_empty());
        let ace = [occasions.index("new-ace-inhibitor").unwrap() as u16];
        let days = occasions.days([100, 100, 829, 1_558, 2_288, 9_000].into_iter().map(|day| (day, &ace[..])));
        assert_eq!(days[ace[0] as usize], [100, 2_288, 9_000]);
        assert!(days.iter().enumerate().all(|(index, days)| index == ace[0] as usize || days.is_empty()));
    }

    #[test]
    fn an_order_being_written_starts_what_was_not_ordered_within_two_years_and_nothing_else() {
        use crate::patient_record::terminology::{Code, CodeSystem};
        use crate::patient_record::timeline::Value;
        let occasions = Phenotypes::parse(DEFAULT).unwrap().occasions;
        let event = |kind, code: &str, display: &str, day: i64| {
            let code = Code { system: CodeSystem::RxNorm, code: code.into(), display: display.into() };
            Event { known: day * SECONDS_PER_DAY, clinical_offset: 0, kind, code, value: Value::None, source: 0 }
        };
        let both = event(Kind::Medication, "1", "hydrochlorothiazide 12.5 MG / lisinopril 20 MG Oral Tablet", 3_000);
        let at = both.known;
        let starts = |past: &[Event]| occasions.started_by(&both, past, at).join(" ");
        assert_eq!(starts(&[]), "new-ace-inhibitor new-diuretic");
        assert_eq!(starts(&[event(Kind::Medication, "2", "lisinopril 10 MG", 2_271)]), "new-diuretic");
        assert_eq!(
            starts(&[event(Kind::Medication, "2", "lisinopril 10 MG", 2_270)]),
            "new-ace-inhibitor new-diuretic"
        );
        let given = event(Kind::MedicationAdministration, "2", "lisinopril 10 MG", 2_999);
        assert_eq!(starts(&[given]), "new-ace-inhibitor new-diuretic");
        assert_eq!(occasions.discharges(), ["discharge"]);
        assert!(occasions.ended_by(&event(Kind::Encounter, "AMB", "", 2_999)).is_empty());
    }

    #[test]
    fn what_a_pair_names_must_be_there_and_its_days_an_edge_of_the_bins() {
        let refused = |from: &str, to: &str| {
            assert!(DEFAULT.contains(from), "{from}");
            Phenotypes::parse(&DEFAULT.replacen(from, to, 1)).unwrap_err().to_string()
        };
        let error = refused("occasion = \"discharge\"", "occasion = \"dismissal\"");
        assert!(error.contains("there is no `[occasion.dismissal]`"), "{error}");
        let error = refused("outcome = \"inr-2\"", "outcome = \"inr-4\"");
        assert!(error.contains("pair `anticoagulant-inr-30`: there is no `[outcome.inr-4]`"), "{error}");
        let error = refused("within_days = 30", "within_days = 31");
        assert!(error.contains("`within_days` must be one of [30, 90,"), "{error}");
        let error = refused("rule = \"discharge\"\nclasses = [\"IMP\"]", "rule = \"discharge\"");
        assert!(error.contains("occasion `discharge`: rule `discharge` needs `classes`"), "{error}");
        let error = refused("new_after_days = 730", "new_after_days = 0");
        assert!(error.contains("`new_after_days`"), "{error}");
        let error = refused("new_after_days = 730", "within_days = 730");
        assert!(error.contains("unknown field"), "{error}");
    }
}
