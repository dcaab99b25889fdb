//! The trainer on a toy world: every weight learns, gradients are right, a stopped run ends like an unbroken one.

mod network;
mod runs;

use super::lives::{Words, lives};
use super::settings::Data;
use crate::learning::shard::{Dataset, EventRow, PatientRow, Split};
use crate::learning::toy::{dataset, fact};
use crate::patient_record::timeline::{Kind, Sex};
use crate::prediction::phenotype::{DEFAULT, Phenotypes};
use crate::prediction::vocabulary::{Fact, KNOTS, KeyEntry, Number, Vocabulary};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const CODES: [(&str, Kind, &str); 6] = [
    ("S:44054006", Kind::Condition, "Diabetes mellitus type 2"),
    ("IMP", Kind::Encounter, "inpatient"),
    ("L:4548-4", Kind::Observation, "Hemoglobin A1c"),
    ("R:860975", Kind::Medication, "metformin 500 MG"),
    ("S:431855005", Kind::Condition, "Chronic kidney disease stage 1"),
    ("IMP", Kind::EncounterEnd, "inpatient"),
];

fn vocabulary() -> Vocabulary {
    let keys = CODES[..4].iter().map(|(code, kind, display)| KeyEntry {
        key: format!("{}|{code}", kind.short()),
        kind: *kind,
        display: (*display).into(),
        patients: 9,
    });
    let knots = (0..KNOTS).map(|i| 4.0 + i as f32 * 0.2).collect();
    let number = Number { code: "L:4548-4".into(), unit: "%".into(), knots, mean: 6.0, sd: 1.0 };
    let auxiliary = vec!["MED|R:860975".into()];
    Vocabulary::new(keys.collect(), vec![number], auxiliary)
}

/// A dataset folder with lives drawn by chance, in the form that `ingest` writes.
fn toy_dataset(folder: &Path) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let facts = CODES.map(|(code, kind, display)| Fact { display: display.into(), ..fact(kind, code) });
    let patients: Vec<_> = (0..24_u8)
        .map(|number| {
            let events = (0..120)
                .map(|i| {
                    let fact = rng.random_range(0..CODES.len() as u32);
                    let after_days = if i == 0 { 8_000 } else { rng.random_range(0..300) };
                    EventRow { after_days, fact, number: (fact == 2).then(|| (0, rng.random_range(4.0..10.0))) }
                })
                .collect();
            let split = if number % 4 == 0 { Split::Validation } else { Split::Train };
            let sex = if number % 2 == 0 { Sex::Female } else { Sex::Male };
            PatientRow { key: [number; 16], split, sex, follow_up_end: 26_000, death: None, events }
        })
        .collect();
    std::fs::write(folder.join("vocabulary.json"), serde_json::to_string(&vocabulary()).unwrap()).unwrap();
    dataset(folder, &facts, &["%"], &patients)
}

#[test]
fn a_share_of_the_days_to_learn_from_are_occasions_and_the_rest_are_ordinary_ones() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = toy_dataset(folder.path());
    let (vocabulary, phenotypes) = (vocabulary(), Phenotypes::parse(DEFAULT).unwrap());
    let words = Words { vocabulary: &vocabulary, phenotypes: &phenotypes, text_buckets: 1 };
    let lives = lives(&dataset, Split::Train, &words, &|_| ()).unwrap();
    let data = |occasion_share| Data { occasion_share, ..Data::default() };
    let (mut all, mut occasions, mut kinds) = (0, 0, [0, 0]);
    for (seed, life) in lives.iter().enumerate() {
        let ordinary = life.index_days(data(0.0).draw(32), seed as u64);
        assert_eq!(life.training_days(32, &data(0.0), seed as u64), ordinary);
        let days = life.training_days(32, &data(0.25), seed as u64);
        assert_eq!(days, life.training_days(32, &data(0.25), seed as u64));
        assert!(days.len() == ordinary.len() && days.is_sorted_by(|a, b| a < b));
        let of = |name| life.occasion_days(phenotypes.occasions.index(name).unwrap(), data(0.0).within_years);
        let (discharges, starts) = (of("discharge"), of("new-metformin"));
        for day in days.iter().filter(|day| !ordinary.contains(day)) {
            assert!(discharges.contains(day) || starts.contains(day));
        }
        let among = |some: &[i32]| days.iter().filter(|day| some.contains(day)).count();
        kinds = [kinds[0] + among(discharges), kinds[1] + among(starts)];
        all += days.len();
        occasions += days.iter().filter(|day| discharges.contains(day) || starts.contains(day)).count();
    }
    let share = occasions as f64 / all as f64;
    assert!((0.24..0.40).contains(&share), "{share}");
    assert!(kinds[1] * 2 > kinds[0], "the rarer occasion is drawn as often while there are any: {kinds:?}");
}
