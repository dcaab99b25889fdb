//! The coded things that each screen offers, a few of each: an order catalogue in small. Others are typed as `system|code`.

use super::Screen;

/// One thing that can be entered.
#[derive(Debug)]
pub struct Choice {
    pub system: &'static str,
    pub code: &'static str,
    pub name: &'static str,
}

impl Choice {
    /// As it stands in the field.
    pub fn token(&self) -> String {
        format!("{}|{}", self.system, self.code)
    }
}

const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
const LOINC: &str = "http://loinc.org";
const SNOMED: &str = "http://snomed.info/sct";

const fn choice(system: &'static str, code: &'static str, name: &'static str) -> Choice {
    Choice { system, code, name }
}

const NAPROXEN: Choice = choice(RXNORM, "849574", "Naproxen sodium 220 MG Oral Tablet");
const WARFARIN: Choice = choice(RXNORM, "855332", "Warfarin Sodium 5 MG Oral Tablet");
const LISINOPRIL: Choice = choice(RXNORM, "314076", "lisinopril 10 MG Oral Tablet");
const METFORMIN: Choice = choice(RXNORM, "860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet");

const ORDERS: &[Choice] = &[
    NAPROXEN,
    WARFARIN,
    LISINOPRIL,
    METFORMIN,
    choice(LOINC, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"),
    choice(LOINC, "38483-4", "Creatinine [Mass/volume] in Blood"),
];
const REFILLS: &[Choice] = &[LISINOPRIL, METFORMIN, WARFARIN, NAPROXEN];
const VISITS: &[Choice] =
    &[choice(SNOMED, "185349003", "Encounter for check up"), choice(SNOMED, "390906007", "Follow-up encounter")];
const PROBLEMS: &[Choice] = &[
    choice(SNOMED, "59621000", "Essential hypertension"),
    choice(SNOMED, "44054006", "Diabetes mellitus type 2"),
    choice(SNOMED, "55822004", "Hyperlipidemia"),
];
const ALLERGIES: &[Choice] = &[
    choice(SNOMED, "91936005", "Allergy to penicillin"),
    choice(SNOMED, "91935009", "Allergy to peanut"),
    choice(SNOMED, "300916003", "Allergy to latex"),
];

impl Screen {
    /// What the code field offers.
    pub fn choices(self) -> &'static [Choice] {
        match self {
            Self::Orders => ORDERS,
            Self::Refill => REFILLS,
            Self::Appointment => VISITS,
            Self::Problems => PROBLEMS,
            Self::Allergies => ALLERGIES,
            Self::Admission | Self::Discharge | Self::Verification => &[],
        }
    }
}
