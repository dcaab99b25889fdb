//! Whose state is probed: a package or finished runs, with what they were taught.
//!
//! Owns the choice of the outcomes that are probed and the finding which taught outcomes count the same codes.

use crate::learning::card::Origin;
use crate::learning::members::Member;
use crate::learning::package::text_buckets;
use crate::learning::shard::Dataset;
use crate::learning::train::left_out::counted_by;
use crate::learning::train::run::RunFile;
use crate::prediction::answer::Oracle;
use crate::prediction::model::Model;
use crate::prediction::network::Reader;
use crate::prediction::package::{ORIGIN, Package};
use crate::prediction::phenotype::{Phenotype, Phenotypes};
use crate::prediction::vocabulary::Vocabulary;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// A reader or several, whose states are put side by side.
pub struct Subject {
    pub name: String,
    pub vocabulary: Vocabulary,
    /// Outcomes that its head answers for.
    pub phenotypes: Phenotypes,
    /// Those among them that it was not taught.
    pub left_out: Vec<String>,
    pub text_buckets: usize,
    readers: Readers,
}

enum Readers {
    Package(Box<Model>),
    Runs(Vec<Member>),
}

impl Subject {
    /// The readers of a package.
    pub fn package(folder: &Path) -> anyhow::Result<Self> {
        let package = Package::open(folder)?;
        let left_out = match package.parts().contains_key(ORIGIN) {
            true => package.json::<Origin>(ORIGIN)?.left_out,
            false => Vec::new(),
        };
        let model = Model::load(folder)?;
        Ok(Self {
            name: model.identity().to_owned(),
            vocabulary: model.vocabulary.clone(),
            phenotypes: model.phenotypes.clone(),
            left_out,
            text_buckets: model.reads().0,
            readers: Readers::Package(Box::new(model)),
        })
    }

    /// The best weights of runs on this dataset.
    pub fn runs(folders: &[PathBuf], dataset: &Dataset) -> anyhow::Result<Self> {
        let vocabulary = dataset.vocabulary()?;
        let files = folders.iter().map(|run| RunFile::read(run)).collect::<anyhow::Result<Vec<_>>>()?;
        let first = files.first().context("give a `--model` or at least one `--run`")?;
        let taught = |file: &RunFile| (file.phenotypes.clone(), file.settings.data.leave_out.clone());
        if files.iter().any(|file| taught(file) != taught(first) || file.data_sha256 != dataset.sha256) {
            bail!("the runs were taught different outcomes, or on other data than `{}`", dataset.folder.display());
        }
        let mut members = Vec::new();
        for (number, (run, file)) in folders.iter().zip(&files).enumerate() {
            members.push(Member::of(run, file, number, &vocabulary)?);
        }
        let names = folders.iter().map(|run| run.file_name().unwrap_or_default().to_string_lossy().into_owned());
        Ok(Self {
            name: names.collect::<Vec<_>>().join(" and "),
            phenotypes: Phenotypes::parse(&first.phenotypes)?,
            left_out: first.settings.data.leave_out.clone(),
            text_buckets: text_buckets(&files)?,
            readers: Readers::Runs(members),
            vocabulary,
        })
    }

    /// The readers, in order.
    pub fn readers(&self) -> Vec<&dyn Reader> {
        match &self.readers {
            Readers::Package(model) => model.readers().iter().map(|one| &*one.reader).collect(),
            Readers::Runs(members) => members.iter().map(|member| &*member.reader).collect(),
        }
    }

    /// The outcomes to probe: of `defined` (the subject's own without it) those called `names`, and the `value_sets`.
    /// Without names all that are newly defined, or those that were left out of training.
    pub fn asked(
        &self,
        defined: Option<Phenotypes>,
        value_sets: Vec<(String, Phenotype)>,
        names: &[String],
    ) -> anyhow::Result<Phenotypes> {
        let new = defined.is_some();
        let known = defined.unwrap_or_else(|| self.phenotypes.clone());
        if let Some(name) = names.iter().find(|name| known.index(name).is_none()) {
            bail!("no outcome is called `{name}`; see the phenotypes file");
        }
        let wanted = |name: &String| match names.is_empty() {
            true => new || self.left_out.contains(name),
            false => names.contains(name),
        };
        let mut outcomes: Vec<(String, Phenotype)> =
            known.outcomes.iter().filter(|(name, _)| wanted(name)).cloned().collect();
        outcomes.extend(value_sets);
        outcomes.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(pair) = outcomes.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            bail!("two outcomes are called `{}`; rename the value set's file", pair[0].0);
        }
        if outcomes.is_empty() {
            bail!(
                "no outcome to probe: training left none out; name some with `--outcome`, or define new ones with \
                 `--phenotypes` or `--value-set`"
            );
        }
        Ok(Phenotypes::of(known.gap_days, known.horizons_days.clone(), outcomes)?)
    }

    /// For each probed outcome the taught ones that count a code of it, itself first where it was taught.
    pub fn taught_of(&self, probed: &Phenotypes) -> Vec<Vec<String>> {
        let taught = |name: &&String| !self.left_out.contains(name);
        let mut found: Vec<Vec<String>> = probed
            .outcomes
            .iter()
            .map(|(name, outcome)| {
                let same = |(known, its): &&(String, Phenotype)| known == name && its == outcome;
                self.phenotypes.outcomes.iter().filter(same).map(|(known, _)| known).filter(taught).cloned().collect()
            })
            .collect();
        for key in &self.vocabulary.keys {
            let theirs = counted_by(&self.phenotypes, key);
            for outcome in counted_by(probed, key) {
                for name in theirs.iter().map(|&index| &self.phenotypes.outcomes[index].0).filter(taught) {
                    if !found[outcome].contains(name) {
                        found[outcome].push(name.clone());
                    }
                }
            }
        }
        found
    }
}
