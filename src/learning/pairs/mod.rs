//! Pairs of an occasion and an outcome: fitting what a package knows of them.
//!
//! Owns which days of an occasion are asked about, and that a pair without skill on validation patients stays silent. How
//! a line, an average and a skill are fitted is the same as for every outcome.

#[cfg(test)]
mod tests;

use super::judged::{Judged, Weighed, line};
use super::package::skill;
use super::train::lives::Life;
use super::train::validate::Moment;
use super::train::windows::seed_of;
use crate::prediction::answer::Abstention;
use crate::prediction::calibration::Level;
use crate::prediction::occasion::Pair;
use crate::prediction::package::FittedPair;
use crate::prediction::phenotype::Phenotypes;
use anyhow::Context;
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Days of one occasion that a life is asked about at most.
pub const DAYS_PER_LIFE: usize = 12;
const SEED: u64 = 20_260_103;

/// The patients that pairs are fitted and judged on.
pub struct Patients<'a> {
    pub training: &'a [Life],
    pub calibration: &'a [Life],
    /// `None`: whether a pair is silent stays as it was.
    pub validation: Option<&'a [Life]>,
}

/// Fits every pair of the phenotypes. `before`: what the package said, for who has no validation patients.
pub fn fit_pairs<'p>(
    phenotypes: &Phenotypes,
    patients: &Patients<'p>,
    readers: &[Weighed],
    within_years: u32,
    before: &[FittedPair],
    progress: &dyn Fn(&str),
) -> anyhow::Result<Vec<FittedPair>> {
    let mut fitted = Vec::new();
    for (occasion, (name, _)) in phenotypes.occasions.occasions.iter().enumerate() {
        let of_occasion: Vec<_> =
            phenotypes.occasions.pairs.iter().filter(|(_, pair)| pair.occasion == *name).collect();
        if of_occasion.is_empty() {
            continue;
        }
        let say = |reader: usize, days: usize| progress(&format!("`{name}`: reader {reader}, {days} days"));
        let read = |lives: &'p [Life]| Judged::read(lives, moments(lives, occasion, within_years), readers, &say);
        let training = Judged::unread(patients.training, moments(patients.training, occasion, within_years));
        let calibration = read(patients.calibration)?;
        let validation = patients.validation.map(read).transpose()?;
        for (pair_name, pair) in of_occasion {
            let before = before.iter().find(|fitted| fitted.pair == *pair_name);
            let split = (&training, &calibration, validation.as_ref());
            fitted.push(fit(phenotypes, (pair_name, pair), split, before)?);
        }
    }
    fitted.sort_by(|a, b| a.pair.cmp(&b.pair));
    Ok(fitted)
}

/// Pairs whose outcome the readers were not taught answer nothing, whatever their figures say.
pub fn silence_untaught(pairs: &mut [FittedPair], phenotypes: &Phenotypes, left_out: &[String]) {
    let untaught = |name: &str| {
        let mut defined = phenotypes.occasions.pairs.iter();
        defined.any(|(known, pair)| known == name && left_out.contains(&pair.outcome))
    };
    for pair in pairs.iter_mut().filter(|pair| untaught(&pair.pair)) {
        (pair.silent, pair.skill) = (pair.silent.or(Some(Abstention::NoSkill)), None);
    }
}

/// All days of an occasion in every life, twelve of them drawn where there are more.
pub fn moments(lives: &[Life], occasion: usize, within_years: u32) -> Vec<Moment> {
    let days = |(life, one): (usize, &Life)| {
        let seed = seed_of([SEED, occasion as u64, life as u64]);
        let days = some_of(one.occasion_days(occasion, within_years), seed);
        days.into_iter().map(move |day| Moment { life, day })
    };
    lives.iter().enumerate().flat_map(days).collect()
}

/// At most [`DAYS_PER_LIFE`] of some days, ascending.
pub fn some_of(days: &[i32], seed: u64) -> Vec<i32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut days: Vec<i32> = days.choose_multiple(&mut rng, DAYS_PER_LIFE).copied().collect();
    days.sort_unstable();
    days
}

fn fit(
    phenotypes: &Phenotypes,
    (name, pair): (&str, &Pair),
    (training, calibration, validation): (&Judged, &Judged, Option<&Judged>),
    before: Option<&FittedPair>,
) -> anyhow::Result<FittedPair> {
    let outcome = phenotypes.index(&pair.outcome).context("a pair's outcome is not defined")?;
    let rows = |judged: &Judged| judged.rows(phenotypes, outcome, pair.within_days);
    let baseline = training.table(&rows(training)?);
    let (line, spread) = line(&rows(calibration)?, Level::Unknown);
    let (silent, skill) = match validation {
        Some(validation) => {
            let skill = skill(validation, &rows(validation)?, &baseline);
            let shows = skill.as_ref().is_some_and(|skill| skill.difference.0 > 0.0);
            ((!shows).then_some(Abstention::NoSkill), skill)
        }
        None => before.map_or((Some(Abstention::NoSkill), None), |before| (before.silent, before.skill.clone())),
    };
    Ok(FittedPair { pair: name.to_owned(), line, spread, baseline, silent, skill })
}
