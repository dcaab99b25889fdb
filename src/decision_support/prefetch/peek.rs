//! One look at what came under a prefetch key, before the chart is read: types, the client's own failures, and whether a
//! Bundle is all of its answer. Judges no content; what it cannot read it leaves to the chart reader, which counts it.

use super::State;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Bundles within Bundles beyond this depth are not looked into; the chart reader counts them.
const DEEPEST_BUNDLE: usize = 8;

/// What a prefetch holds, over all of its keys. Names are the sender's.
#[derive(Default)]
pub(super) struct Seen {
    pub types: BTreeSet<String>,
    /// Types of Bundles that are not all of their answer.
    pub cut: BTreeSet<String>,
    /// For each of those Bundles, its type where it has one only, and how many resources are missing at least.
    pub not_sent: Vec<(Option<String>, u32)>,
}

/// The little that is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Peek<'a> {
    #[serde(borrow, default)]
    resource_type: Word<'a>,
    /// Of a Bundle.
    #[serde(borrow, default)]
    entry: Option<&'a RawValue>,
    #[serde(borrow, default)]
    link: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total: Option<&'a RawValue>,
    /// Of an OperationOutcome.
    #[serde(borrow, default)]
    issue: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PeekEntry<'a> {
    #[serde(borrow, default)]
    resource: Option<Peek<'a>>,
    #[serde(borrow, default)]
    search: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PeekSearch<'a> {
    #[serde(borrow, default)]
    mode: Word<'a>,
}

#[derive(Deserialize)]
struct PeekLink<'a> {
    #[serde(borrow, default)]
    relation: Word<'a>,
    #[serde(borrow, default)]
    url: Word<'a>,
}

#[derive(Deserialize)]
struct PeekIssue<'a> {
    #[serde(borrow, default)]
    severity: Word<'a>,
}

/// A string, or nothing where something else stands: the chart reader counts what it cannot read, one
/// resource at a time, so a look must not refuse a whole Bundle for one of them.
#[derive(Default)]
struct Word<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        let text = raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        Ok(Self(match text {
            Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
            Some(_) => serde_json::from_str(raw.get()).ok().map(Cow::Owned),
            None => None,
        }))
    }
}

impl Peek<'_> {
    /// Whether it says what it is.
    pub fn is_resource(&self) -> bool {
        self.resource_type.0.is_some()
    }

    /// The state of a value; adds what it holds. `None` for a Bundle whose entries are none.
    pub fn state(&self, seen: &mut Seen, depth: usize) -> Option<State> {
        match self.resource_type.0.as_deref() {
            Some("OperationOutcome") if is_error(&self.issue) || depth == 0 => Some(State::Failed),
            Some("OperationOutcome") => Some(State::Null),
            Some("Bundle") if depth < DEEPEST_BUNDLE => self.bundle_state(seen, depth),
            Some(name) => {
                seen.types.insert(name.to_owned());
                Some(State::Data)
            }
            // The chart reader counts it.
            None => Some(State::Data),
        }
    }

    fn bundle_state(&self, seen: &mut Seen, depth: usize) -> Option<State> {
        let entries: Vec<&RawValue> = match self.entry {
            Some(entries) => serde_json::from_str(entries.get()).ok()?,
            None => Vec::new(),
        };
        let (mut any, mut failed, mut matches) = (false, false, 0);
        let mut inside = Seen::default();
        // An entry that is no entry is the chart reader's to count.
        let entries = entries.iter().filter_map(|raw| serde_json::from_str::<PeekEntry<'_>>(raw.get()).ok());
        for entry in entries {
            matches += u32::from(entry.is_match());
            let Some(resource) = entry.resource else { continue };
            let state = resource.state(&mut inside, depth + 1)?;
            any |= matches!(state, State::Data | State::Partial);
            failed |= matches!(state, State::Failed | State::Partial);
        }
        let missing = self.missing(matches);
        if missing > 0 {
            let only = inside.types.first().filter(|_| inside.types.len() == 1).cloned();
            inside.not_sent.push((only, missing));
            inside.cut.extend(inside.types.iter().cloned());
        }
        seen.add(inside);
        Some(match (any, failed || missing > 0) {
            (true, true) => State::Partial,
            (true, false) => State::Data,
            (false, true) => State::Failed,
            (false, false) => State::Null,
        })
    }

    /// Where a Bundle's next page is, as its sender wrote it.
    pub fn next_page(&self) -> Option<String> {
        if self.resource_type.0.as_deref() != Some("Bundle") {
            return None;
        }
        self.next_link()?.url.0.map(Cow::into_owned)
    }

    fn next_link(&self) -> Option<PeekLink<'_>> {
        let links: Vec<PeekLink<'_>> = serde_json::from_str(self.link?.get()).ok()?;
        links.into_iter().find(|link| link.relation.0.as_deref() == Some("next"))
    }

    /// How many resources of its answer a Bundle leaves out, at least: by its `total`, or one where a page follows.
    fn missing(&self, matches: u32) -> u32 {
        let total = self.total.and_then(|raw| serde_json::from_str::<u32>(raw.get()).ok()).unwrap_or(0);
        total.saturating_sub(matches).max(u32::from(self.next_link().is_some()))
    }
}

impl PeekEntry<'_> {
    /// Whether it counts towards `Bundle.total`: resources that came along and the server's remarks do not.
    fn is_match(&self) -> bool {
        let search = self.search.and_then(|raw| serde_json::from_str::<PeekSearch<'_>>(raw.get()).ok());
        let along = search.is_some_and(|search| matches!(search.mode.0.as_deref(), Some("include" | "outcome")));
        let name = |resource: &Peek<'_>| resource.resource_type.0.as_deref() != Some("OperationOutcome");
        !along && self.resource.as_ref().is_none_or(name)
    }
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.types.extend(other.types);
        self.cut.extend(other.cut);
        self.not_sent.extend(other.not_sent);
    }
}

/// Warnings and information beside matches leave a set complete; what cannot be read as issues does not.
fn is_error(issues: &Option<&RawValue>) -> bool {
    let Some(raw) = issues else { return false };
    match serde_json::from_str::<Vec<PeekIssue<'_>>>(raw.get()) {
        Ok(issues) => issues.iter().any(|issue| matches!(issue.severity.0.as_deref(), Some("error" | "fatal"))),
        Err(_) => true,
    }
}
