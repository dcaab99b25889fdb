//! One question a file. Each looks at the survey and returns what it found; bounds stand beside the question, with
//! the reason why they are where they are.

mod calendar;
mod controls;
mod dates;
mod duplicates;
mod identifiers;
mod index_day;
mod record_end;
mod snapshot;

use super::survey::Survey;
use super::{Check, Finding, Severity};
use crate::prediction::phenotype::Phenotypes;

/// Every check in turn.
pub fn all(survey: &Survey, phenotypes: &Phenotypes) -> Vec<Finding> {
    let mut findings = dates::future_dated(survey);
    findings.extend(snapshot::snapshot_fields(survey));
    findings.extend(index_day::labels(survey, phenotypes));
    findings.extend(identifiers::identifiers(survey));
    findings.extend(record_end::record_end(survey));
    findings.extend(calendar::calendar_time(survey));
    findings.extend(duplicates::duplicate_patients(survey));
    findings.extend(controls::negative_controls(survey, phenotypes));
    findings
}

/// A finding of keys: a stop where any stands in `stops`, beside it those in `warnings`. Each list is evidence lines.
fn of_keys(check: Check, what: &str, stops: Vec<String>, warnings: Vec<String>) -> Vec<Finding> {
    let finding = |severity, lines: Vec<String>| {
        (!lines.is_empty()).then(|| Finding::new(check, severity, format!("{} {what}", lines.len()), lines))
    };
    [finding(Severity::Stop, stops), finding(Severity::Warning, warnings)].into_iter().flatten().collect()
}
