//! What may stand between `{{` and `}}` (CDS Hooks, "Prefetch tokens" and the FHIRPath subset of 3.0): a path from the
//! context, from an earlier key (`%key`) or from the user, `today()` with days added, and unions of paths.
//!
//! Reads names, `ofType(…)`, `resolve()` and `extension(…)`; anything else is an error of the template, never guessed.

use super::scope::{Item, Scope};
use serde_json::Value;

/// Why a token or template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    #[error("`{0}` is no token that this EHR understands")]
    Token(String),
    #[error("`%{0}` is listed after this key, or depends on it: a key may only use keys before it")]
    Order(String),
    #[error("`%{0}` is no key of this service")]
    NoKey(String),
    #[error("`%{0}` could not be filled, so this key cannot either")]
    Dependency(String),
    #[error("`{0}` is a structure, not a value")]
    Structure(String),
    #[error("what `{0}` stands for cannot be part of a path")]
    NotAnId(String),
    #[error("the template is not a FHIR query")]
    NotAQuery,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    Context,
    Key(String),
    /// The user's id, if the user is of this type.
    User(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    OfType(String),
    Resolve,
    Extension(String),
}

/// A token, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// `today()` and so many days.
    Today(i64),
    Paths(Vec<Path>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    root: Root,
    steps: Vec<Step>,
}

impl Expression {
    /// Reads what stands between the braces.
    pub fn parse(token: &str) -> Result<Self, Unfilled> {
        let unknown = || Unfilled::Token(token.to_owned());
        if let Some(shift) = token.trim_start_matches('%').strip_prefix("today()") {
            let shift: String = shift.split_whitespace().collect();
            let days = shift.strip_suffix("days").or_else(|| shift.strip_suffix("day")).unwrap_or(&shift);
            return match days.strip_prefix('+').unwrap_or(days) {
                "" => Ok(Self::Today(0)),
                days => days.parse().map(Self::Today).map_err(|_| unknown()),
            };
        }
        let paths = outside_quotes(token, '|').into_iter().map(|path| Path::parse(path.trim()));
        let paths: Option<Vec<Path>> = paths.collect();
        paths.map(Self::Paths).ok_or_else(unknown)
    }

    /// The values that it stands for now; none where there is nothing.
    pub fn values(&self, scope: &Scope) -> Result<Vec<String>, Unfilled> {
        let paths = match self {
            Self::Today(days) => return Ok(vec![scope.day_after(*days).ok_or(Unfilled::NotAQuery)?.to_string()]),
            Self::Paths(paths) => paths,
        };
        let mut values: Vec<String> = Vec::new();
        for path in paths {
            for item in path.items(scope)? {
                let value = match &item.value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    Value::Bool(truth) => truth.to_string(),
                    _ => return Err(Unfilled::Structure(path.text.clone())),
                };
                if !value.is_empty() && !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        Ok(values)
    }
}

impl Path {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = outside_quotes(text, '.').into_iter();
        let root = match parts.next()?.trim() {
            "context" | "%context" => Root::Context,
            "userPractitionerId" | "%userPractitionerId" => Root::User("Practitioner"),
            "userPractitionerRoleId" | "%userPractitionerRoleId" => Root::User("PractitionerRole"),
            "userPatientId" | "%userPatientId" => Root::User("Patient"),
            "userRelatedPersonId" | "%userRelatedPersonId" => Root::User("RelatedPerson"),
            key => Root::Key(key.strip_prefix('%')?.trim_matches('`').to_owned()),
        };
        let steps = parts.map(|part| Step::parse(part.trim())).collect::<Option<Vec<_>>>()?;
        // The whole context, or the whole result of a key, is no value.
        let whole = steps.is_empty() && !matches!(root, Root::User(_));
        (!whole).then(|| Self { text: text.to_owned(), root, steps })
    }

    fn items(&self, scope: &Scope) -> Result<Vec<Item>, Unfilled> {
        let mut items = match &self.root {
            Root::Context => vec![Item::of(scope.context.clone())],
            Root::Key(key) => scope.result(key)?.into_iter().map(Item::of).collect(),
            Root::User(kind) => {
                let id = scope.user.and_then(|user| user.strip_prefix(kind)?.strip_prefix('/'));
                id.map(|id| Item::of(Value::String(id.to_owned()))).into_iter().collect()
            }
        };
        for step in &self.steps {
            items = items.iter().flat_map(|item| step.taken(item, scope)).collect();
        }
        Ok(items)
    }
}

impl Step {
    fn parse(text: &str) -> Option<Self> {
        let Some((name, argument)) = text.split_once('(') else {
            let plain = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
            return plain.then(|| Self::Member(text.to_owned()));
        };
        let argument = argument.strip_suffix(')')?.trim();
        match name {
            "resolve" if argument.is_empty() => Some(Self::Resolve),
            "ofType" if argument.starts_with(|first: char| first.is_ascii_uppercase()) => {
                Some(Self::OfType(argument.to_owned()))
            }
            "extension" => {
                let url = argument.strip_prefix(['\'', '"'])?.strip_suffix(['\'', '"'])?;
                Some(Self::Extension(url.to_owned()))
            }
            _ => None,
        }
    }

    fn taken(&self, item: &Item, scope: &Scope) -> Vec<Item> {
        match self {
            Self::Member(name) => item.members(name),
            Self::OfType(kind) => {
                Some(item).filter(|item| item.value["resourceType"] == **kind).cloned().into_iter().collect()
            }
            Self::Resolve => scope.resolve(item).into_iter().collect(),
            Self::Extension(url) => {
                item.members("extension").into_iter().filter(|one| one.value["url"] == **url).collect()
            }
        }
    }
}

/// Parts between separators that stand in no quotes and no parentheses.
fn outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quote, mut depth) = (Vec::new(), 0, None, 0_u32);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '`' | '\'' | '"') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if letter == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_of_the_subset_is_refused() {
        for token in [
            "",
            "context",
            "context.",
            "patientId",
            "context.patientId.where(true)",
            "context.a + 1",
            "today() - 3 months",
            "today() - 99999999999999999999 days",
            "%key",
            "context.a.ofType(string)",
            "context.a[0]",
        ] {
            assert!(matches!(Expression::parse(token), Err(Unfilled::Token(_))), "{token}");
        }
        for token in ["%context.encounterId", " context.a | %`b-c`.id", "context.a.extension('http://x.y/z').valueCode"]
        {
            assert!(Expression::parse(token).is_ok(), "{token}");
        }
    }
}
