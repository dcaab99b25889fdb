//! The leakage linter: what a dataset could tell a model that a clinician at the index day could not know.
//!
//! Runs before the first step of training. [`survey`] reads the dataset once, each file of [`checks`] asks one
//! question, and a [`Finding`] that is a [`Severity::Stop`] ends the run with its evidence and its remedy. Statistics are
//! those of training patients only; of others only dates and likeness are looked at. Evidence is counts and keys, never
//! a patient. A dataset without findings may still leak: these checks are what can be asked without a model.

pub mod checks;
mod sketch;
pub mod survey;

#[cfg(test)]
mod tests;

use super::shard::Dataset;
use crate::platform::terminal::remark;
use crate::prediction::phenotype::Phenotypes;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;
use survey::Survey;

/// What is looked for. The names are what `--accept-finding` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Facts after death, after the end of follow-up or before birth.
    FutureDated,
    /// Keys that stand only on the last day of a record, or only from death on.
    SnapshotField,
    /// Outcomes that fall on the day after the index day, or count though they were known.
    LabelOnIndexDay,
    /// Codes, texts and numbers that single out one patient.
    Identifier,
    /// Follow-up that ends with death, keys after which a record falls silent.
    RecordEnd,
    /// Keys and numbers that tell the year.
    CalendarTime,
    /// The same life in two splits.
    DuplicatePatient,
    /// A key that predicts what nothing should predict.
    NegativeControl,
}

impl Check {
    /// Every check, in the order in which they run.
    pub const ALL: [Check; 8] = [
        Check::FutureDated,
        Check::SnapshotField,
        Check::LabelOnIndexDay,
        Check::Identifier,
        Check::RecordEnd,
        Check::CalendarTime,
        Check::DuplicatePatient,
        Check::NegativeControl,
    ];

    /// The name used on the command line and in `lint.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Check::FutureDated => "future-dated",
            Check::SnapshotField => "snapshot-field",
            Check::LabelOnIndexDay => "label-on-index-day",
            Check::Identifier => "identifier",
            Check::RecordEnd => "record-end",
            Check::CalendarTime => "calendar-time",
            Check::DuplicatePatient => "duplicate-patient",
            Check::NegativeControl => "negative-control",
        }
    }

    /// What to do about a finding.
    fn remedy(self) -> &'static str {
        match self {
            Check::FutureDated => "mend the dates in the source or leave these resources out, and ingest again",
            Check::SnapshotField => {
                "these facts come from fields that are written at the end of a record: leave them out of the export"
            }
            Check::LabelOnIndexDay => "date the outcome by when it happened, or end the index day's knowledge earlier",
            Check::Identifier => "leave identifiers out of codes, displays and values, and ingest again",
            Check::RecordEnd => "let follow-up run to the export date for everyone, and leave out what closes a record",
            Check::CalendarTime => "leave dates and years out of codes and values; days since birth are the only clock",
            Check::DuplicatePatient => "merge patients who are one person, and ingest again so that each has one split",
            Check::NegativeControl => "find where these facts come from: they know what nobody could have known",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Training on it would learn what serving cannot know.
    Stop,
    /// Worth knowing; stands in the report, training goes on.
    Warning,
}

/// Something that looks like a leak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub check: Check,
    pub severity: Severity,
    /// One sentence.
    pub what: String,
    /// Counts and keys.
    pub evidence: Vec<String>,
    pub remedy: String,
    /// Training went on although it was found.
    pub accepted: bool,
}

impl Finding {
    fn new(check: Check, severity: Severity, what: impl Into<String>, evidence: Vec<String>) -> Self {
        let remedy = check.remedy().to_owned();
        Self { check, severity, what: what.into(), evidence, remedy, accepted: false }
    }
}

/// `lint.json` of a run folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub data_sha256: String,
    pub patients: usize,
    pub keys: usize,
    pub findings: Vec<Finding>,
}

/// The file's name in a run folder.
pub const LINT: &str = "lint.json";

/// Lines of evidence that are printed; the file has all of them.
const PRINTED: usize = 8;

impl Report {
    /// Findings that stop a run and were not accepted.
    pub fn stops(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Stop && !finding.accepted)
    }

    /// What a terminal shows.
    pub fn text(&self) -> String {
        let mut text = format!("leakage linter: {} patients, {} keys", self.patients, self.keys);
        text.push_str(if self.findings.is_empty() { ", nothing found\n" } else { "\n" });
        for finding in &self.findings {
            let severity = match (finding.severity, finding.accepted) {
                (Severity::Warning, _) => "warning",
                (Severity::Stop, true) => "accepted",
                (Severity::Stop, false) => "STOP",
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{severity} {}: {}", finding.check.as_str(), finding.what);
            for line in finding.evidence.iter().take(PRINTED) {
                let _ = writeln!(text, "    {line}");
            }
            if finding.evidence.len() > PRINTED {
                let _ = writeln!(text, "    and {} more in {LINT}", finding.evidence.len() - PRINTED);
            }
            if finding.severity == Severity::Stop {
                let _ = writeln!(text, "    remedy: {}", finding.remedy);
            }
        }
        text
    }
}

/// Looks at a dataset. `accept` are findings that the caller knows and goes on with.
pub fn lint(dataset: &Dataset, phenotypes: &Phenotypes, accept: &[Check]) -> anyhow::Result<Report> {
    let survey = Survey::of(dataset, phenotypes)?;
    let mut findings = checks::all(&survey, phenotypes);
    findings.iter_mut().for_each(|finding| finding.accepted = accept.contains(&finding.check));
    Ok(Report { data_sha256: dataset.sha256.clone(), patients: survey.lives.len(), keys: survey.keys.len(), findings })
}

/// Looks at the data of a run before its first step, keeps what was found in the run folder, and fails where a
/// finding stops it. A run that goes on with data that it has looked at before is not asked again.
pub fn before_training(data: &Path, definitions: &str, run: &Path, accept: &[Check]) -> anyhow::Result<Report> {
    let dataset = Dataset::open(data)?;
    let path = run.join(LINT);
    let kept = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Report>(&text).ok());
    if let Some(kept) = kept.filter(|kept| kept.data_sha256 == dataset.sha256 && kept.stops().next().is_none()) {
        return Ok(kept);
    }
    let report = lint(&dataset, &Phenotypes::parse(definitions)?, accept)?;
    remark!("{}", report.text());
    std::fs::create_dir_all(run).with_context(|| format!("`{}` cannot be made", run.display()))?;
    std::fs::write(&path, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("`{}` cannot be written", path.display()))?;
    let stops: Vec<&str> = report.stops().map(|finding| finding.check.as_str()).collect();
    if let Some(first) = stops.first() {
        bail!(
            "`{}` looks leaky: {}; evidence above and in `{}`. Mend the data, or go on knowingly with `--accept-finding {first}`",
            data.display(),
            stops.join(", "),
            path.display()
        );
    }
    Ok(report)
}
