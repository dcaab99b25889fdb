//! From a package to a model. Refuses one whose parts do not match: readers trained with another vocabulary or other
//! outcomes, a horizon without calibration, a weight of nothing.

use super::{Computed, Model, Outcome, PackageError, WeightedReader};
use crate::prediction::answer::Abstention;
use crate::prediction::distance::Distance;
use crate::prediction::network::{
    Facts, NetworkConfig, Parameters, Reader, ReaderConfig, Transformer, Trees, facts, text_buckets,
};
use crate::prediction::package::{CALIBRATION, DISTANCE, Fitted, PHENOTYPES, Package, VOCABULARY};
use crate::prediction::pairs::pairs;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Vocabulary;
use std::path::Path;
use std::sync::Arc;

impl Model {
    /// Loads and checks a package folder (`models/prodrome-s`).
    pub fn load(folder: &Path) -> Result<Self, PackageError> {
        let package = Package::open(folder)?;
        let vocabulary: Vocabulary = package.json::<Vocabulary>(VOCABULARY)?.indexed();
        let phenotypes = Phenotypes::parse(package.text(PHENOTYPES)?).map_err(|e| package.misfit(e.to_string()))?;
        vocabulary.check().map_err(|why| package.misfit(why))?;
        let readers = readers(&package, &vocabulary, phenotypes.outcomes.len())?;
        // Facts need neither text nor a window; a package without a transformer has no use for either number.
        let days = package.manifest.readers.iter().find_map(|packaged| match &packaged.reader {
            ReaderConfig::Days(config) => Some((config.text_buckets, config.context)),
            ReaderConfig::Facts(_) | ReaderConfig::Trees(_) => None,
        });
        let (text_buckets, context) = days.unwrap_or((1, usize::MAX));
        let (outcomes, computed) = outcomes(&package, &phenotypes)?;
        let identity = format!("{}@{}", package.manifest.name, package.fingerprint);
        let limits = package.manifest.limits.clone();
        let distance = distance(&package, computed.len())?;
        let pairs = pairs(&package, &phenotypes)?;
        Ok(Self {
            vocabulary,
            phenotypes,
            readers,
            text_buckets,
            context,
            limits,
            distance,
            outcomes,
            computed,
            pairs,
            identity,
        })
    }
}

/// The package's readers, each proved to be made for this vocabulary and these outcomes.
fn readers(package: &Package, vocabulary: &Vocabulary, named: usize) -> Result<Vec<WeightedReader>, PackageError> {
    if package.manifest.readers.is_empty() {
        return Err(package.misfit("it holds no reader"));
    }
    let mut readers = Vec::new();
    for packaged in &package.manifest.readers {
        if packaged.reader.trained_with() != (vocabulary.keys.len(), vocabulary.numbers.len(), named) {
            let why = format!("`{}` was trained with another vocabulary or other phenotypes", packaged.file);
            return Err(package.misfit(why));
        }
        if !(packaged.weight.is_finite() && packaged.weight > 0.0) {
            return Err(package.misfit(format!("`{}` has no weight above 0", packaged.file)));
        }
        packaged.reader.check().map_err(|why| package.misfit(why))?;
        let weights = package.parameters(&packaged.file)?;
        let reader = reader(packaged.reader.clone(), weights, vocabulary)
            .map_err(|error| package.misfit(format!("`{}`: {error}", packaged.file)))?;
        readers.push(WeightedReader { reader, weight: packaged.weight });
    }
    Ok(readers)
}

/// A reader of the kind and shape that a package names, with the weights that it keeps.
pub fn reader(
    config: ReaderConfig,
    weights: Parameters,
    vocabulary: &Vocabulary,
) -> candle_core::Result<Box<dyn Reader>> {
    Ok(match config {
        ReaderConfig::Facts(config) => {
            Box::new(Facts::packaged(config, weights, Arc::new(facts::Words::of(vocabulary)))?)
        }
        ReaderConfig::Trees(config) => {
            Box::new(Trees::packaged(config, weights, Arc::new(facts::Words::of(vocabulary)))?)
        }
        ReaderConfig::Days(config) => {
            let keys = known_keys(vocabulary, config.text_buckets);
            Box::new(Transformer::new(config, weights, &keys)?.freeze()?)
        }
    })
}

/// Kind and text pieces of every known key, as a transformer wants them.
pub fn known_keys(vocabulary: &Vocabulary, pieces: usize) -> Vec<(usize, Vec<u32>)> {
    vocabulary.keys.iter().map(|key| (key.kind as usize, text_buckets(&key.display, pieces))).collect()
}

/// How unlike calibration charts a chart is; packages of before have none.
fn distance(package: &Package, risks: usize) -> Result<Option<Distance>, PackageError> {
    if package.manifest.limits.most_distance.is_none() {
        return Ok(None);
    }
    let distance: Distance = package.json(DISTANCE)?;
    match distance.fits(risks) {
        true => Ok(Some(distance)),
        false => Err(package.misfit(format!("`{DISTANCE}` is not one of {risks} risks"))),
    }
}

/// The package's outcomes in the order of the phenotypes and, within each, of rising horizons.
fn outcomes(package: &Package, phenotypes: &Phenotypes) -> Result<(Vec<Outcome>, Vec<Computed>), PackageError> {
    let mut fitted: Vec<Fitted> = package.json(CALIBRATION)?;
    let (mut outcomes, mut computed) = (Vec::new(), Vec::new());
    let mut horizons = phenotypes.horizons_days.clone();
    horizons.sort_unstable();
    for (index, (name, phenotype)) in phenotypes.outcomes.iter().enumerate() {
        for &horizon_days in &horizons {
            let at = fitted.iter().position(|fitted| fitted.phenotype == *name && fitted.horizon_days == horizon_days);
            let at = at.ok_or_else(|| package.misfit(format!("no calibration for `{name}` at {horizon_days} days")))?;
            let fitted = fitted.swap_remove(at);
            let bins = NetworkConfig::bins_within(horizon_days);
            let bins = bins.ok_or_else(|| package.misfit(format!("{horizon_days} days are no edge of the bins")))?;
            outcomes.push(Outcome {
                phenotype: name.as_str().into(),
                title: phenotype.title.clone(),
                group: phenotype.group,
                horizon_days,
                alert_threshold: fitted.alert_threshold,
                false_alerts: fitted.false_alerts.clone(),
                silent: if phenotype.group.may_be_shown() { fitted.silent } else { Some(Abstention::NotActionable) },
            });
            computed.push(Computed { outcome: index, bins, fitted });
        }
    }
    Ok((outcomes, computed))
}
