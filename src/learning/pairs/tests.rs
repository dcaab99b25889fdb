//! A pair's figures on lives whose truth is known, with a reader that looks for one key.

use super::{DAYS_PER_LIFE, Patients, fit_pairs, moments};
use crate::learning::shard::{Dataset, PatientRow, Split};
use crate::learning::toy::{dataset, events, fact, key, vocabulary};
use crate::learning::train::lives::{Life, Words, lives};
use crate::patient_record::timeline::{Kind, Sex};
use crate::prediction::answer::Abstention;
use crate::prediction::network::{BINS, Hazards, Reader, Reading};
use crate::prediction::package::FittedPair;
use crate::prediction::phenotype::Phenotypes;
use crate::prediction::vocabulary::Fact;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const DEFINED: &str = r#"
format = 1
gap_days = 30
horizons_days = [365]
[outcome.back]
title = "admission"
group = "utilisation"
rule = "encounter"
classes = ["IMP"]
[outcome.wound]
title = "wound"
group = "control"
rule = "condition"
codes = ["S:8"]
[occasion.discharge]
title = "discharge"
rule = "discharge"
classes = ["IMP"]
[occasion.never]
title = "start of a drug that nobody takes"
rule = "medication-start"
pattern = "unobtainium"
new_after_days = 365
[pair.back-30]
title = "readmission"
occasion = "discharge"
outcome = "back"
within_days = 30
[pair.never-30]
title = "admission after a drug that nobody takes"
occasion = "never"
outcome = "back"
within_days = 30
[pair.wound-30]
title = "wound after discharge"
occasion = "discharge"
outcome = "wound"
within_days = 30
"#;
const WITHIN_YEARS: u32 = 40;

fn facts() -> Vec<Fact> {
    vec![
        fact(Kind::Condition, "S:1"),
        fact(Kind::Encounter, "IMP"),
        fact(Kind::EncounterEnd, "IMP"),
        fact(Kind::Condition, "S:8"),
    ]
}

/// Stays of five days every 150 days; after two of five of them, where the patient is frail, another one within 20 days.
fn row(number: u16, split: Split, rng: &mut ChaCha8Rng) -> PatientRow {
    let mut days = vec![(30 * 365, if number.is_multiple_of(2) { 0 } else { 3 })];
    for stay in 0..24 {
        let day = 32 * 365 + stay * 150;
        days.extend([(day, 1), (day + 5, 2)]);
        if number.is_multiple_of(2) && rng.random::<f64>() < 0.4 {
            days.extend([(day + 20, 1), (day + 22, 2)]);
        }
        if rng.random::<f64>() < 0.15 {
            days.push((day + 15, 3));
        }
    }
    let events = events(days.into_iter().map(|(day, fact)| (day, fact, None)).collect());
    let sex = if number % 4 < 2 { Sex::Female } else { Sex::Male };
    PatientRow { key: key(number), split, sex, follow_up_end: 50 * 365, death: None, events }
}

fn population(folder: &Path) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let splits = [Split::Train, Split::Validation, Split::Calibration];
    let patients: Vec<_> = (0..120).map(|number| row(number, splits[usize::from(number) % 3], &mut rng)).collect();
    dataset(folder, &facts(), &[], &patients)
}

/// Sees who is frail: the first key. Its risks are too high, so that a line has something to set right.
struct SeesTheFrail;

impl Reader for SeesTheFrail {
    fn hazards(&self, readings: &[Reading]) -> candle_core::Result<Vec<Hazards>> {
        let frail = |reading: &Reading| reading.history.entries.iter().any(|entry| entry.key == 0);
        let hazard = |reading| if frail(reading) { 1.5 } else { 0.05 };
        Ok(readings.iter().map(|reading| vec![vec![hazard(reading); 2]; BINS]).collect())
    }

    fn states(&self, readings: &[Reading]) -> candle_core::Result<Vec<Vec<f32>>> {
        Ok(vec![Vec::new(); readings.len()])
    }

    fn influence(&self, _: Reading, _: usize, _: usize) -> candle_core::Result<Vec<(u32, f32)>> {
        Ok(Vec::new())
    }
}

/// Runs a test on the lives of the three splits.
fn with_lives(test: impl FnOnce(&Phenotypes, [&[Life]; 3])) {
    let folder = tempfile::tempdir().unwrap();
    let dataset = population(folder.path());
    let phenotypes = Phenotypes::parse(DEFINED).unwrap();
    let vocabulary = vocabulary(&facts()[..2]);
    let words = Words { vocabulary: &vocabulary, phenotypes: &phenotypes, text_buckets: 1 };
    let of = |split| lives(&dataset, split, &words, &|_| ()).unwrap();
    let splits = [of(Split::Train), of(Split::Calibration), of(Split::Validation)];
    test(&phenotypes, [&splits[0], &splits[1], &splits[2]]);
}

fn fitted(phenotypes: &Phenotypes, patients: &Patients, before: &[FittedPair]) -> Vec<FittedPair> {
    fit_pairs(phenotypes, patients, &[(&SeesTheFrail, 1.0)], WITHIN_YEARS, before, &|_| ()).unwrap()
}

#[test]
fn a_pair_that_is_told_apart_is_served_calibrated_and_others_stay_silent() {
    with_lives(|phenotypes, [training, calibration, validation]| {
        let patients = Patients { training, calibration, validation: Some(validation) };
        let all = fitted(phenotypes, &patients, &[]);
        let names: Vec<&str> = all.iter().map(|one| one.pair.as_str()).collect();
        assert_eq!(names, ["back-30", "never-30", "wound-30"]);
        let [back, never, wound] = all.as_slice() else { panic!("three pairs") };
        assert_eq!((back.silent, never.silent), (None, Some(Abstention::NoSkill)));
        assert_eq!(wound.silent, Some(Abstention::NoSkill), "{:?}", wound.skill);
        let skill = back.skill.as_ref().unwrap();
        assert!(skill.auroc > 0.7 && skill.rows == 40 * DAYS_PER_LIFE && skill.difference.0 > 0.1, "{skill:?}");
        // 0.78 is what the reader says of the frail; a third of their discharges are followed by a stay.
        let calibrated = back.line.apply(1.0 - (-1.5_f64).exp());
        assert!((0.2..0.4).contains(&calibrated), "{calibrated}");
        assert!(never.skill.is_none() && never.line.apply(0.1) < 0.2);
    });
}

#[test]
fn without_validation_patients_the_word_of_before_stands() {
    with_lives(|phenotypes, [training, calibration, validation]| {
        let first = fitted(phenotypes, &Patients { training, calibration, validation: Some(validation) }, &[]);
        let again = fitted(phenotypes, &Patients { training, calibration: validation, validation: None }, &first);
        for (one, before) in again.iter().zip(&first) {
            assert_eq!(one.silent, before.silent);
            assert_eq!(one.skill.as_ref().map(|skill| skill.events), before.skill.as_ref().map(|skill| skill.events));
        }
        assert_ne!(again[0].line, first[0].line, "other patients calibrated it");
        let unheard = fitted(phenotypes, &Patients { training, calibration, validation: None }, &[]);
        assert!(unheard.iter().all(|one| one.silent == Some(Abstention::NoSkill)));
    });
}

#[test]
fn every_life_is_asked_about_on_twelve_days_of_an_occasion_at_most_and_always_the_same() {
    with_lives(|phenotypes, [training, ..]| {
        let occasion = phenotypes.occasions.index("discharge").unwrap();
        let days = moments(training, occasion, WITHIN_YEARS);
        assert_eq!(days, moments(training, occasion, WITHIN_YEARS));
        for (number, life) in training.iter().enumerate() {
            let own: Vec<i32> = days.iter().filter(|moment| moment.life == number).map(|moment| moment.day).collect();
            assert!(own.len() == DAYS_PER_LIFE && own.is_sorted_by(|a, b| a < b));
            assert!(own.iter().all(|day| life.occasion_days(occasion, WITHIN_YEARS).contains(day)));
        }
        assert!(moments(training, phenotypes.occasions.index("never").unwrap(), WITHIN_YEARS).is_empty());
    });
}
