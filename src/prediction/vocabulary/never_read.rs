//! Personal traits that no model reads, by code: race, language, faith, whom one loves, where one comes from, what one
//! earns. Owns the one list, with the reason of each entry, that training and serving both keep to.
//!
//! Refuses to guess: a trait under a local code, or told by words alone, is not recognised. Social findings that care
//! can act on (homelessness, violence, isolation, unemployment, drug misuse) are read; see
//! `docs/adr/0008-what-is-never-read.md`.

use super::Fact;
use crate::patient_record::timeline::Kind;
use crate::prediction::listed_code;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::LazyLock;

/// By what no risk may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trait {
    RaceOrEthnicity,
    Language,
    Religion,
    SexualityOrGender,
    /// Flight, immigration, migrant work.
    Migration,
    /// Convictions, jail.
    LegalHistory,
    Income,
    Education,
    Insurance,
    /// Where one lives and with how many.
    Address,
}

impl Trait {
    /// Every trait, in order.
    pub const ALL: [Trait; 10] = [
        Trait::RaceOrEthnicity,
        Trait::Language,
        Trait::Religion,
        Trait::SexualityOrGender,
        Trait::Migration,
        Trait::LegalHistory,
        Trait::Income,
        Trait::Education,
        Trait::Insurance,
        Trait::Address,
    ];

    /// The words of reports and model cards.
    pub fn words(self) -> &'static str {
        match self {
            Self::RaceOrEthnicity => "race and ethnicity",
            Self::Language => "language",
            Self::Religion => "religion",
            Self::SexualityOrGender => "sexual orientation and gender identity",
            Self::Migration => "flight, immigration and migrant work",
            Self::LegalHistory => "convictions and jail",
            Self::Income => "income",
            Self::Education => "education",
            Self::Insurance => "insurance",
            Self::Address => "address and household",
        }
    }
}

/// Prefixed codes as [`listed_code`] reads them, whatever the kind of event, its value or, of an observation, its
/// question: each tells a trait and nothing that a clinician could treat.
const NEVER_READ: [(&str, Trait); 45] = [
    ("L:32624-9", Trait::RaceOrEthnicity),    // race
    ("L:72826-1", Trait::RaceOrEthnicity),    // race, OMB
    ("L:56091-2", Trait::RaceOrEthnicity),    // race, PhenX
    ("L:74693-3", Trait::RaceOrEthnicity),    // race, AHRQ
    ("L:80977-2", Trait::RaceOrEthnicity),    // tabulated race, CDC
    ("L:46463-6", Trait::RaceOrEthnicity),    // race or ethnicity
    ("L:59362-4", Trait::RaceOrEthnicity),    // race or ethnicity, OMB
    ("L:69490-1", Trait::RaceOrEthnicity),    // ethnicity, OMB
    ("L:56051-6", Trait::RaceOrEthnicity),    // Hispanic or Latino
    ("S:103579009", Trait::RaceOrEthnicity),  // race
    ("S:364699009", Trait::RaceOrEthnicity),  // ethnic group
    ("L:54899-0", Trait::Language),           // preferred language
    ("L:81364-2", Trait::Religion),           // religious or cultural beliefs
    ("S:160538000", Trait::Religion),         // religious affiliation
    ("L:76690-7", Trait::SexualityOrGender),  // sexual orientation
    ("L:76691-5", Trait::SexualityOrGender),  // gender identity
    ("S:66621004", Trait::SexualityOrGender), // sexual orientation
    ("L:93027-1", Trait::Migration),          // refugee
    ("L:93035-4", Trait::Migration),          // seasonal or migrant farm work
    ("S:446654005", Trait::Migration),        // refugee
    ("I:Z60.3", Trait::Migration),            // acculturation difficulty
    ("L:93028-9", Trait::LegalHistory),       // nights in jail
    ("S:266948004", Trait::LegalHistory),     // has a criminal record
    ("I:Z65.0", Trait::LegalHistory),         // conviction without imprisonment
    ("I:Z65.1", Trait::LegalHistory),         // imprisonment
    ("I:Z65.2", Trait::LegalHistory),         // release from prison
    ("I:Z65.3", Trait::LegalHistory),         // other legal circumstances
    ("L:63586-2", Trait::Income),             // income of the family
    ("L:77244-2", Trait::Income),             // income of the household, as a range
    ("S:423656007", Trait::Income),           // income insufficient for necessities
    ("S:424739004", Trait::Income),           // income sufficient for necessities only
    ("I:Z59.5", Trait::Income),               // extreme poverty
    ("I:Z59.6", Trait::Income),               // low income
    ("L:82589-3", Trait::Education),          // highest level of education
    ("S:224299000", Trait::Education),        // received higher education
    ("S:224295006", Trait::Education),        // only received primary school education
    ("S:473461003", Trait::Education),        // educated to high school level
    ("S:5251000175109", Trait::Education),    // certificate of high school equivalency
    ("I:Z55*", Trait::Education),             // problems of education and literacy
    ("L:76437-3", Trait::Insurance),          // primary insurance
    ("L:63513-6", Trait::Insurance),          // covered by health insurance
    ("I:Z59.7*", Trait::Insurance),           // insufficient social insurance
    ("L:56799-0", Trait::Address),            // address
    ("L:63512-8", Trait::Address),            // people at this address
    ("S:184102003", Trait::Address),          // postal code
];

/// Single codes; those that stand for a category are looked through one after the other.
static SINGLE: LazyLock<HashMap<&str, Trait>> = LazyLock::new(|| NEVER_READ.into_iter().collect());

/// The trait that a fact tells: by its code, or by the answer of an observation.
pub fn personal_trait(fact: &Fact) -> Option<Trait> {
    let answer = fact.value.as_deref().filter(|_| fact.kind == Kind::Observation);
    listed(&fact.code).or_else(|| listed(answer?))
}

fn listed(code: &str) -> Option<Trait> {
    let category = || NEVER_READ.iter().find(|(listed, _)| listed_code::stands_for(listed, code));
    SINGLE.get(code).copied().or_else(|| category().filter(|_| code.starts_with("I:")).map(|(_, which)| *which))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: Kind, code: &str, value: Option<&str>) -> Option<Trait> {
        let value = value.map(str::to_owned);
        personal_trait(&Fact { kind, code: code.into(), value, display: String::new() })
    }

    #[test]
    fn every_entry_is_sound_stands_once_and_every_trait_has_one() {
        assert!(NEVER_READ.iter().all(|(code, _)| listed_code::is_sound(code)));
        assert_eq!(SINGLE.len(), NEVER_READ.len());
        assert!(Trait::ALL.iter().all(|which| NEVER_READ.iter().any(|(_, listed)| listed == which)));
    }

    #[test]
    fn a_trait_is_recognised_whatever_its_kind_and_answer() {
        assert_eq!(told(Kind::Observation, "L:32624-9", Some("L:LA4457-3")), Some(Trait::RaceOrEthnicity));
        assert_eq!(told(Kind::Observation, "L:32624-9", None), Some(Trait::RaceOrEthnicity));
        assert_eq!(told(Kind::Condition, "S:446654005", None), Some(Trait::Migration));
        assert_eq!(told(Kind::ConditionEnd, "S:266948004", None), Some(Trait::LegalHistory));
        assert_eq!(told(Kind::Observation, "L:8689-2", Some("S:446654005")), Some(Trait::Migration), "as an answer");
        assert_eq!(told(Kind::Condition, "I:Z55.0", None), Some(Trait::Education));
        assert_eq!(told(Kind::Condition, "I:Z59.71", None), Some(Trait::Insurance));
    }

    #[test]
    fn findings_that_care_can_act_on_are_no_traits() {
        let conditions = [
            "S:32911000",  // homeless
            "S:73595000",  // stress
            "S:424393004", // violence in the environment
            "S:706893006", // victim of intimate partner abuse
            "S:422650009", // social isolation
            "S:73438004",  // unemployed
            "S:361055000", // misuses drugs
            "S:44054006",  // type 2 diabetes
            "I:Z59.0",     // homelessness
            "I:E11.9",
        ];
        assert!(conditions.iter().all(|code| told(Kind::Condition, code, None).is_none()));
        assert_eq!(told(Kind::Observation, "L:71802-3", Some("L:LA30190-5")), None, "housing");
    }
}
