//! What a run found, in the order of the list, and its three faces: a terminal, JSON, JUnit. Refuses to judge anew.

mod machine;
mod page;

pub use machine::{json, junit};
pub use page::terminal;

use super::items::{Item, Level};
use super::verdict::{Findings, Verdict};
use serde::Serialize;

/// A whole run.
#[derive(Serialize)]
pub struct Report {
    /// Base URL of the service.
    pub target: String,
    /// What it offers: id and hook.
    pub services: Vec<String>,
    pub totals: Totals,
    pub items: Vec<Judged>,
}

/// One item and what is said of it.
#[derive(Serialize)]
pub struct Judged {
    #[serde(flatten)]
    pub item: Item,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// How many items got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub passed: usize,
    pub failed: usize,
    /// Of the failed, those that a service must pass.
    pub failed_shall: usize,
    pub not_seen: usize,
    pub inside_only: usize,
}

impl Totals {
    fn of<'a>(judged: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut totals = Self::default();
        for one in judged {
            match &one.verdict {
                Verdict::Passed { .. } => totals.passed += 1,
                Verdict::Failed { .. } => {
                    totals.failed += 1;
                    totals.failed_shall += usize::from(one.item.level == Level::Shall);
                }
                Verdict::NotSeen { .. } => totals.not_seen += 1,
                Verdict::InsideOnly { .. } => totals.inside_only += 1,
            }
        }
        totals
    }
}

impl Report {
    pub(super) fn new(target: &str, services: Vec<String>, list: Vec<Item>, findings: &Findings) -> Self {
        let judge = |item: Item| {
            let verdict = match item.inside.clone() {
                Some(why) => Verdict::InsideOnly { why },
                None => findings.verdict(&item.id),
            };
            Judged { item, verdict }
        };
        let items: Vec<Judged> = list.into_iter().map(judge).collect();
        Self { target: target.to_owned(), services, totals: Totals::of(&items), items }
    }

    /// The verdict on one item.
    pub fn verdict(&self, id: &str) -> Option<&Verdict> {
        self.items.iter().find(|judged| judged.item.id == id).map(|judged| &judged.verdict)
    }

    /// Ids of one level that failed.
    pub fn failed(&self, level: Level) -> Vec<&str> {
        let failed = |judged: &&Judged| judged.item.level == level && matches!(judged.verdict, Verdict::Failed { .. });
        self.items.iter().filter(failed).map(|judged| &*judged.item.id).collect()
    }
}
