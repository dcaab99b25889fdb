//! What a path can see while one service's templates are filled: the context, the user, the day, what earlier keys gave,
//! and the record that references lead into.

use super::super::search::{Found, Query, Record, run};
use super::path::Unfilled;
use super::{Filled, Said};
use jiff::civil::Date;
use serde_json::{Value, json};
use std::rc::Rc;

/// The surroundings of one evaluation.
pub struct Scope<'a> {
    pub context: &'a Value,
    /// `Practitioner/x`, where the hook has a user.
    pub user: Option<&'a str>,
    pub today: Date,
    pub record: Record<'a>,
    /// Base address of the FHIR server, without a final slash.
    pub server: &'a str,
    /// Keys before this one, filled.
    pub earlier: Vec<Filled>,
    /// Every key of the service.
    pub keys: Vec<String>,
}

/// A value on the way, and the resource that it is in.
#[derive(Clone, Debug)]
pub struct Item {
    pub value: Value,
    inside: Rc<Value>,
}

impl Item {
    pub fn of(value: Value) -> Self {
        let inside = Rc::new(if value["resourceType"].is_string() { value.clone() } else { Value::Null });
        Self { value, inside }
    }

    /// The member of this name, lists taken apart; `medication` finds `medicationReference` too.
    pub fn members(&self, name: &str) -> Vec<Self> {
        let Some(object) = self.value.as_object() else { return Vec::new() };
        let choice = |key: &&String| {
            key.strip_prefix(name).is_some_and(|kind| kind.starts_with(|first: char| first.is_ascii_uppercase()))
        };
        let found = object.get(name).or_else(|| object.keys().find(choice).and_then(|key| object.get(key)));
        let within = |value: &Value| {
            let inside = if value["resourceType"].is_string() { Rc::new(value.clone()) } else { self.inside.clone() };
            Self { value: value.clone(), inside }
        };
        match found {
            Some(Value::Array(values)) => values.iter().map(within).collect(),
            Some(value) => vec![within(value)],
            None => Vec::new(),
        }
    }
}

impl Scope<'_> {
    pub fn day_after(&self, days: i64) -> Option<Date> {
        self.today.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
    }

    /// What an earlier key gave; nothing where it is null.
    pub fn result(&self, key: &str) -> Result<Option<Value>, Unfilled> {
        let Some(filled) = self.earlier.iter().find(|filled| filled.key == key) else {
            let known = self.keys.iter().any(|known| known == key);
            return Err(if known { Unfilled::Order(key.to_owned()) } else { Unfilled::NoKey(key.to_owned()) });
        };
        match &filled.said {
            Said::Value { value, .. } => Ok(serde_json::from_str(value.get()).ok()),
            Said::Null => Ok(None),
            Said::Failed { .. } | Said::LeftOut(_) => Err(Unfilled::Dependency(key.to_owned())),
        }
    }

    /// The resource that a reference leads to. Looked for in the resource itself, in the context, among earlier results and
    /// in the record; where it is in none, its type and id are all that is known.
    pub fn resolve(&self, item: &Item) -> Option<Item> {
        let reference = item.value.as_str().or_else(|| item.value["reference"].as_str())?;
        if let Some(id) = reference.strip_prefix('#') {
            let contained = item.inside["contained"].as_array()?;
            return contained.iter().find(|one| one["id"] == *id).cloned().map(Item::of);
        }
        let own = reference.strip_prefix(self.server).and_then(|rest| rest.strip_prefix('/')).unwrap_or(reference);
        let given = within(self.context, own).cloned().or_else(|| {
            let mut earlier = self.earlier.iter().filter_map(|filled| self.result(&filled.key).ok().flatten());
            earlier.find_map(|value| within(&value, own).cloned())
        });
        given.or_else(|| self.recorded(own)).map(Item::of)
    }

    fn recorded(&self, reference: &str) -> Option<Value> {
        let query = Query::read(reference)?;
        let id = query.id.as_deref()?;
        match run(&query, &self.record) {
            Ok(Found::One(Some(resource))) => serde_json::from_str(resource.body.get()).ok(),
            _ => Some(json!({"resourceType": query.resource_type, "id": id})),
        }
    }
}

/// The resource of this reference or full address, anywhere in a value.
fn within<'a>(value: &'a Value, reference: &str) -> Option<&'a Value> {
    match value {
        Value::Array(values) => values.iter().find_map(|value| within(value, reference)),
        Value::Object(members) => {
            let (kind, id) = (value["resourceType"].as_str(), value["id"].as_str());
            if kind.zip(id).is_some_and(|(kind, id)| reference.split_once('/') == Some((kind, id))) {
                return Some(value);
            }
            if members.get("fullUrl").is_some_and(|url| *url == *reference) {
                return members.get("resource");
            }
            members.values().find_map(|value| within(value, reference))
        }
        _ => None,
    }
}
