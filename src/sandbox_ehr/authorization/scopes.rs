//! Which of the asked scopes an app is given (SMART App Launch 2.2, "Scopes"): what it was registered for, told in the
//! syntax that was asked in. What is not understood here, a scope with a query too, is not given.

use crate::trust::{Level, Scopes};

/// Scopes that are no leave to read resources.
const OTHERS: [&str; 8] = [
    "launch",
    "launch/patient",
    "launch/encounter",
    "openid",
    "fhirUser",
    "profile",
    "online_access",
    "offline_access",
];
/// On whose behalf an app with a user may read.
pub const WITH_USER: [Level; 2] = [Level::Patient, Level::User];

/// The scopes of a list as far as they let their bearer read: nobody gets leave to write to a server that only reads.
pub fn reading(scope: &str) -> Scopes {
    scope.split_whitespace().collect::<Scopes>().for_reading()
}

/// The words of `asked` that are within `registered`; the narrower of both where they differ.
pub fn negotiated(asked: &str, registered: &str, levels: &[Level]) -> String {
    let known = reading(registered);
    let mut granted: Vec<String> = Vec::new();
    for word in asked.split_whitespace() {
        let given = match OTHERS.contains(&word) {
            true if has(registered, word) && *levels != [Level::System] => word.to_owned(),
            true => continue,
            false => Scopes::parse(word).within(&known, levels).to_string(),
        };
        granted.extend(given.split_whitespace().map(str::to_owned));
    }
    let mut told: Vec<String> = Vec::new();
    for word in granted {
        if !told.contains(&word) {
            told.push(word);
        }
    }
    told.join(" ")
}

/// Whether every word of `asked` lies within `granted` as it is: a refreshed token may be narrower, never wider.
pub fn is_within(asked: &str, granted: &str) -> bool {
    let levels = [Level::Patient, Level::User, Level::System];
    asked.split_whitespace().all(|word| negotiated(word, granted, &levels) == word)
}

/// Whether `scope` holds this word.
pub fn has(scope: &str, word: &str) -> bool {
    scope.split_whitespace().any(|one| one == word)
}

/// Whether a patient has to be chosen for these scopes.
pub fn needs_patient(scope: &str) -> bool {
    has(scope, "launch/patient") || has(scope, "launch/encounter") || reading(scope).has(Level::Patient)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTERED: &str = "launch openid fhirUser patient/Observation.rs patient/Condition.rs user/*.rs";

    #[test]
    fn an_app_gets_the_part_that_it_was_registered_for_in_the_syntax_it_asked_in() {
        for (asked, granted) in [
            ("launch openid patient/Observation.rs", "launch openid patient/Observation.rs"),
            ("patient/*.read", "patient/Observation.read patient/Condition.read"),
            ("patient/*.rs patient/Condition.rs", "patient/Observation.rs patient/Condition.rs"),
            ("patient/Observation.cruds", "patient/Observation.rs"),
            ("offline_access launch/patient system/*.rs", ""),
            ("patient/Observation.rs?category=laboratory patient/Observation.dus patient/observation.rs", ""),
            ("user/Practitioner.r everything", "user/Practitioner.r"),
        ] {
            assert_eq!(negotiated(asked, REGISTERED, &WITH_USER), granted, "{asked}");
        }
    }

    #[test]
    fn nobody_gets_leave_to_write_and_what_only_writes_opens_no_patient() {
        assert_eq!(
            negotiated("patient/*.cruds user/Task.write", "patient/*.* user/*.cruds", &WITH_USER),
            "patient/*.rs"
        );
        assert!(!needs_patient("patient/Observation.cud openid") && needs_patient("openid patient/Observation.s"));
    }

    #[test]
    fn a_refreshed_token_is_never_wider() {
        let granted = "launch openid patient/Observation.rs";
        for (asked, within) in [
            ("patient/Observation.rs", true),
            ("patient/Observation.r openid", true),
            ("patient/*.rs", false),
            ("patient/Observation.cruds", false),
            ("offline_access", false),
            ("user/Observation.rs", false),
        ] {
            assert_eq!(is_within(asked, granted), within, "{asked}");
        }
    }
}
