//! Answers FHIR reads and searches from a patient's own resources, for the FHIR server and for prefetch alike.
//!
//! Searches by the parameters that templates commonly use. A parameter that it does not know is an error; it never guesses.

use super::chart::{Chart, Resource};
use super::facts::Token;
use super::prefetch::Unfilled;
use jiff::Timestamp;
use jiff::civil::Date;
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
}

/// What a query found.
#[derive(Debug)]
pub enum Found<'a> {
    /// A read; `None` where there is no such resource.
    One(Option<&'a Resource>),
    /// A search.
    Many(Vec<&'a Resource>),
}

/// Whether it may stand as an id in an address.
pub fn is_id(text: &str) -> bool {
    let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    !text.is_empty() && text.len() <= 512 && text != "." && text != ".." && text.chars().all(known)
}

impl Query {
    /// Reads `Type/id` or `Type?name=value`, without percent-encoding.
    pub fn read(text: &str) -> Option<Self> {
        let (path, parameters) = text.split_once('?').map_or((text, None), |(path, rest)| (path, Some(rest)));
        let (resource_type, id) = path.split_once('/').map_or((path, None), |(kind, id)| (kind, Some(id)));
        let named = !resource_type.is_empty() && resource_type.chars().all(|letter| letter.is_ascii_alphabetic());
        if !named || id.is_some() == parameters.is_some() || id.is_some_and(|id| !is_id(id)) {
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
pub fn run<'a>(query: &Query, record: &Record<'a>) -> Result<Found<'a>, Unfilled> {
    match &query.id {
        Some(id) => Ok(Found::One(record.of_type(&query.resource_type).find(|resource| *resource.id == **id))),
        None => search(query, record).map(Found::Many),
    }
}

fn search<'a>(query: &Query, record: &Record<'a>) -> Result<Vec<&'a Resource>, Unfilled> {
    let mut found: Vec<&Resource> = record.of_type(&query.resource_type).collect();
    let (mut count, mut with_medications) = (usize::MAX, false);
    for (name, value) in query.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())) {
        let unknown = || Unfilled::Parameter(name.to_owned());
        let wanted = one_of(value);
        match name {
            "patient" | "subject" => found.retain(|resource| wanted.iter().any(|value| is_about(resource, value))),
            "_id" => found.retain(|resource| wanted.iter().any(|id| *resource.id == **id)),
            "code" => found.retain(|resource| matches_token(&resource.facts.codes, value)),
            "category" => found.retain(|resource| matches_token(&resource.facts.categories, value)),
            "status" | "clinical-status" => {
                let wanted = |status: &str| wanted.iter().any(|one| one.rsplit('|').next() == Some(status));
                found.retain(|resource| resource.facts.status.as_deref().is_some_and(wanted));
            }
            "date" | "authoredon" | "onset-date" | "recorded-date" | "started" => {
                let (after, day) = bound(value).ok_or_else(unknown)?;
                found.retain(|resource| {
                    let start = resource.facts.start.map(|start| start.to_zoned(jiff::tz::TimeZone::UTC).date());
                    start.is_some_and(|start| if after { start >= day } else { start <= day })
                });
            }
            "_sort" => {
                found.sort_by_key(|resource| resource.facts.start);
                if value.starts_with('-') {
                    found.reverse();
                }
            }
            "_count" | "_maxresults" => count = value.parse().map_err(|_| unknown())?,
            "_include" if value.ends_with(":medication") => with_medications = true,
            _ => return Err(unknown()),
        }
    }
    found.truncate(count);
    if with_medications {
        let named: std::collections::HashSet<_> =
            found.iter().filter_map(|resource| resource.facts.medication.clone()).collect();
        let is_named = |one: &&Resource| named.contains(format!("Medication/{}", one.id).as_str());
        found.extend(record.of_type("Medication").filter(is_named));
    }
    Ok(found)
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

/// `ge2020-01-01` and its kin: whether the bound is the earliest or the latest day, and the day.
fn bound(value: &str) -> Option<(bool, Date)> {
    let (prefix, day) = value.split_at_checked(2)?;
    if day.contains(',') {
        return None;
    }
    let day = day.get(..10)?.parse().ok()?;
    match prefix {
        "ge" | "gt" => Some((true, day)),
        "le" | "lt" => Some((false, day)),
        _ => None,
    }
}

fn is_about(resource: &Resource, value: &str) -> bool {
    let id = value.strip_prefix("Patient/").unwrap_or(value);
    resource.facts.subject.as_deref().and_then(|subject| subject.strip_prefix("Patient/")) == Some(id)
}

fn matches_token(tokens: &[Token], value: &str) -> bool {
    value.split(',').any(|wanted| match wanted.split_once('|') {
        Some((system, code)) => tokens.iter().any(|token| *token.system == *system && *token.code == *code),
        None => tokens.iter().any(|token| *token.code == *wanted),
    })
}
