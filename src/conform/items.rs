//! The list of what CDS Hooks asks of a service, read from `items.toml`. Refuses to judge: it only says what there
//! is to judge, and which check does so.

use serde::{Deserialize, Serialize};

const LIST: &str = include_str!("items.toml");

/// How binding an item is (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    #[serde(rename = "SHALL")]
    Shall,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "MAY")]
    May,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shall => "SHALL",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// One thing that is asked of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// `CH-001`
    pub id: String,
    pub level: Level,
    pub area: String,
    pub requirement: String,
    /// Heading in the specification, and the basis where that is not its normative text.
    pub reference: String,
    /// Name of the check that judges it.
    pub outside: Option<String>,
    /// Why it cannot be judged from outside.
    pub inside: Option<String>,
    /// Tests of our own server that hold it, such as `it::web::discovery::NAME`, beside those that have its id in
    /// their names.
    #[serde(default, skip_serializing)]
    pub tests: Vec<String>,
    /// Why our own server gives nothing to judge.
    #[serde(skip_serializing)]
    pub absent: Option<String>,
    /// Why our own server does otherwise; a SHALL has none.
    #[serde(skip_serializing)]
    pub unmet: Option<String>,
}

#[derive(Deserialize)]
struct List {
    item: Vec<Item>,
}

/// Every item, in order of the ids.
///
/// # Errors
/// A list that is no TOML of this shape; a test reads the one that is compiled in.
pub fn items() -> Result<Vec<Item>, toml::de::Error> {
    toml::from_str::<List>(LIST).map(|list| list.item)
}

/// Areas in the order in which the list names them first.
pub fn areas(items: &[Item]) -> Vec<&str> {
    let mut areas: Vec<&str> = Vec::new();
    for item in items {
        if !areas.contains(&&*item.area) {
            areas.push(&item.area);
        }
    }
    areas
}

/// The list as a Markdown table: `docs/reference/conformance.md`.
pub fn markdown(items: &[Item]) -> String {
    let seen = items.iter().filter(|item| item.outside.is_some()).count();
    let mut page = format!(
        "# What `prodrome conform` judges\n\nMade by `prodrome conform --list --markdown`; do not edit. {} items, {seen} \
         of them judged from outside. How a run works: `docs/guides/conform.md`.\n",
        items.len()
    );
    for area in areas(items) {
        page +=
            &format!("\n## {area}\n\n| id | level | requirement | specification | judged |\n|---|---|---|---|---|\n");
        for item in items.iter().filter(|item| item.area == area) {
            let judged = match (&item.outside, &item.inside) {
                (Some(check), _) => format!("outside: {check}"),
                (None, inside) => format!("inside: {}", inside.as_deref().unwrap_or_default()),
            };
            let (id, level) = (&item.id, item.level.as_str());
            page += &format!("| {id} | {level} | {} | {} | {judged} |\n", item.requirement, item.reference);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_of_the_163_ids_stands_in_the_list_once_and_in_order() {
        let items = items().expect("the list");
        let ids: Vec<&str> = items.iter().map(|item| &*item.id).collect();
        assert_eq!(ids.len(), 163);
        assert!(ids.is_sorted() && ids.iter().collect::<BTreeSet<_>>().len() == 163);
        assert!(ids.iter().all(|id| id.len() == 6 && id.starts_with("CH-")));
    }

    #[test]
    fn an_item_is_judged_outside_or_said_to_be_inside_never_both() {
        for item in items().expect("the list") {
            assert!(item.outside.is_some() != item.inside.is_some(), "{}", item.id);
            assert!(!item.requirement.contains('|') && item.requirement.ends_with('.'), "{}", item.id);
        }
    }
}
