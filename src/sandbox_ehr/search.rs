//! Answers a prefetch template from a patient's own resources, as the EHR's FHIR server would.
//!
//! Fills the tokens that a patient-view has, and searches by the parameters that templates commonly use.
//! A token or parameter that it does not know leaves the key out, as a client should; it never guesses.

use super::chart::{Chart, Resource};
use super::facts::Token;
use jiff::civil::Date;

/// Why a key is left out of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    #[error("`{0}` has no value in a patient-view")]
    Token(String),
    #[error("this EHR cannot search by `{0}`")]
    Parameter(String),
    #[error("the template is not a FHIR query")]
    NotAQuery,
}

/// What a template found.
#[derive(Debug)]
pub enum Found<'a> {
    /// A read; `None` where there is no such resource.
    One(Option<&'a Resource>),
    /// A search.
    Many(Vec<&'a Resource>),
}

impl Found<'_> {
    /// How many resources.
    pub fn len(&self) -> usize {
        match self {
            Found::One(one) => usize::from(one.is_some()),
            Found::Many(many) => many.len(),
        }
    }
}

/// The values that tokens stand for.
pub struct Context<'a> {
    pub patient_id: &'a str,
    pub user_id: &'a str,
    pub today: Date,
}

/// The query that a template becomes.
pub fn fill(template: &str, context: &Context) -> Result<String, Unfilled> {
    let mut query = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (token, after) = after.split_once("}}").ok_or(Unfilled::NotAQuery)?;
        query.push_str(before);
        query.push_str(&value_of(token.trim(), context)?);
        rest = after;
    }
    query.push_str(rest);
    Ok(query)
}

fn value_of(token: &str, context: &Context) -> Result<String, Unfilled> {
    let unknown = || Unfilled::Token(token.to_owned());
    match token.trim_start_matches('%') {
        "context.patientId" => Ok(context.patient_id.to_owned()),
        "context.userId" => Ok(context.user_id.to_owned()),
        "userPractitionerId" => context.user_id.strip_prefix("Practitioner/").map(str::to_owned).ok_or_else(unknown),
        other => {
            let shift: String = other.strip_prefix("today()").ok_or_else(unknown)?.split_whitespace().collect();
            let days = shift.trim_end_matches("days").trim_end_matches("day");
            let days: i64 = if days.is_empty() { 0 } else { days.parse().map_err(|_| unknown())? };
            let day = context
                .today
                .checked_add(jiff::Span::new().try_days(days).map_err(|_| unknown())?)
                .map_err(|_| unknown())?;
            Ok(day.to_string())
        }
    }
}

/// Runs a filled query on one chart.
pub fn run<'a>(query: &str, chart: &'a Chart) -> Result<Found<'a>, Unfilled> {
    match query.split_once('?') {
        None => {
            let (resource_type, id) = query.split_once('/').ok_or(Unfilled::NotAQuery)?;
            Ok(Found::One(chart.of_type_named(resource_type).find(|resource| &*resource.id == id)))
        }
        Some((resource_type, parameters)) => search(resource_type, parameters, chart).map(Found::Many),
    }
}

fn search<'a>(resource_type: &str, parameters: &str, chart: &'a Chart) -> Result<Vec<&'a Resource>, Unfilled> {
    let mut found: Vec<&Resource> = chart.of_type_named(resource_type).collect();
    let (mut count, mut with_medications) = (usize::MAX, false);
    for (name, value) in parameters.split('&').filter_map(|pair| pair.split_once('=')) {
        let unknown = || Unfilled::Parameter(name.to_owned());
        match name {
            "patient" | "subject" => found.retain(|resource| is_about(resource, value)),
            "_id" => found.retain(|resource| value.split(',').any(|id| *resource.id == *id)),
            "code" => found.retain(|resource| matches_token(&resource.facts.codes, value)),
            "category" => found.retain(|resource| matches_token(&resource.facts.categories, value)),
            "status" | "clinical-status" => {
                let wanted = |status: &str| value.split(',').any(|one| one.rsplit('|').next() == Some(status));
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
        found.extend(chart.of_type("Medication").filter(is_named));
    }
    Ok(found)
}

/// `ge2020-01-01` and its kin: whether the bound is the earliest or the latest day, and the day.
fn bound(value: &str) -> Option<(bool, Date)> {
    let (prefix, day) = value.split_at_checked(2)?;
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

impl Chart {
    fn of_type_named(&self, resource_type: &str) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| *resource.resource_type == *resource_type)
    }
}
