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

/// On whose behalf a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Patient,
    User,
    System,
}

impl Level {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "patient" => Self::Patient,
            "user" => Self::User,
            "system" => Self::System,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }

    fn reach(self) -> Reach {
        if self == Self::Patient { Reach::Patient } else { Reach::Everyone }
    }
}

/// The scopes of one token.
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    granted: Vec<Scope>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    level: Level,
    /// `*`: every type.
    resource_type: String,
    read: bool,
    search: bool,
    /// Written in words (`.read`), as version 1 does.
    in_words: bool,
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
        let named = resource_type.starts_with(|first: char| first.is_ascii_uppercase())
            && resource_type.chars().all(|letter| letter.is_ascii_alphabetic());
        let known = (resource_type == "*" || named) && (read || search);
        let (level, resource_type) = (Level::parse(level)?, resource_type.to_owned());
        let in_words = matches!(access, "read" | "*");
        known.then_some(Self { level, resource_type, read, search, in_words })
    }

    fn lets(&self, resource_type: &str, interaction: Interaction) -> bool {
        let type_fits = self.resource_type == "*" || self.resource_type == resource_type;
        type_fits
            && match interaction {
                Interaction::Read => self.read,
                Interaction::Search => self.search,
            }
    }

    /// What both let.
    fn within(&self, other: &Self) -> Option<Self> {
        let resource_type = match (self.resource_type.as_str(), other.resource_type.as_str()) {
            (one, other) if one == other => one,
            ("*", one) | (one, "*") => one,
            _ => return None,
        };
        let both = Self {
            resource_type: resource_type.to_owned(),
            read: self.read && other.read,
            search: self.search && other.search,
            ..*self
        };
        (self.level == other.level && (both.read || both.search)).then_some(both)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let access = match (self.read, self.search) {
            (true, true) if self.in_words => "read",
            (true, true) => "rs",
            (true, false) => "r",
            _ => "s",
        };
        write!(f, "{}/{}.{access}", self.level.word(), self.resource_type)
    }
}

impl Scopes {
    pub fn parse(text: &str) -> Self {
        Self { granted: text.split_whitespace().filter_map(Scope::parse).collect() }
    }

    /// The furthest reach of this interaction; `None`: it is not allowed.
    pub fn reach(&self, resource_type: &str, interaction: Interaction) -> Option<Reach> {
        let letting = self.granted.iter().filter(|scope| scope.lets(resource_type, interaction));
        letting.map(|scope| scope.level.reach()).max()
    }

    /// Whether one of them is of this level.
    pub fn has(&self, level: Level) -> bool {
        self.granted.iter().any(|scope| scope.level == level)
    }

    /// What of these is of these levels and within `others`.
    pub fn within(&self, others: &Self, levels: &[Level]) -> Self {
        let mut granted: Vec<Scope> = Vec::new();
        for scope in self.granted.iter().filter(|scope| levels.contains(&scope.level)) {
            for both in others.granted.iter().filter_map(|other| scope.within(other)) {
                if !granted.contains(&both) {
                    granted.push(both);
                }
            }
        }
        Self { granted }
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<String> = self.granted.iter().map(Scope::to_string).collect();
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
            ("patient/condition.rs", "condition", None, None),
            ("patient/Condit\u{456}on.rs", "Condit\u{456}on", None, None),
            ("patient/.rs", "", None, None),
            ("patient/Condition.", "Condition", None, None),
            ("", "Condition", None, None),
        ] {
            let scopes = Scopes::parse(text);
            assert_eq!(scopes.reach(resource_type, Interaction::Read), read, "{text}");
            assert_eq!(scopes.reach(resource_type, Interaction::Search), search, "{text}");
        }
    }

    #[test]
    fn what_is_granted_is_what_is_asked_within_what_is_registered() {
        let registered = Scopes::parse("system/Patient.rs system/Condition.read patient/*.rs");
        let granted = |asked: &str, level| Scopes::parse(asked).within(&registered, &[level]).to_string();
        for (asked, level, expected) in [
            ("system/Patient.r system/Condition.rs", Level::System, "system/Patient.r system/Condition.rs"),
            (
                "system/*.rs system/Observation.rs patient/Patient.rs",
                Level::System,
                "system/Patient.rs system/Condition.rs",
            ),
            ("system/Patient.rs patient/Patient.rs user/Patient.rs", Level::Patient, "patient/Patient.rs"),
            ("patient/*.cruds", Level::Patient, "patient/*.rs"),
            ("patient/*.* patient/*.write", Level::Patient, "patient/*.read"),
            ("patient/Condition.read patient/Condition.read", Level::Patient, "patient/Condition.read"),
            ("user/*.rs", Level::User, ""),
        ] {
            assert_eq!(granted(asked, level), expected, "{asked}");
        }
    }
}
