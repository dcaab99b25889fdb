//! The accepted task-horizons: the 21 outcomes and horizons whose mean AUROC is the headline.
//!
//! They were chosen once, before this model, as those of the synthetic cohort's outcomes that a boosted-tree model
//! foresees better than age and sex do (or that matter and have enough events), and stay fixed so that figures of
//! different models compare. Changing the list makes a new headline; never change it to please a figure.

/// One year, in days.
pub const YEAR: u32 = 365;
/// Five years, in days.
pub const FIVE_YEARS: u32 = 1825;

/// Accepted at one year.
const ONE_YEAR_OUTCOMES: [&str; 4] = ["acute-admission", "death", "ed-visit-not-obstetric", "hospitalisation"];

/// Accepted at five years.
const FIVE_YEAR_OUTCOMES: [&str; 17] = [
    "acute-admission",
    "anemia",
    "cancer-any",
    "ckd-3plus",
    "ckd-any",
    "colon-polyp",
    "death",
    "diabetes-any",
    "ed-visit-not-obstetric",
    "hospitalisation",
    "ischemic-heart-disease",
    "metabolic-syndrome",
    "obesity",
    "severe-anxiety",
    "start-insulin-or-metformin",
    "start-statin",
    "urinary-infection",
];

/// Whether an outcome counts in the headline at this horizon.
pub fn is_accepted(outcome: &str, horizon_days: u32) -> bool {
    match horizon_days {
        YEAR => ONE_YEAR_OUTCOMES.contains(&outcome),
        FIVE_YEARS => FIVE_YEAR_OUTCOMES.contains(&outcome),
        _ => false,
    }
}

/// How many there are.
pub const ACCEPTED: usize = ONE_YEAR_OUTCOMES.len() + FIVE_YEAR_OUTCOMES.len();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::phenotype::{DEFAULT, Phenotypes};

    #[test]
    fn every_accepted_outcome_is_one_of_ours() {
        let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
        let found = phenotypes
            .outcomes
            .iter()
            .flat_map(|(name, _)| phenotypes.horizons_days.iter().map(move |&days| is_accepted(name, days)))
            .filter(|&accepted| accepted)
            .count();
        assert_eq!((found, ACCEPTED), (21, 21));
    }
}
