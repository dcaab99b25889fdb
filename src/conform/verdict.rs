//! What is said of each item, and the evidence. An item may be judged many times in a run: one failure fails it,
//! else one success passes it, else it stays unseen with the reason. Evidence is counts, lengths, status codes and
//! words of the protocol, never text of a chart.

use serde::Serialize;
use std::collections::BTreeMap;

/// Different failures kept of one item: enough to see the pattern.
const KEPT: usize = 5;

/// One request that did not get what it should.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Name of the request.
    pub request: String,
    pub expected: String,
    pub seen: String,
}

/// What is said of an item at the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be, so many times.
    Passed { times: usize },
    /// Not as it should be, so many times; the first few that differ are told.
    Failed { times: usize, failures: Vec<Failure> },
    /// Nothing in the run showed it.
    NotSeen { why: String },
    /// Nobody outside can see it.
    InsideOnly { why: String },
}

#[derive(Default)]
struct Finding {
    passes: usize,
    failed: usize,
    failures: Vec<Failure>,
    unseen: Option<String>,
}

/// Everything found in a run, by item.
#[derive(Default)]
pub struct Findings(BTreeMap<&'static str, Finding>);

impl Findings {
    /// Judges one item by one request.
    pub fn judge(&mut self, id: &'static str, request: &str, good: bool, expected: &str, seen: impl Into<String>) {
        let finding = self.0.entry(id).or_default();
        if good {
            finding.passes += 1;
            return;
        }
        finding.failed += 1;
        let (request, expected, seen) = (request.to_owned(), expected.to_owned(), seen.into());
        let known = finding.failures.iter().any(|known| known.expected == expected && known.seen == seen);
        if !known && finding.failures.len() < KEPT {
            finding.failures.push(Failure { request, expected, seen });
        }
    }

    /// Says why an item was not seen, unless something is known of it already.
    pub fn unseen(&mut self, id: &'static str, why: impl Into<String>) {
        self.0.entry(id).or_default().unseen.get_or_insert_with(|| why.into());
    }

    /// The verdict on an item that is judged outside.
    pub fn verdict(&self, id: &str) -> Verdict {
        match self.0.get(id) {
            Some(Finding { failed, failures, .. }) if *failed > 0 => {
                Verdict::Failed { times: *failed, failures: failures.clone() }
            }
            Some(Finding { passes, .. }) if *passes > 0 => Verdict::Passed { times: *passes },
            Some(Finding { unseen: Some(why), .. }) => Verdict::NotSeen { why: why.clone() },
            _ => Verdict::NotSeen { why: "no answer of this run showed it".to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_outweighs_every_success_and_success_outweighs_silence() {
        let mut findings = Findings::default();
        findings.unseen("CH-001", "nothing came");
        assert_eq!(findings.verdict("CH-001"), Verdict::NotSeen { why: "nothing came".into() });
        findings.judge("CH-001", "a", true, "x", "x");
        assert_eq!(findings.verdict("CH-001"), Verdict::Passed { times: 1 });
        for number in 0..18 {
            findings.judge("CH-001", "b", false, "x", format!("y{}", number / 2));
        }
        let Verdict::Failed { times: 18, failures } = findings.verdict("CH-001") else { panic!() };
        let seen: Vec<&str> = failures.iter().map(|failure| &*failure.seen).collect();
        assert_eq!(seen, ["y0", "y1", "y2", "y3", "y4"]);
        assert!(matches!(findings.verdict("CH-002"), Verdict::NotSeen { .. }));
    }
}
