//! Fills a service's prefetch templates from a record, as this EHR's FHIR server would answer them, and says of each key
//! what became of it: data, nothing, a refusal, or left out.
//!
//! Gives no more than the user may see, and never another service's keys.

mod path;
mod scope;
mod template;

pub use scope::Scope;

use super::search::{Found, Matches, Query, Record, run};
use super::searchset::{LARGEST_PAGE, Link, Searchset};
use super::twin::{EmptySearch, FhirFault, Switches};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// One prefetch key and what became of its template.
#[derive(Clone, Debug)]
pub struct Filled {
    pub key: String,
    /// The query that was run, or the template where it became none.
    pub query: String,
    pub said: Said,
}

/// What a key is answered with.
#[derive(Clone, Debug)]
pub enum Said {
    Value {
        value: Box<RawValue>,
        found: usize,
    },
    /// Asked and answered: there is nothing.
    Null,
    /// An OperationOutcome.
    Failed {
        outcome: Box<RawValue>,
        why: String,
    },
    /// Not sent, and why.
    LeftOut(String),
}

/// Whose data, and how the EHR is to behave.
pub struct Filling<'a> {
    pub context: &'a Value,
    pub record: Record<'a>,
    pub server: &'a str,
    pub today: jiff::civil::Date,
    pub switches: &'a Switches,
    pub fault: Option<&'a FhirFault>,
}

/// Fills every template, in the order of the discovery document.
pub fn fill(templates: &[(String, String)], filling: &Filling) -> Vec<Filled> {
    let mut scope = Scope {
        context: filling.context,
        user: filling.context["userId"].as_str(),
        today: filling.today,
        record: filling.record,
        server: filling.server,
        earlier: Vec::new(),
        keys: templates.iter().map(|(key, _)| key.clone()).collect(),
    };
    let leaves_out = filling.switches.unresolved_left_out;
    for (key, template) in templates {
        let (query, said) = match template::fill(template, &scope) {
            Ok(Some(query)) => {
                let query = if filling.switches.joins_repeated_parameters { query.joined() } else { query };
                let said = match filling.answer(&query) {
                    Said::Null if leaves_out && query.id.is_some() => Said::LeftOut("there is no such resource".into()),
                    Said::Failed { why, .. } if leaves_out => Said::LeftOut(why),
                    said => said,
                };
                (query.to_string(), said)
            }
            Ok(None) if leaves_out => (template.clone(), Said::LeftOut("no value".into())),
            Ok(None) => (template.clone(), Said::Null),
            Err(why) => (template.clone(), Said::LeftOut(why.to_string())),
        };
        scope.earlier.push(Filled { key: key.clone(), query, said });
    }
    scope.earlier
}

impl Filling<'_> {
    /// What the FHIR server says to a query.
    fn answer(&self, query: &Query) -> Said {
        match self.fault {
            Some(FhirFault::Failing { status }) => {
                return failed("exception", &format!("the FHIR server answers {status}"));
            }
            Some(FhirFault::HalfOpen) => return Said::LeftOut("the FHIR server does not answer".into()),
            Some(FhirFault::Slow { .. }) => {
                return Said::LeftOut("the FHIR server is too slow to be waited for".into());
            }
            None => {}
        }
        if self.switches.forbidden_types.contains(&query.resource_type) {
            return failed("forbidden", "the user may not see this type of resource");
        }
        match run(query, &self.record) {
            Ok(Found::One(None)) => Said::Null,
            Ok(Found::One(Some(one))) => self.value(&one.body, 1),
            Ok(Found::Many(matches)) if matches.all.is_empty() => self.nothing(query, &matches),
            Ok(Found::Many(matches)) => self.value(&self.searchset(query, &matches), matches.all.len()),
            Err(why) => Said::LeftOut(why.to_string()),
        }
    }

    fn forbids(&self, resource_type: &str) -> bool {
        self.switches.forbidden_types.iter().any(|forbidden| forbidden == resource_type)
    }

    fn nothing(&self, query: &Query, none: &Matches) -> Said {
        match self.switches.empty_search {
            EmptySearch::Bundle => self.value(&self.searchset(query, none), 0),
            EmptySearch::Null => Said::Null,
            EmptySearch::Outcome => {
                let issue =
                    json!({"severity": "warning", "code": "processing", "details": {"text": "nothing was found"}});
                let outcome = json!({"resourceType": "OperationOutcome", "issue": [issue]});
                let entry = json!({"resource": outcome, "search": {"mode": "outcome"}});
                let bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": 0,
                    "link": [{"relation": "self", "url": format!("{}/{query}", self.server)}], "entry": [entry]});
                self.value(&bundle, 0)
            }
        }
    }

    /// The whole answer, or its first page where this EHR pages or the template says how many a page has.
    fn searchset<'a>(&'a self, query: &Query, found: &Matches<'a>) -> Searchset<'a> {
        let total = found.all.len();
        let mut links = vec![Link { relation: "self", url: format!("{}/{query}", self.server) }];
        let mut count = found.count.or(self.switches.page_size).unwrap_or(total).min(total);
        if count < total {
            // The pages that follow are the FHIR server's.
            count = count.min(LARGEST_PAGE);
        }
        if (1..total).contains(&count) {
            let way = if self.switches.getpages { Link::opaque } else { Link::to };
            links.push(way("next", self.server, &query.unpaged().to_string(), (1, count)));
        }
        let page = found.all.get(..count).unwrap_or_default();
        let along = match found.with_medications && !self.forbids("Medication") {
            true => self.record.medications_of(page),
            false => Vec::new(),
        };
        Searchset::new(self.server, total, page, &along, links)
    }

    fn value<T: Serialize>(&self, value: &T, found: usize) -> Said {
        let written = match self.switches.reshapes() {
            false => serde_json::value::to_raw_value(value),
            true => serde_json::to_value(value).and_then(|mut value| {
                self.switches.reshape(&mut value, self.server);
                serde_json::value::to_raw_value(&value)
            }),
        };
        match written {
            Ok(value) => Said::Value { value, found },
            Err(why) => Said::LeftOut(why.to_string()),
        }
    }
}

fn failed(code: &str, why: &str) -> Said {
    let issue = json!({"severity": "error", "code": code, "details": {"text": why}});
    match serde_json::value::to_raw_value(&json!({"resourceType": "OperationOutcome", "issue": [issue]})) {
        Ok(outcome) => Said::Failed { outcome, why: why.to_owned() },
        Err(_) => Said::LeftOut(why.to_owned()),
    }
}

impl Said {
    /// As a person reads it.
    pub fn in_words(&self) -> String {
        match self {
            Self::Value { found, .. } => found.to_string(),
            Self::Null => "0".to_owned(),
            Self::Failed { why, .. } => format!("OperationOutcome: {why}"),
            Self::LeftOut(why) => format!("left out: {why}"),
        }
    }
}

/// The `prefetch` member of a request.
pub fn as_object<S: Serializer>(prefetch: &[Filled], serializer: S) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(None)?;
    for filled in prefetch {
        match &filled.said {
            Said::Value { value, .. } | Said::Failed { outcome: value, .. } => {
                object.serialize_entry(&filled.key, value)?;
            }
            Said::Null => object.serialize_entry(&filled.key, &())?,
            Said::LeftOut(_) => {}
        }
    }
    object.end()
}

#[cfg(test)]
mod tests;
