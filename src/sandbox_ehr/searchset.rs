//! A search's answer as R4 writes it: a searchset Bundle, the same for a page of the FHIR server and for a prefetch value.
//! Each entry says where its resource is and why it is there. Resources keep their own text.

use super::chart::Resource;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::value::RawValue;

/// The most matches of a page.
pub const LARGEST_PAGE: usize = 100;
/// What names the search in an opaque link, as HAPI FHIR calls it.
pub const OPAQUE: &str = "_getpages";

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

impl Link {
    /// The way to a page of a search, `Type?name=value` without paging; `server` is a base without a final slash.
    pub fn to(relation: &'static str, server: &str, search: &str, (before, count): (usize, usize)) -> Self {
        let between = if search.ends_with('?') { "" } else { "&" };
        Self { relation, url: format!("{server}/{search}{between}_count={count}&_page={before}") }
    }

    /// The same as some servers write it: at the base, and opaque.
    pub fn opaque(relation: &'static str, server: &str, search: &str, (before, count): (usize, usize)) -> Self {
        let name = URL_SAFE_NO_PAD.encode(search);
        Self { relation, url: format!("{server}?{OPAQUE}={name}&_count={count}&_page={before}") }
    }
}

/// The search that an opaque link stands for.
pub fn meant_by(name: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(name).ok()?).ok()
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
    /// A page of what a search found at a server, whose base has no final slash: some of `total` matches, and what came
    /// along with them.
    pub fn new(server: &str, total: usize, page: &[&'a Resource], included: &[&'a Resource], link: Vec<Link>) -> Self {
        let entry = |mode: &'static str| {
            move |one: &&'a Resource| Entry {
                full_url: format!("{server}/{}/{}", one.resource_type, one.id),
                resource: &one.body,
                search: Search { mode },
            }
        };
        let entry = page.iter().map(entry("match")).chain(included.iter().map(entry("include"))).collect();
        Self { resource_type: "Bundle", r#type: "searchset", total, link, entry }
    }
}
