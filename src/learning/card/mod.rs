//! The model card: what a package was trained on, what it must not be used for, and what was measured while it
//! was made. Written by the program, so that no figure is typed by hand. Test figures are `evaluate`'s to report.
//!
//! [`Origin`] is how the package came to be and travels with it; [`page`] makes `card.md` of it, [`sources`] the 31
//! source attributes of the rule on predictive decision support, [`chai`] the same for machines as `card.xml`, and
//! [`artefacts`] what the synthetic patients are known to get wrong.

pub mod artefacts;
pub mod chai;
pub mod page;
pub mod sources;

#[cfg(test)]
mod tests;

use super::lint::{LINT, Report};
use super::members::Tried;
use super::shard::{Dataset, Split};
use super::train::run::RunFile;
use crate::platform::clock;
use crate::prediction::network::ReaderConfig;
use crate::prediction::package::{Fitted, FittedPair, Limits, Manifest};
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How a package came to be: `origin.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    pub name: String,
    /// Day it was packaged, `2026-11-22`; empty where nobody noted it.
    pub made: String,
    /// Version of the program that made it.
    pub program: String,
    /// What reads: "2 transformers over active days, 2058455 weights each".
    pub readers: Vec<String>,
    /// What was chosen on validation patients, and how the choices did.
    pub choices: Vec<String>,
    /// Patients by split of the dataset it was trained on.
    pub patients: BTreeMap<Split, u64>,
    pub data_sha256: String,
    /// What the leakage linter said of that dataset; empty where it was never asked.
    pub lint: Vec<String>,
    /// Outcomes of the phenotypes that the runs were not taught, for probing; they are silent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Fitted anew to a site's own patients.
    pub recalibrated: Option<Recalibrated>,
}

/// Where and when `prodrome calibrate` fitted it anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recalibrated {
    pub made: String,
    pub patients: usize,
    pub index_days: usize,
    pub data_sha256: String,
    /// Whether that site's validation patients decided what may be shown.
    pub skill_measured: bool,
}

/// Everything that a card tells of.
#[derive(Clone, Copy)]
pub struct Described<'a> {
    pub origin: &'a Origin,
    pub phenotypes: &'a Phenotypes,
    pub vocabulary: &'a Vocabulary,
    pub fitted: &'a [Fitted],
    pub pairs: &'a [FittedPair],
    pub limits: &'a Limits,
}

/// Today in UTC, `2026-11-22`.
pub fn today() -> String {
    clock::now().strftime("%Y-%m-%d").to_string()
}

impl Origin {
    /// Of runs about to be packaged, and what was tried of how much each kind of reader counts.
    pub fn of(name: &str, dataset: &Dataset, folders: &[PathBuf], runs: &[RunFile], tried: &[Tried]) -> Self {
        let count = |is: fn(&ReaderConfig) -> bool| runs.iter().filter(|run| is(&run.reader)).count();
        let kinds = [
            (count(|reader| matches!(reader, ReaderConfig::Facts(_))), "reader(s) of facts of the whole life"),
            (count(|reader| matches!(reader, ReaderConfig::Days(_))), "transformer(s) over active days"),
            (count(|reader| matches!(reader, ReaderConfig::Trees(_))), "reader(s) of boosted trees on the whole life"),
        ];
        Self {
            name: name.to_owned(),
            made: today(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            readers: kinds.iter().filter(|kind| kind.0 > 0).map(|(count, kind)| format!("{count} {kind}")).collect(),
            choices: tried.iter().map(Tried::text).collect(),
            patients: dataset.patients.clone(),
            data_sha256: dataset.sha256.clone(),
            lint: lint(folders, dataset),
            left_out: runs.first().map_or_else(Vec::new, |run| run.settings.data.leave_out.clone()),
            recalibrated: None,
        }
    }

    /// Of a package that was made before origins were kept.
    pub fn unknown(manifest: &Manifest) -> Self {
        Self { name: manifest.name.clone(), data_sha256: manifest.data_sha256.clone(), ..Self::default() }
    }

    /// Training patients of the dataset.
    fn of_split(&self, split: Split) -> String {
        self.patients.get(&split).map_or_else(|| "an unknown number of".to_owned(), u64::to_string)
    }
}

/// The findings that the runs' linter left, each once.
fn lint(runs: &[PathBuf], dataset: &Dataset) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for run in runs {
        let kept = std::fs::read(run.join(LINT)).ok().and_then(|text| serde_json::from_slice::<Report>(&text).ok());
        let Some(report) = kept.filter(|report| report.data_sha256 == dataset.sha256) else { continue };
        if report.findings.is_empty() {
            lines.push("nothing found".to_owned());
        }
        for finding in &report.findings {
            let accepted = if finding.accepted { ", accepted knowingly" } else { "" };
            lines.push(format!("{}: {}{accepted}", finding.check.as_str(), finding.what));
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

impl Described<'_> {
    /// Outcomes and horizons that may be shown.
    fn shown(&self) -> impl Iterator<Item = &Fitted> {
        self.fitted.iter().filter(|one| one.silent.is_none())
    }

    /// Lowest, median and highest validation AUROC of what may be shown.
    fn discrimination(&self) -> Option<[f64; 3]> {
        let mut found: Vec<f64> = self.shown().filter_map(|one| Some(one.skill.as_ref()?.auroc)).collect();
        found.sort_by(f64::total_cmp);
        Some([*found.first()?, *found.get(found.len() / 2)?, *found.last()?])
    }
}
