//! A search's answer as R4 writes it: a searchset Bundle, the same for a page of the FHIR server and for a prefetch value.
//! Each entry says where its resource is and why it is there. Resources keep their own text.

use super::chart::Resource;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Searchset<'a> {
    resource_type: &'static str,
    r#type: &'static str,
    /// Resources that match, on all pages.
    total: usize,
    link: Vec<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entry: Vec<Entry<'a>>,
}

/// The way to a page.
#[derive(Serialize)]
pub struct Link {
    pub relation: &'static str,
    pub url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    full_url: String,
    resource: &'a RawValue,
    search: Search,
}

#[derive(Serialize)]
struct Search {
    mode: &'static str,
}

impl<'a> Searchset<'a> {
    /// A page of what a search for a type found at a server, whose base has no final slash. Of other types is what came
    /// along. `page`: how many are on the pages before, and how many on one.
    pub fn new(
        server: &str,
        resource_type: &str,
        found: &[&'a Resource],
        (before, count): (usize, usize),
        link: Vec<Link>,
    ) -> Self {
        let matches = |one: &Resource| *one.resource_type == *resource_type;
        let entry = |one: &&'a Resource| Entry {
            full_url: format!("{server}/{}/{}", one.resource_type, one.id),
            resource: &one.body,
            search: Search { mode: if matches(one) { "match" } else { "include" } },
        };
        Self {
            resource_type: "Bundle",
            r#type: "searchset",
            total: found.iter().filter(|one| matches(one)).count(),
            link,
            entry: found.iter().skip(before).take(count).map(entry).collect(),
        }
    }
}
