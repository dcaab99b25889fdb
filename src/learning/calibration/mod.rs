//! Fitting a package to a site's own patients without touching its weights.
//!
//! Owns `prodrome calibrate`: asks the package's readers about the site's calibration patients and fits anew what
//! [`super::package`] fitted: lines and their intervals, of pairs too, age-and-sex averages, alert thresholds, false-alert thresholds,
//! limits, and, where the site has validation patients, what may be shown. Vocabulary, outcomes and weights are copied
//! as they are. Test patients are refused: whoever calibrates on them has nothing left to check with.

#[cfg(test)]
mod tests;

use super::card::{Described, Origin, Recalibrated, chai, page, today};
use super::judged::{Judged, Weighed};
use super::package::{DAYS_PER_LIFE, SEED, fit, limits};
use super::pairs::{Patients, fit_pairs, silence_untaught};
use super::shard::{Dataset, Split};
use super::train::TrainSettings;
use super::train::lives::{Life, Words, lives};
use super::train::validate::moments;
use crate::prediction::answer::{Abstention, Oracle};
use crate::prediction::calibration::Level;
use crate::prediction::model::Model;
use crate::prediction::package::{
    CALIBRATION, CARD, CARD_XML, DISTANCE, Fitted, FittedPair, MANIFEST, Manifest, OCCASIONS, ORIGIN, Package, write,
};
use anyhow::{Context, bail};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Fewer patients than this say too little about a line of two numbers.
pub const FEWEST_PATIENTS: usize = 50;

/// What was done, for who did it.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    pub patients: usize,
    pub index_days: usize,
    /// Outcomes and horizons that may be shown, before and after.
    pub shown: (usize, usize),
    /// Whether the site's validation patients decided what may be shown; the package's own word stands otherwise.
    pub skill_measured: bool,
}

/// Fits the package in `model` to the patients of `split` in `data` and writes the package `out`.
pub fn calibrate(
    model: &Path,
    data: &Path,
    split: Split,
    out: &Path,
    progress: &dyn Fn(&str),
) -> anyhow::Result<Calibrated> {
    if split == Split::Test {
        bail!("test patients are for checking what was fitted; calibrate on the calibration or validation split");
    }
    if out.join(MANIFEST).exists() {
        bail!("`{}` is a package already; give a new folder", out.display());
    }
    let package = Package::open(model)?;
    let loaded = Model::load(model)?;
    let dataset = Dataset::open(data)?;
    let words =
        Words { vocabulary: &loaded.vocabulary, phenotypes: &loaded.phenotypes, text_buckets: loaded.reads().0 };
    let drawing = TrainSettings::default().data;
    let lives = |split| lives(&dataset, split, &words, &|_| ());
    let days = |lives: &[Life]| moments(lives, drawing.draw(DAYS_PER_LIFE), SEED);
    let patients = lives(split)?;
    let calibration = Judged::unread(&patients, days(&patients));
    let with_days = calibration.moments.iter().map(|moment| moment.life).collect::<HashSet<_>>().len();
    if with_days < FEWEST_PATIENTS {
        bail!(
            "the {} split of `{}` has {with_days} patients old enough and followed long enough to ask about; at least \
             {FEWEST_PATIENTS} are needed",
            split.as_str(),
            data.display()
        );
    }
    let readers: Vec<Weighed> = loaded.readers().iter().map(|one| (&*one.reader, one.weight)).collect();
    let say = |reader: usize, n: usize| progress(&format!("reader {reader}, {n} index days"));
    let mut calibration = Judged::read(&patients, calibration.moments, &readers, &say)?;
    calibration.level = Level::Unknown;
    let has = |split: Split| dataset.patients.get(&split).is_some_and(|&patients| patients > 0);
    // Averages want many patients and no model: the site's training split where it has one.
    progress("age-and-sex averages");
    let for_averages = if has(Split::Train) { Some(lives(Split::Train)?) } else { None };
    let for_averages = for_averages.as_deref().unwrap_or(&patients);
    let training = Judged::unread(for_averages, days(for_averages));
    let skill_measured = has(Split::Validation) && split != Split::Validation;
    let for_skill = if skill_measured { Some(lives(Split::Validation)?) } else { None };
    let judge = |lives| Judged::read(lives, days(lives), &readers, &say);
    let validation = for_skill.as_deref().map(judge).transpose()?;
    let before: Vec<Fitted> = package.json(CALIBRATION)?;
    let mut origin: Origin = match package.parts().contains_key(ORIGIN) {
        true => package.json(ORIGIN)?,
        false => Origin::unknown(&package.manifest),
    };
    let mut fitted = refitted(&loaded, &before, &training, &calibration, validation.as_ref(), progress)?;
    for one in fitted.iter_mut().filter(|one| origin.left_out.contains(&one.phenotype)) {
        (one.silent, one.skill) = (one.silent.or(Some(Abstention::NoSkill)), None);
    }
    let patients = Patients { training: for_averages, calibration: &patients, validation: for_skill.as_deref() };
    let before_pairs: Vec<FittedPair> = loaded.pairs().iter().map(|pair| pair.fitted.clone()).collect();
    let mut pairs = fit_pairs(&loaded.phenotypes, &patients, &readers, drawing.within_years, &before_pairs, progress)?;
    silence_untaught(&mut pairs, &loaded.phenotypes, &origin.left_out);
    let shown = |fitted: &[Fitted]| fitted.iter().filter(|one| one.silent.is_none()).count();
    let done = Calibrated {
        patients: with_days,
        index_days: calibration.moments.len(),
        shown: (shown(&before), shown(&fitted)),
        skill_measured,
    };
    let (limits, distance) = limits(&calibration, &loaded.phenotypes, loaded.vocabulary.keys.len(), loaded.reads().1);
    let mut parts: BTreeMap<String, Vec<u8>> = package.parts().clone();
    parts.insert(CALIBRATION.to_owned(), serde_json::to_vec(&fitted)?);
    if let Some(distance) = distance {
        parts.insert(DISTANCE.to_owned(), serde_json::to_vec(&distance)?);
    }
    if !pairs.is_empty() {
        parts.insert(OCCASIONS.to_owned(), serde_json::to_vec(&pairs)?);
    }
    origin.recalibrated = Some(Recalibrated {
        made: today(),
        patients: done.patients,
        index_days: done.index_days,
        data_sha256: dataset.sha256.clone(),
        skill_measured,
    });
    let card = Described {
        origin: &origin,
        phenotypes: &loaded.phenotypes,
        vocabulary: &loaded.vocabulary,
        fitted: &fitted,
        pairs: &pairs,
        limits: &limits,
    };
    parts.insert(CARD.to_owned(), page::markdown(&card).into_bytes());
    parts.insert(CARD_XML.to_owned(), chai::xml(&card).into_bytes());
    parts.insert(ORIGIN.to_owned(), serde_json::to_vec_pretty(&origin)?);
    let manifest = Manifest { limits, ..package.manifest.clone() };
    write(out, manifest, parts).with_context(|| format!("`{}` cannot be written", out.display()))?;
    Ok(done)
}

fn refitted(
    model: &Model,
    before: &[Fitted],
    training: &Judged,
    calibration: &Judged,
    validation: Option<&Judged>,
    progress: &dyn Fn(&str),
) -> anyhow::Result<Vec<Fitted>> {
    let phenotypes = &model.phenotypes;
    let mut horizons = phenotypes.horizons_days.clone();
    horizons.sort_unstable();
    let mut all: Vec<Fitted> = Vec::new();
    for (outcome, (name, _)) in phenotypes.outcomes.iter().enumerate() {
        for &horizon_days in &horizons {
            progress(&format!("fitting `{name}` at {horizon_days} days"));
            let judge = validation.unwrap_or(calibration);
            let mut one = fit(phenotypes, outcome, horizon_days, all.last(), training, calibration, judge)?;
            if validation.is_none() {
                // Skill on the patients that it was calibrated on would flatter: the package's own word stands.
                let old = before.iter().find(|old| old.phenotype == *name && old.horizon_days == horizon_days);
                (one.silent, one.skill) = old.map_or((one.silent, None), |old| (old.silent, old.skill.clone()));
            }
            all.push(one);
        }
    }
    Ok(all)
}
