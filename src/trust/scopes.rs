//! SMART scopes (SMART App Launch 2.2, "Scopes"), the letters of version 2 and the words of version 1: what each lets its
//! bearer do, for who answers by a token as much as for who gives one.
//!
//! What is no such scope lets nobody do anything: letters out of order, unknown words, look-alikes. A scope with a query
//! behind it (`?category=…`) is for a part of the instances only, which nobody here can tell apart: it grants nothing.

use std::fmt;

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

    /// What a word of version 1 means; `None`: it is no such word.
    fn of_word(word: &str) -> Option<Vec<Self>> {
        Some(match word {
            "read" => vec![Self::Read, Self::Search],
            "write" => vec![Self::Create, Self::Update, Self::Delete],
            "*" => Self::ALL.to_vec(),
            _ => return None,
        })
    }

    /// What letters of version 2 mean: each must follow the one before in `cruds`.
    fn of_letters(letters: &str) -> Option<Vec<Self>> {
        let mut left = Self::ALL.into_iter();
        let read: Option<Vec<Self>> =
            letters.chars().map(|letter| left.find(|known| known.letter() == letter)).collect();
        read.filter(|read| !read.is_empty())
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

impl Level {
    const ALL: [Self; 3] = [Self::Patient, Self::User, Self::System];

    fn word(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
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
    /// In the order of `cruds`; never empty.
    interactions: Vec<Interaction>,
    /// Written in the words of version 1.
    in_words: bool,
}

impl Scope {
    fn parse(text: &str) -> Option<Self> {
        let (level, rest) = text.split_once('/')?;
        let level = Level::ALL.into_iter().find(|known| known.word() == level)?;
        let (resource_type, access) = rest.split_once('.')?;
        let named = resource_type.starts_with(|first: char| first.is_ascii_uppercase())
            && resource_type.bytes().all(|byte| byte.is_ascii_alphabetic());
        // Words come first: read as letters, `read` would let delete.
        let words = Interaction::of_word(access);
        let in_words = words.is_some();
        let interactions = words.or_else(|| Interaction::of_letters(access))?;
        let scope = Self { level, resource_type: resource_type.into(), interactions, in_words };
        (named || resource_type == "*").then_some(scope)
    }

    fn lets(&self, resource_type: &str, interaction: Interaction) -> bool {
        let type_fits = *self.resource_type == *resource_type || &*self.resource_type == "*";
        type_fits && self.interactions.contains(&interaction)
    }

    /// What both let, told as `self` is.
    fn within(&self, other: &Self) -> Option<Self> {
        let resource_type = match (&*self.resource_type, &*other.resource_type) {
            (one, other) if one == other => one,
            ("*", one) | (one, "*") => one,
            _ => return None,
        };
        let both = Self { resource_type: resource_type.into(), ..self.clone() }.only(&other.interactions)?;
        (self.level == other.level).then_some(both)
    }

    /// Without other interactions than these; `None` where nothing is left.
    fn only(mut self, these: &[Interaction]) -> Option<Self> {
        self.interactions.retain(|own| these.contains(own));
        (!self.interactions.is_empty()).then_some(self)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let means_this = |word: &&str| Interaction::of_word(word).is_some_and(|meant| meant == self.interactions);
        let word = ["read", "write", "*"].into_iter().find(means_this).filter(|_| self.in_words);
        let access = word.map_or_else(|| self.interactions.iter().map(|one| one.letter()).collect(), str::to_owned);
        write!(f, "{}/{}.{access}", self.level.word(), self.resource_type)
    }
}

impl Scopes {
    /// Reads a list separated by blanks.
    pub fn parse(text: &str) -> Self {
        text.split(' ').collect()
    }

    /// The levels at which this interaction is allowed with this type (`*`: with every type), the widest last.
    pub fn levels(&self, resource_type: &str, interaction: Interaction) -> Vec<Level> {
        let letting = self.granted.iter().filter(|scope| scope.lets(resource_type, interaction));
        let mut levels: Vec<Level> = letting.map(|scope| scope.level).collect();
        levels.sort();
        levels.dedup();
        levels
    }

    /// Whether one of them is of this level.
    pub fn has(&self, level: Level) -> bool {
        self.granted.iter().any(|scope| scope.level == level)
    }

    /// What of these is of these levels and within `others`, in the syntax of these.
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

    /// What of these lets read and search.
    pub fn for_reading(self) -> Self {
        let reading = |scope: Scope| scope.only(&[Interaction::Read, Interaction::Search]);
        Self { granted: self.granted.into_iter().filter_map(reading).collect() }
    }
}

impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<T: IntoIterator<Item = &'a str>>(words: T) -> Self {
        Self { granted: words.into_iter().filter_map(Scope::parse).collect() }
    }
}

/// As a token endpoint tells them: separated by blanks.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.granted.iter().map(Scope::to_string).collect();
        f.write_str(&texts.join(" "))
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

    #[test]
    fn what_is_granted_is_what_is_asked_within_what_is_registered() {
        let registered = Scopes::parse("system/Patient.rs system/Condition.read patient/*.rs user/Task.*");
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
            ("user/Task.write user/Task.cs", Level::User, "user/Task.write user/Task.cs"),
            ("user/Patient.rs", Level::User, ""),
        ] {
            assert_eq!(granted(asked, level), expected, "{asked}");
        }
    }

    #[test]
    fn for_reading_nothing_is_left_that_writes() {
        let scopes = Scopes::parse("patient/*.cruds user/Task.write system/Patient.* user/Patient.s user/Condition.cu");
        assert_eq!(scopes.for_reading().to_string(), "patient/*.rs system/Patient.read user/Patient.s");
    }

    /// A scope in either syntax.
    fn scope() -> impl Strategy<Value = String> {
        let letters = proptest::sample::subsequence(vec!['c', 'r', 'u', 'd', 's'], 1..=5);
        let access = prop_oneof![letters.prop_map(|letters| letters.into_iter().collect()), "read|write|\\*"];
        ("patient|user|system", "Patient|Task|\\*", access)
            .prop_map(|(level, kind, access)| format!("{level}/{kind}.{access}"))
    }

    fn scopes() -> impl Strategy<Value = String> {
        proptest::collection::vec(scope(), 0..5).prop_map(|scopes| scopes.join(" "))
    }

    /// Everything that scopes let, for types of which the last is in no scope by name.
    fn everything(scopes: &Scopes) -> Vec<(&'static str, Interaction, Level)> {
        let each =
            ["Patient", "Task", "Condition"].into_iter().flat_map(|kind| Interaction::ALL.map(|one| (kind, one)));
        each.flat_map(|(kind, one)| scopes.levels(kind, one).into_iter().map(move |level| (kind, one, level))).collect()
    }

    proptest! {
        #[test]
        fn no_text_makes_it_stop_and_version_1_words_never_grant_more(text in ".{0,200}") {
            let scopes = Scopes::parse(&text);
            let plain = text.contains('c') || text.contains('*') || text.contains("write");
            prop_assert!(plain || scopes.levels("Patient", Create).is_empty());
        }

        #[test]
        fn what_is_read_is_told_again_word_for_word(text in scopes()) {
            prop_assert_eq!(Scopes::parse(&text).to_string(), text);
        }

        #[test]
        fn within_lets_what_both_let_at_its_levels_and_no_more(
            asked in scopes(),
            known in scopes(),
            levels in proptest::sample::subsequence(Level::ALL.to_vec(), 0..=3),
        ) {
            let (asked, known) = (Scopes::parse(&asked), Scopes::parse(&known));
            let both = asked.within(&known, &levels);
            let known = everything(&known);
            let expected = everything(&asked).into_iter().filter(|one| known.contains(one) && levels.contains(&one.2));
            prop_assert_eq!(everything(&both), expected.collect::<Vec<_>>());
            prop_assert_eq!(everything(&Scopes::parse(&both.to_string())), everything(&both), "as told");
        }

        #[test]
        fn for_reading_lets_read_and_search_as_before_and_nothing_else(text in scopes()) {
            let before = everything(&Scopes::parse(&text)).into_iter().filter(|one| matches!(one.1, Read | Search));
            prop_assert_eq!(everything(&Scopes::parse(&text).for_reading()), before.collect::<Vec<_>>());
        }
    }
}
