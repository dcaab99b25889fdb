//! Answers FHIR reads and searches from a patient's own resources, for the FHIR server and for prefetch alike.
//!
//! A parameter that it does not know, or a value that says nothing to it, is an error that says what is possible; it never
//! guesses.

mod dates;
mod parameters;

pub use parameters::{include_of, of_type, types};

use super::chart::{Chart, Resource};
use jiff::Timestamp;
use parameters::{Criterion, Key};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A read or a search, taken apart. Values are as they are meant, not percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub resource_type: String,
    /// Of a read.
    pub id: Option<String>,
    pub parameters: Vec<(String, String)>,
}

/// What may be found: a chart, and what is not in its file, such as orders signed since and the staff.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub chart: &'a Chart,
    pub beside: &'a [Arc<Resource>],
    /// What is dated after this moment is not found.
    pub until: Option<Timestamp>,
}

impl<'a> Record<'a> {
    /// The resources of one type.
    pub fn of_type<'b>(&self, resource_type: &'b str) -> impl Iterator<Item = &'a Resource> + use<'a, 'b> {
        let all = self.chart.resources.iter().chain(self.beside.iter().map(|one| &**one));
        let until = self.until;
        let was_there = move |one: &Resource| until.is_none_or(|end| one.facts.start.is_none_or(|start| start <= end));
        all.filter(move |resource| *resource.resource_type == *resource_type && was_there(resource))
    }

    /// The medications that these resources name.
    pub fn medications_of(&self, resources: &[&Resource]) -> Vec<&'a Resource> {
        let named: HashSet<&str> = resources.iter().filter_map(|one| one.facts.medication.as_deref()).collect();
        let ids: HashSet<&str> = named.into_iter().filter_map(|one| one.strip_prefix("Medication/")).collect();
        self.of_type("Medication").filter(|one| ids.contains(&*one.id)).collect()
    }
}

/// What a query found.
#[derive(Debug)]
pub enum Found<'a> {
    /// A read; `None` where there is no such resource.
    One(Option<&'a Resource>),
    Many(Matches<'a>),
}

/// What a search found, all pages of it.
#[derive(Debug)]
pub struct Matches<'a> {
    /// In their order.
    pub all: Vec<&'a Resource>,
    /// Of a page, where the search says; 0: how many there are is all that is asked for.
    pub count: Option<usize>,
    /// Each page brings the medications that it names ([`Record::medications_of`]).
    pub with_medications: bool,
}

/// Why a search cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsearchable {
    #[error("{resource_type} cannot be searched by {name} here; its parameters are {possible}")]
    Parameter { resource_type: String, name: String, possible: String },
    #[error("`{name}` takes {takes}")]
    Value { name: String, takes: String },
}

impl Unsearchable {
    fn parameter(resource_type: &str, name: &str) -> Self {
        // What is no name of a parameter is not repeated.
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
        let named = (1..=64).contains(&name.len()) && name.chars().all(plain);
        let own = of_type(resource_type).iter().map(|(known, _)| *known);
        let include = include_of(resource_type).map(|_| "_include");
        let possible = own.chain(["_sort", "_count", "_maxresults"]).chain(include);
        Self::Parameter {
            resource_type: resource_type.to_owned(),
            name: if named { format!("`{name}`") } else { "one of the parameters".to_owned() },
            possible: possible.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        }
    }

    /// `takes`: what a value would have to be.
    pub fn value(name: &str, takes: &str) -> Self {
        Self::Value { name: name.to_owned(), takes: takes.to_owned() }
    }
}

/// Whether it may stand as an id in an address.
pub fn is_id(text: &str) -> bool {
    let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    !text.is_empty() && text.len() <= 512 && text != "." && text != ".." && text.chars().all(known)
}

/// Whether it may be the name of a type.
pub fn is_type(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|letter| letter.is_ascii_alphabetic())
}

impl Query {
    /// A search; `None` where it is for no type.
    pub fn search(resource_type: &str, parameters: Vec<(String, String)>) -> Option<Self> {
        is_type(resource_type).then(|| Self { resource_type: resource_type.to_owned(), id: None, parameters })
    }

    /// Reads `Type/id` or `Type?name=value`, without percent-encoding.
    pub fn read(text: &str) -> Option<Self> {
        let (path, parameters) = text.split_once('?').map_or((text, None), |(path, rest)| (path, Some(rest)));
        let (resource_type, id) = path.split_once('/').map_or((path, None), |(kind, id)| (kind, Some(id)));
        if !is_type(resource_type) || id.is_some() == parameters.is_some() || id.is_some_and(|id| !is_id(id)) {
            return None;
        }
        let pairs = parameters.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let parameters = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { resource_type: resource_type.to_owned(), id: id.map(str::to_owned), parameters })
    }

    /// The same with the values of a repeated parameter in one list, as the public sandbox asks.
    pub fn joined(mut self) -> Self {
        let mut joined: Vec<(String, String)> = Vec::new();
        for (name, value) in self.parameters {
            match joined.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => *values = format!("{values},{value}"),
                None => joined.push((name, value)),
            }
        }
        self.parameters = joined;
        self
    }

    /// The same without the size of its pages.
    pub fn unpaged(&self) -> Self {
        let mut unpaged = self.clone();
        unpaged.parameters.retain(|(name, _)| name != "_count");
        unpaged
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource_type)?;
        if let Some(id) = &self.id {
            return write!(f, "/{id}");
        }
        for (place, (name, value)) in self.parameters.iter().enumerate() {
            write!(f, "{}{name}=", if place == 0 { '?' } else { '&' })?;
            for byte in value.bytes() {
                match byte {
                    b'-' | b'.' | b'_' | b'~' | b',' | b'|' | b':' | b'/' => write!(f, "{}", byte as char)?,
                    byte if byte.is_ascii_alphanumeric() => write!(f, "{}", byte as char)?,
                    byte => write!(f, "%{byte:02X}")?,
                }
            }
        }
        Ok(())
    }
}

/// Runs a query on one record.
///
/// # Errors
/// A search by what cannot be searched by.
pub fn run<'a>(query: &Query, record: &Record<'a>) -> Result<Found<'a>, Unsearchable> {
    match &query.id {
        Some(id) => Ok(Found::One(record.of_type(&query.resource_type).find(|resource| *resource.id == **id))),
        None => search(query, &[*record]).map(Found::Many),
    }
}

/// Searches several records as one.
///
/// # Errors
/// A search by what cannot be searched by.
pub fn search<'a>(query: &Query, records: &[Record<'a>]) -> Result<Matches<'a>, Unsearchable> {
    let resource_type = query.resource_type.as_str();
    let mut all: Vec<&Resource> = records.iter().flat_map(|record| record.of_type(resource_type)).collect();
    let (mut count, mut most, mut order, mut with_medications) = (None, usize::MAX, Vec::new(), false);
    for (name, value) in query.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())) {
        match (name, include_of(resource_type)) {
            ("_sort", _) => order = parameters::order(resource_type, value)?,
            ("_count", _) => count = Some(number(name, value)?),
            ("_maxresults", _) => most = number(name, value)?,
            ("_include", Some(possible)) => {
                let wanted = value.strip_suffix(":Medication").unwrap_or(value);
                with_medications = wanted == possible;
                if !with_medications {
                    return Err(Unsearchable::value(name, &format!("`{possible}`")));
                }
            }
            _ => {
                let criterion = Criterion::read(resource_type, name, value)?;
                all.retain(|resource| criterion.holds(resource));
            }
        }
    }
    all.sort_by(|one, other| compared(&order, one, other));
    all.truncate(most);
    Ok(Matches { all, count, with_medications })
}

/// A whole number, as of `_count`.
///
/// # Errors
/// What is none.
pub fn number(name: &str, value: &str) -> Result<usize, Unsearchable> {
    value.parse().map_err(|_| Unsearchable::value(name, "a whole number, 0 or more"))
}

fn compared(order: &[(Key, bool)], one: &Resource, other: &Resource) -> Ordering {
    let by = |(key, falls): &(Key, bool)| {
        let rising = match key {
            Key::Id => one.id.cmp(&other.id),
            Key::Date => one.facts.start.cmp(&other.facts.start),
            Key::Recorded => one.facts.recorded.cmp(&other.facts.recorded),
        };
        if *falls { rising.reverse() } else { rising }
    };
    order.iter().map(by).find(|found| found.is_ne()).unwrap_or(Ordering::Equal)
}

/// The values of a list; `\,` is a comma within one.
fn one_of(list: &str) -> Vec<String> {
    let (mut values, mut letters) = (vec![String::new()], list.chars());
    while let Some(letter) = letters.next() {
        match (letter, values.last_mut()) {
            (',', _) => values.push(String::new()),
            ('\\', Some(last)) => last.extend(letters.next()),
            (letter, Some(last)) => last.push(letter),
            (_, None) => {}
        }
    }
    values
}
