//! A package's pairs: the risk of an outcome within so many days after an occasion.
//!
//! Owns the way from a raw risk to what is said of a pair, and when nothing is: without skill on validation patients, for
//! who cannot have the outcome, and for charts about which the model says nothing at all. Whether the as-of day is such
//! an occasion is for the asker to know: an order that is being written stands in no chart yet.

use super::answer::{Abstention, Risk};
use super::network::NetworkConfig;
use super::occasion::OccasionRule;
use super::package::{FittedPair, OCCASIONS, Package, PackageError};
use super::phenotype::{Phenotypes, Standing};
use super::vocabulary::EncodedChart;
use std::sync::Arc;

/// One pair, ready to be asked about.
#[derive(Clone, Debug)]
pub struct KnownPair {
    /// `readmission-30`
    pub name: Arc<str>,
    /// What a clinician reads.
    pub title: String,
    pub occasion: String,
    pub rule: OccasionRule,
    /// The outcome's name.
    pub phenotype: Arc<str>,
    pub within_days: u32,
    pub fitted: FittedPair,
    /// Index among the phenotypes.
    pub outcome: usize,
    /// Bins that end within the days.
    pub bins: usize,
}

/// The package's pairs; none in a package that was made before there were pairs.
pub(super) fn pairs(package: &Package, phenotypes: &Phenotypes) -> Result<Vec<KnownPair>, PackageError> {
    if !package.parts().contains_key(OCCASIONS) {
        return Ok(Vec::new());
    }
    let fitted: Vec<FittedPair> = package.json(OCCASIONS)?;
    let known: Option<Vec<KnownPair>> = fitted.into_iter().map(|fitted| KnownPair::new(fitted, phenotypes)).collect();
    known.ok_or_else(|| package.misfit(format!("`{OCCASIONS}` names a pair that `phenotypes.toml` does not define")))
}

impl KnownPair {
    /// A fitted pair as the phenotypes define it; `None` where they do not.
    pub fn new(fitted: FittedPair, phenotypes: &Phenotypes) -> Option<Self> {
        let pair = phenotypes.occasions.pair(&fitted.pair)?;
        let occasions = &phenotypes.occasions;
        let (_, occasion) = &occasions.occasions[occasions.index(&pair.occasion)?];
        Some(Self {
            name: fitted.pair.as_str().into(),
            title: pair.title.clone(),
            occasion: pair.occasion.clone(),
            rule: occasion.rule,
            phenotype: pair.outcome.as_str().into(),
            within_days: pair.within_days,
            outcome: phenotypes.index(&pair.outcome)?,
            bins: NetworkConfig::bins_within(pair.within_days)?,
            fitted,
        })
    }

    /// What is said of a chart at its as-of day. `raw`: averaged over readers, not calibrated; `abstained`: why nothing
    /// may be shown of the chart at all.
    pub fn risk(&self, chart: &EncodedChart, age: f64, raw: f64, abstained: Option<Abstention>) -> Risk {
        let fitted = &self.fitted;
        let standing = match chart.standing.get(self.outcome) {
            Some(Standing::AtRisk) => None,
            Some(Standing::Present) => Some(Abstention::AlreadyPresent),
            Some(Standing::NotEligible) | None => Some(Abstention::NotEligible),
        };
        Risk {
            phenotype: self.phenotype.clone(),
            horizon_days: self.within_days,
            risk: fitted.line.apply(raw),
            interval: Some(fitted.spread.interval(&fitted.line, raw)),
            baseline_risk: fitted.baseline.rate(age, chart.sex),
            abstained: abstained.or(standing).or(fitted.silent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patient_record::timeline::Sex;
    use crate::prediction::answer::{Oracle, Question};
    use crate::prediction::calibration::{AgeSexTable, Line};
    use crate::prediction::interval::Spread;
    use crate::prediction::model::Model;
    use crate::prediction::package::{Limits, Manifest, PHENOTYPES, write};
    use crate::prediction::vocabulary::ChartEvent;
    use std::path::Path;

    const DEFINED: &str = r#"
[occasion.discharge]
title = "discharge"
rule = "discharge"
classes = ["IMP"]
[pair.soon]
title = "admission within 30 days of discharge"
occasion = "discharge"
outcome = "hospitalisation"
within_days = 30
[pair.year]
title = "admission within a year of discharge"
occasion = "discharge"
outcome = "hospitalisation"
within_days = 365
"#;

    fn fitted(pair: &str, silent: Option<Abstention>) -> FittedPair {
        let spread = Spread { slope: 0.01, intercept: 0.01, both: 0.0 };
        let baseline = AgeSexTable::fit((40..90).map(|age| (f64::from(age), Sex::Female, age % 5 == 0)));
        FittedPair {
            pair: pair.into(),
            line: Line { slope: 0.8, intercept: -0.3 },
            spread,
            baseline,
            silent,
            skill: None,
        }
    }

    fn shipped() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models/prodrome-s"))
    }

    /// The shipped package with pairs, and without a limit on how unlike others a chart may be.
    fn with_pairs(pairs: &[FittedPair]) -> Result<Model, PackageError> {
        let package = Package::open(shipped()).unwrap();
        let mut parts = package.parts().clone();
        // Its outcomes without its own occasions, which stand behind them.
        let outcomes = package.text(PHENOTYPES).unwrap().split("[occasion.").next().unwrap();
        parts.insert(PHENOTYPES.into(), format!("{outcomes}{DEFINED}").into_bytes());
        parts.insert(OCCASIONS.into(), serde_json::to_vec(pairs).unwrap());
        let limits = Limits { most_distance: None, ..package.manifest.limits.clone() };
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), Manifest { limits, ..package.manifest.clone() }, parts).unwrap();
        Model::load(folder.path())
    }

    fn chart(standing: Standing, outcomes: usize) -> EncodedChart {
        let event = |at: i32| ChartEvent { day: 24_000 + 90 * at, key: at as u32, number: None, event: at as u32 };
        EncodedChart {
            as_of_day: 25_000,
            birth_day: Some(0),
            sex: Sex::Female,
            deceased: false,
            events: (0..12).map(event).collect(),
            unknown: vec![],
            standing: vec![standing; outcomes],
            events_read: 12,
        }
    }

    #[test]
    fn a_pair_answers_with_its_calibrated_risk_and_is_silent_without_skill() {
        let model = with_pairs(&[fitted("soon", Some(Abstention::NoSkill)), fitted("year", None)]).unwrap();
        assert_eq!(model.pairs()[1].title, "admission within a year of discharge");
        let asked = [chart(Standing::AtRisk, model.phenotypes.outcomes.len()), chart(Standing::NotEligible, 99)];
        let thin = EncodedChart { events: asked[0].events[10..].to_vec(), ..asked[0].clone() };
        let said = model.pair_risks(&[asked[0].clone(), asked[1].clone(), thin]);
        let whys: Vec<Vec<_>> = said.iter().map(|risks| risks.iter().map(|risk| risk.abstained).collect()).collect();
        assert_eq!(whys[0], [Some(Abstention::NoSkill), None]);
        assert_eq!(whys[1], [Some(Abstention::NotEligible); 2]);
        assert_eq!(whys[2], [Some(Abstention::ThinChart); 2]);
        let [soon, year] = said[0].as_slice() else { panic!("two pairs") };
        assert!(0.0 < soon.risk && soon.risk < year.risk && year.risk < 1.0, "{soon:?} {year:?}");
        let (low, high) = year.interval.unwrap();
        assert!(low < year.risk && year.risk < high);
        // Behind the pair's own line stands the very risk that the outcome of one year is made of.
        let history = crate::prediction::network::History::new(&asked[0], &model.vocabulary, model.reads().0);
        let reading = crate::prediction::network::Reading { history: &history, day: 25_000, without: &[] };
        let raw = &model.raw(&[reading]).unwrap()[0];
        let same = |of: &crate::prediction::model::Outcome| *of.phenotype == *year.phenotype && of.horizon_days == 365;
        let at = model.outcomes().iter().position(same).unwrap();
        let expected = Line { slope: 0.8, intercept: -0.3 }.apply(raw[at]);
        assert!((expected - year.risk).abs() < 1e-5, "{expected} {year:?}");
        assert!((year.baseline_risk - fitted("year", None).baseline.rate(25_001.0 / 365.25, Sex::Female)).abs() < 1e-3);
    }

    #[test]
    fn a_package_without_pairs_is_read_as_before_and_one_with_an_undefined_pair_is_refused() {
        let model = Model::load(shipped()).unwrap();
        let asked = chart(Standing::AtRisk, model.phenotypes.outcomes.len());
        let before = Package::open(shipped()).unwrap().parts().contains_key(OCCASIONS);
        assert_eq!(model.pair_risks(std::slice::from_ref(&asked))[0].is_empty(), !before);
        let question =
            Question { chart: Arc::new(asked), explain: Arc::new([]), max_explained: 0, pairs: Arc::from([]) };
        assert_eq!(model.answer(&[question])[0].risks.len(), model.outcomes().len());
        let error = with_pairs(&[fitted("never", None)]).err().unwrap().to_string();
        assert!(error.contains("`occasions.json` names a pair that `phenotypes.toml` does not define"), "{error}");
    }
}
