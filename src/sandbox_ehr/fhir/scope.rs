//! SMART scopes as far as they let somebody read: `patient/Condition.rs`, `system/*.read`. What is no such scope, or one
//! with a query behind it that is not understood here, lets nobody read anything.

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// `Type/id`
    Read,
    /// `Type?…`
    Search,
}

/// Whose records a scope is about. The wider is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The one patient that the token names.
    Patient,
    /// Everyone: the user's or the system's.
    Everyone,
}

/// The scopes of one token.
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    granted: Vec<Scope>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    text: String,
    reach: Reach,
    /// Of system level, the only one that a backend service can have.
    system: bool,
    /// `*`: every type.
    resource_type: String,
    read: bool,
    search: bool,
}

impl Scope {
    fn parse(text: &str) -> Option<Self> {
        let (level, rest) = text.split_once('/')?;
        let (resource_type, access) = rest.split_once('.')?;
        let (read, search) = match access {
            "read" | "*" => (true, true),
            // Letters of `cruds`, in this order.
            letters => {
                let mut left = "cruds".chars();
                let ordered = letters.chars().all(|letter| left.any(|known| known == letter));
                (ordered && letters.contains('r'), ordered && letters.contains('s'))
            }
        };
        let reach = if level == "patient" { Reach::Patient } else { Reach::Everyone };
        let known = matches!(level, "patient" | "user" | "system") && !resource_type.is_empty() && (read || search);
        let (text, resource_type) = (text.to_owned(), resource_type.to_owned());
        known.then_some(Self { text, reach, system: level == "system", resource_type, read, search })
    }

    fn lets(&self, resource_type: &str, interaction: Interaction) -> bool {
        let type_fits = self.resource_type == "*" || self.resource_type == resource_type;
        type_fits
            && match interaction {
                Interaction::Read => self.read,
                Interaction::Search => self.search,
            }
    }

    /// Whether all that `other` lets is let by this one too.
    fn covers(&self, other: &Self) -> bool {
        let types = self.resource_type == "*" || self.resource_type == other.resource_type;
        types && self.reach >= other.reach && (self.read || !other.read) && (self.search || !other.search)
    }
}

impl Scopes {
    pub fn parse(text: &str) -> Self {
        Self { granted: text.split_whitespace().filter_map(Scope::parse).collect() }
    }

    /// The furthest reach of this interaction; `None`: it is not allowed.
    pub fn reach(&self, resource_type: &str, interaction: Interaction) -> Option<Reach> {
        let letting = self.granted.iter().filter(|scope| scope.lets(resource_type, interaction));
        letting.map(|scope| scope.reach).max()
    }

    /// What of a backend service's request is within what it was registered for.
    pub fn within(&self, registered: &Self) -> Self {
        let within = |scope: &&Scope| scope.system && registered.granted.iter().any(|known| known.covers(scope));
        Self { granted: self.granted.iter().filter(within).cloned().collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.granted.is_empty()
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<&str> = self.granted.iter().map(|scope| scope.text.as_str()).collect();
        f.write_str(&texts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_both_syntaxes_let_what_they_name() {
        for (text, resource_type, read, search) in [
            ("patient/Condition.rs", "Condition", Some(Reach::Patient), Some(Reach::Patient)),
            ("patient/*.read", "Condition", Some(Reach::Patient), Some(Reach::Patient)),
            ("user/Condition.r", "Condition", Some(Reach::Everyone), None),
            ("system/*.cruds", "Condition", Some(Reach::Everyone), Some(Reach::Everyone)),
            ("system/*.s", "Condition", None, Some(Reach::Everyone)),
            ("patient/*.rs system/Patient.rs", "Condition", Some(Reach::Patient), Some(Reach::Patient)),
            ("patient/*.rs system/Patient.rs", "Patient", Some(Reach::Everyone), Some(Reach::Everyone)),
            ("patient/Observation.rs", "Condition", None, None),
            ("patient/*.write", "Condition", None, None),
            ("patient/*.cud", "Condition", None, None),
            ("patient/*.sr", "Condition", None, None),
            ("patient/Condition.rs?category=x", "Condition", None, None),
            ("launch openid fhirUser", "Condition", None, None),
            ("everyone/*.rs", "Condition", None, None),
            ("", "Condition", None, None),
        ] {
            let scopes = Scopes::parse(text);
            assert_eq!(scopes.reach(resource_type, Interaction::Read), read, "{text}");
            assert_eq!(scopes.reach(resource_type, Interaction::Search), search, "{text}");
        }
    }

    #[test]
    fn a_backend_service_gets_what_it_asks_for_within_what_it_was_registered_for() {
        let registered = Scopes::parse("system/Patient.rs system/Condition.read");
        let granted = |asked: &str| Scopes::parse(asked).within(&registered).to_string();
        assert_eq!(granted("system/Patient.r system/Condition.rs"), "system/Patient.r system/Condition.rs");
        assert_eq!(granted("system/*.rs system/Observation.rs patient/Patient.rs"), "");
    }
}
