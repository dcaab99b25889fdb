//! A made-up population whose truth is known: an illness that follows an exposure, a wound that follows nothing.

use crate::learning::shard::{Dataset, PatientRow, Split, hex};
use crate::learning::toy::{self, fact, key};
use crate::patient_record::timeline::{Kind, Sex};
use crate::prediction::vocabulary::{Fact, Vocabulary};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt::Write;
use std::path::Path;

/// An illness that follows an exposure, and a wound that follows nothing.
pub const OUTCOMES: &str = r#"
format = 1
gap_days = 30
horizons_days = [365, 1825]
[outcome.severe-anxiety]
title = "severe anxiety"
group = "disease"
rule = "condition"
codes = ["S:7"]
[outcome.laceration]
title = "laceration"
group = "control"
rule = "condition"
codes = ["S:8"]
[occasion.discharge]
title = "discharge"
rule = "discharge"
classes = ["IMP"]
[pair.anxiety-90]
title = "severe anxiety within 90 days of discharge"
occasion = "discharge"
outcome = "severe-anxiety"
within_days = 90
"#;

/// Whoever has it falls ill five times as often.
pub const EXPOSURE: &str = "COND|S:1";

/// Facts: visit, exposure, illness, wound, and the end of a stay.
fn facts() -> Vec<Fact> {
    vec![
        fact(Kind::Encounter, "AMB"),
        fact(Kind::Condition, "S:1"),
        fact(Kind::Condition, "S:7"),
        fact(Kind::Condition, "S:8"),
        fact(Kind::EncounterEnd, "IMP"),
    ]
}

/// One life from 20 to 60: visits, a stay every 200 days from 38 on, perhaps an exposure at 29, illnesses more often after it, wounds at random.
fn life(number: u16, split: Split, rng: &mut ChaCha8Rng) -> PatientRow {
    let exposed = rng.random::<bool>();
    let mut days: Vec<(i32, u32)> = (0..80).map(|visit| (20 * 365 + visit * 180, 0)).collect();
    if exposed {
        days.push((29 * 365, 1));
    }
    let often = if exposed { 0.02 } else { 0.004 };
    for month in 0..480 {
        let day = 20 * 365 + month * 30;
        if rng.random::<f64>() < often {
            days.push((day, 2));
        }
        if rng.random::<f64>() < 0.008 {
            days.push((day, 3));
        }
    }
    days.extend((0..30).map(|stay| (38 * 365 + stay * 200, 4)));
    let events = toy::events(days.into_iter().map(|(day, fact)| (day, fact, None)).collect());
    let sex = if number.is_multiple_of(2) { Sex::Female } else { Sex::Male };
    PatientRow { key: key(number), split, sex, follow_up_end: 21_900 / 28 * 28, death: None, events }
}

/// A dataset of 240 lives, half for training, with its identity list.
pub fn population(folder: &Path) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let patients: Vec<PatientRow> = (0..240)
        .map(|number| life(number, if number % 4 < 2 { Split::Train } else { Split::Test }, &mut rng))
        .collect();
    let mut identity = String::from("patient,key,birth_date,split\n");
    for (number, patient) in patients.iter().enumerate() {
        let key = hex(&patient.key);
        writeln!(identity, "p{number},{key},1960-01-{:02},{}", number % 28 + 1, patient.split.as_str()).unwrap();
    }
    std::fs::write(folder.join("identity.csv"), identity).unwrap();
    toy::dataset(folder, &facts(), &[], &patients)
}

/// What the model reads: everything but ends of stays.
pub fn vocabulary() -> Vocabulary {
    toy::vocabulary(&facts()[..4])
}
