//! SMART scopes as a resource server reads them (SMART App Launch 2.2, "Scopes"): what each lets its bearer do.
//!
//! What is no such scope lets nobody do anything: letters out of order, unknown words, look-alikes. A scope with a query
//! behind it (`?category=…`) is for a part of the instances only, which nobody here can tell apart: it grants nothing.

/// What a request does, as the letters of a scope have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    Create,
    Read,
    Update,
    Delete,
    Search,
}

impl Interaction {
    const ALL: [Self; 5] = [Self::Create, Self::Read, Self::Update, Self::Delete, Self::Search];

    fn letter(self) -> char {
        match self {
            Self::Create => 'c',
            Self::Read => 'r',
            Self::Update => 'u',
            Self::Delete => 'd',
            Self::Search => 's',
        }
    }
}

/// Whose records a scope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The one patient that the token names.
    Patient,
    /// Those that the user may see.
    User,
    /// Those that the client may see.
    System,
}

/// The resource scopes of one token; all other scopes are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    granted: Vec<Scope>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    level: Level,
    /// A FHIR type; `*`: every one, also those of later releases.
    resource_type: Box<str>,
    interactions: Vec<Interaction>,
}

impl Scope {
    fn parse(text: &str) -> Option<Self> {
        let (level, rest) = text.split_once('/')?;
        let level = match level {
            "patient" => Level::Patient,
            "user" => Level::User,
            "system" => Level::System,
            _ => return None,
        };
        let (resource_type, access) = rest.split_once('.')?;
        let named = resource_type.starts_with(|first: char| first.is_ascii_uppercase())
            && resource_type.bytes().all(|byte| byte.is_ascii_alphabetic());
        let interactions = interactions(access)?;
        (named || resource_type == "*").then(|| Self { level, resource_type: resource_type.into(), interactions })
    }
}

/// The exact words of version 1 come first: read as letters, `read` would let delete.
fn interactions(access: &str) -> Option<Vec<Interaction>> {
    use Interaction::{Create, Delete, Read, Search, Update};
    match access {
        "read" => return Some(vec![Read, Search]),
        "write" => return Some(vec![Create, Update, Delete]),
        "*" => return Some(Interaction::ALL.to_vec()),
        _ => {}
    }
    let mut left = Interaction::ALL.into_iter();
    // Each letter must follow the one before in `cruds`.
    let read: Option<Vec<Interaction>> =
        access.chars().map(|letter| left.find(|known| known.letter() == letter)).collect();
    read.filter(|read| !read.is_empty())
}

impl Scopes {
    /// Reads a list separated by blanks.
    pub fn parse(text: &str) -> Self {
        Self { granted: text.split(' ').filter_map(Scope::parse).collect() }
    }

    /// The levels at which this interaction is allowed with this type (`*`: with every type), the widest last.
    pub fn levels(&self, resource_type: &str, interaction: Interaction) -> Vec<Level> {
        let lets = |scope: &&Scope| {
            let type_fits = *scope.resource_type == *resource_type || &*scope.resource_type == "*";
            type_fits && scope.interactions.contains(&interaction)
        };
        let mut levels: Vec<Level> = self.granted.iter().filter(lets).map(|scope| scope.level).collect();
        levels.sort();
        levels.dedup();
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Interaction::{Create, Delete, Read, Search, Update};
    use proptest::prelude::*;

    fn lets(scope: &str, resource_type: &str) -> Vec<Interaction> {
        let scopes = Scopes::parse(scope);
        Interaction::ALL.into_iter().filter(|one| !scopes.levels(resource_type, *one).is_empty()).collect()
    }

    #[test]
    fn both_syntaxes_let_what_they_name() {
        for (scope, let_) in [
            ("patient/Observation.rs", vec![Read, Search]),
            ("patient/Observation.read", vec![Read, Search]),
            ("user/Observation.write", vec![Create, Update, Delete]),
            ("system/*.*", vec![Create, Read, Update, Delete, Search]),
            ("system/*.cruds", vec![Create, Read, Update, Delete, Search]),
            ("patient/*.r patient/Observation.s", vec![Read, Search]),
            ("openid fhirUser launch patient/Observation.c offline_access", vec![Create]),
        ] {
            assert_eq!(lets(scope, "Observation"), let_, "{scope}");
        }
        assert_eq!(lets("patient/Observation.rs", "Condition"), vec![]);
        assert_eq!(lets("patient/Observation.rs", "*"), vec![], "one type is not every type");
    }

    #[test]
    fn what_is_no_scope_grants_nothing() {
        for scope in [
            "",
            "patient/Observation.dus",
            "patient/Observation.sr",
            "patient/Observation.rr",
            "patient/Observation.Read",
            "patient/Observation.reads",
            "patient/observation.rs",
            "patient/Observation.",
            "patient/.rs",
            "patient/Observation",
            "patient/Observation.rs?",
            "patient/Observation.rs?category=laboratory",
            "patient/Observation.rs..",
            "patient/../Observation.rs",
            "patient//Observation.rs",
            "Patient/Observation.rs",
            "pаtient/Observation.rs",
            "patient/Оbservation.rs",
            "patient/Observation.ｒs",
            "patient/Observation\u{a0}.rs",
            "\tpatient/Observation.rs",
            "patient/Observation.rs\n",
            "everyone/Observation.rs",
            "http://smarthealthit.org/fhir/scopes/patient/Observation.rs",
        ] {
            assert_eq!(lets(scope, "Observation"), vec![], "{scope:?}");
        }
        assert_eq!(lets(&"patient/Observation.".repeat(4_000), "Observation"), vec![]);
        let long = format!("{} patient/Observation.r", "x".repeat(64 * 1024));
        assert_eq!(lets(&long, "Observation"), vec![Read]);
    }

    #[test]
    fn levels_are_told_apart() {
        let scopes = Scopes::parse("system/Patient.r patient/*.rs user/Patient.s");
        assert_eq!(scopes.levels("Patient", Read), [Level::Patient, Level::System]);
        assert_eq!(scopes.levels("Patient", Search), [Level::Patient, Level::User]);
        assert_eq!(scopes.levels("Condition", Read), [Level::Patient]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_stop_and_version_1_words_never_grant_more(text in ".{0,200}") {
            let scopes = Scopes::parse(&text);
            let plain = text.contains('c') || text.contains('*') || text.contains("write");
            prop_assert!(plain || scopes.levels("Patient", Create).is_empty());
        }
    }
}
