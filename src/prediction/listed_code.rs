//! A code as outcome definitions list it: itself, or an ICD-10-CM category with everything below it (`I:E11*`).
//!
//! Only the text of an ICD-10-CM code says what it belongs to; no other system's code may end in `*`.

/// Whether a listed code stands for one found in a record.
pub fn stands_for(listed: &str, found: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(above) => found.starts_with(above),
        None => listed == found,
    }
}

/// Whether it may be listed: a `*` only after a category of three characters or more, so that no chapter is taken
/// by mistake.
pub fn is_sound(listed: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(above) => above.strip_prefix("I:").is_some_and(|code| code.len() >= 3),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient_record::timeline::Kind;
    use crate::prediction::phenotype::{DEFAULT, Phenotypes};
    use crate::prediction::vocabulary::Fact;

    #[test]
    fn a_category_stands_for_what_is_below_it_and_a_code_for_itself() {
        assert!(stands_for("I:E11*", "I:E11.9") && stands_for("I:E11*", "I:E11") && !stands_for("I:E11*", "I:E10.9"));
        assert!(stands_for("S:44054006", "S:44054006") && !stands_for("S:44054006", "S:440540061"));
        assert!(!stands_for("I:N18.4", "I:N18.40"));
    }

    #[test]
    fn a_star_stands_after_a_category_of_icd_only() {
        assert!(is_sound("I:E11*") && is_sound("I:N18.3*") && is_sound("S:44054006"));
        assert!(!is_sound("I:E*") && !is_sound("S:44*") && !is_sound("*"));
    }

    #[test]
    fn the_shipped_outcomes_know_icd_and_no_snomed_code_counts_for_more_than_before() {
        let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
        let outcomes = |code: &str| -> Vec<&str> {
            let fact = Fact { kind: Kind::Condition, code: code.into(), value: None, display: String::new() };
            let counts = phenotypes.role(&fact).counts;
            counts.into_iter().map(|index| phenotypes.outcomes[index as usize].0.as_str()).collect()
        };
        assert_eq!(outcomes("I:E11.22"), ["diabetes-any", "diabetic-kidney-disease", "type-2-diabetes"]);
        assert_eq!(outcomes("I:N18.31"), ["ckd-3plus", "ckd-any"]);
        assert_eq!(outcomes("I:E66.3"), [""; 0], "overweight is not obesity");
        assert_eq!(outcomes("S:44054006"), ["diabetes-any", "type-2-diabetes"]);
        let starred = |code: &&String| code.ends_with('*') && !code.starts_with("I:");
        let all = phenotypes.outcomes.iter().flat_map(|(_, outcome)| outcome.codes.iter().chain(&outcome.exclude));
        assert_eq!(all.filter(starred).count(), 0);
    }
}
