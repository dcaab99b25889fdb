//! The same charts, worse: what may happen to a record between a patient and a model.
//!
//! Owns each way of altering a chart, drawn by the patient's key so that all of them are the same in every run.
//! Only what the model reads is altered; labels stay those of the true record.

use super::labels::Key;
use crate::learning::life::{ShardReader, dated};
use crate::learning::shard::{EventRow, PatientRow, Shard};
use crate::learning::truncate::{Truncation, truncate};
use crate::patient_record::terminology::canonical;
use crate::patient_record::timeline::Kind;
use crate::prediction::phenotype::{OutcomeDays, Phenotypes};
use crate::prediction::vocabulary::{EncodedChart, Vocabulary};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// What is done to a chart.
#[derive(Clone, Debug)]
pub enum Alteration {
    Nothing,
    /// This share of the events is gone, whichever.
    Dropped(f64),
    /// This share of the codes has another name that the vocabulary does not know.
    Renamed {
        share: f64,
        keep_display: bool,
    },
    /// Every number is sent in another unit of the same quantity (pounds, inches, grams per litre).
    OtherUnits,
    /// Masses are sent as amounts of substance (glucose in mmol/L), which is another quantity.
    MassesAsAmounts,
    /// Observations are known so many days later.
    LateLabs(i32),
    /// The events of each day stand in another order.
    Shuffled,
    /// Only this arrives.
    Cut(Box<Truncation>),
}

/// A shard as one alteration shows it.
pub struct AlteredShard<'a> {
    alteration: &'a Alteration,
    /// Facts under other names; no patients.
    renamed: Option<Shard>,
}

impl<'a> AlteredShard<'a> {
    pub fn new(alteration: &'a Alteration, shard: &Shard) -> Self {
        let renamed = match alteration {
            Alteration::Renamed { share, keep_display } => Some(renamed(shard, *share, *keep_display)),
            _ => None,
        };
        Self { alteration, renamed }
    }

    /// Looks up the shard's facts.
    pub fn reader(&'a self, shard: &'a Shard, words: &'a Vocabulary, phenotypes: &'a Phenotypes) -> ShardReader<'a> {
        ShardReader::new(self.renamed.as_ref().unwrap_or(shard), words, phenotypes)
    }

    /// The altered chart as of the end of `day`.
    pub fn chart(
        &self,
        reader: &ShardReader<'_>,
        (shard, words): (&Shard, &Vocabulary),
        (row, outcomes): (&PatientRow, &[OutcomeDays]),
        day: i32,
    ) -> EncodedChart {
        if let Alteration::Cut(truncation) = self.alteration {
            return truncate(&reader.chart(row, outcomes, day), words, truncation, day);
        }
        match self.alteration.row(row, shard) {
            Some(row) => reader.chart(&row, outcomes, day),
            None => reader.chart(row, outcomes, day),
        }
    }
}

/// A number between 0 and 1 that belongs to these words.
fn uniform(parts: &[&[u8]]) -> f64 {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let digest = hash.finalize();
    let bytes: [u8; 8] = std::array::from_fn(|place| digest[place]);
    u64::from_le_bytes(bytes) as f64 / u64::MAX as f64
}

fn renamed(shard: &Shard, share: f64, keep_display: bool) -> Shard {
    let mut facts = shard.facts.clone();
    for fact in &mut facts {
        if uniform(&[b"code", fact.code.as_bytes()]) < share {
            fact.code.push_str("-local");
            if !keep_display {
                fact.display.clear();
            }
        }
    }
    Shard { format: shard.format, facts, units: shard.units.clone(), patients: Vec::new() }
}

impl Alteration {
    /// The row altered; `None` where it stays as it is.
    fn row(&self, row: &PatientRow, shard: &Shard) -> Option<PatientRow> {
        let mut events: Vec<(i32, EventRow)> = dated(row).map(|(day, event)| (day, *event)).collect();
        match self {
            Self::Dropped(share) => {
                let mut place = 0_u32;
                events.retain(|_| {
                    place += 1;
                    uniform(&[b"event", &row.key, &place.to_le_bytes()]) >= *share
                });
            }
            Self::OtherUnits => events.iter_mut().for_each(|(_, event)| sent_otherwise(event, shard)),
            Self::MassesAsAmounts => events.iter_mut().for_each(|(_, event)| as_amount(event, shard)),
            Self::LateLabs(days) => {
                for (day, event) in &mut events {
                    if shard.facts.get(event.fact as usize).is_some_and(|fact| fact.kind == Kind::Observation) {
                        *day += days;
                    }
                }
                events.sort_by_key(|(day, _)| *day);
            }
            Self::Shuffled => shuffle(&mut events, row.key),
            Self::Nothing | Self::Renamed { .. } | Self::Cut(_) => return None,
        }
        let mut before = 0;
        let events = events.into_iter().map(|(day, event)| {
            let event = EventRow { after_days: day - before, ..event };
            before = day;
            event
        });
        Some(PatientRow { events: events.collect(), ..row.clone() })
    }
}

fn shuffle(events: &mut [(i32, EventRow)], key: Key) {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&key);
    let mut rng = ChaCha8Rng::from_seed(seed);
    events.chunk_by_mut(|a, b| a.0 == b.0).for_each(|day| day.shuffle(&mut rng));
}

/// Canonical unit, a unit of the same quantity, and how many of it one canonical unit is; degrees have an offset too.
const SAME_QUANTITY: [(&str, &str, f64, f64); 9] = [
    ("kg", "[lb_av]", 1.0 / 0.453_592_37, 0.0),
    ("cm", "[in_i]", 1.0 / 2.54, 0.0),
    ("Cel", "[degF]", 1.8, 32.0),
    ("mg/dL", "g/L", 0.01, 0.0),
    ("mmol/L", "umol/L", 1000.0, 0.0),
    ("mm[Hg]", "kPa", 0.133_322_387_415, 0.0),
    ("10*3/uL", "10*9/L", 1.0, 0.0),
    ("mL/min", "L/h", 0.06, 0.0),
    ("1", "%", 100.0, 0.0),
];

/// The number as ingest would store it, had the sender used the other unit.
fn sent_otherwise(event: &mut EventRow, shard: &Shard) {
    let Some((unit, value)) = event.number else { return };
    let Some(own) = shard.units.get(usize::from(unit)) else { return };
    if let Some((_, other, factor, offset)) = SAME_QUANTITY.iter().find(|(unit, ..)| unit == own) {
        store(event, shard, f64::from(value) * factor + offset, other);
    }
}

/// LOINC codes that laboratories also report as amounts, with millimoles per litre of one mg/dL.
const AMOUNTS: [(&str, f64); 14] = [
    ("L:2345-7", 0.0555),   // glucose
    ("L:2339-0", 0.0555),   // glucose, blood
    ("L:2093-3", 0.02586),  // cholesterol
    ("L:2085-9", 0.02586),  // HDL
    ("L:18262-6", 0.02586), // LDL
    ("L:2571-8", 0.01129),  // triglycerides
    ("L:2160-0", 0.0884),   // creatinine
    ("L:38483-4", 0.0884),  // creatinine, blood
    ("L:3094-0", 0.357),    // urea nitrogen
    ("L:6299-2", 0.357),    // urea nitrogen, blood
    ("L:17861-6", 0.2495),  // calcium
    ("L:49765-1", 0.2495),  // calcium, blood
    ("L:1975-2", 0.0171),   // bilirubin
    ("L:19123-9", 0.4114),  // magnesium
];

fn as_amount(event: &mut EventRow, shard: &Shard) {
    let Some((unit, value)) = event.number else { return };
    let is_mass = shard.units.get(usize::from(unit)).is_some_and(|unit| unit == "mg/dL");
    let Some(fact) = shard.facts.get(event.fact as usize).filter(|_| is_mass) else { return };
    if let Some((_, factor)) = AMOUNTS.iter().find(|(code, _)| *code == fact.code) {
        store(event, shard, f64::from(value) * factor, "mmol/L");
    }
}

/// Puts a number into canonical units, as ingest does. A unit that the shard lacks is one that no number of the
/// vocabulary can have been learned in from it: the event keeps its code and loses its number.
fn store(event: &mut EventRow, shard: &Shard, value: f64, unit: &str) {
    let stored = canonical(value, unit);
    let place = shard.units.iter().position(|known| **known == *stored.unit);
    event.number = place.map(|place| (place as u16, stored.value as f32));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::shard::{SHARD_FORMAT, Split};
    use crate::patient_record::timeline::Sex;
    use crate::prediction::vocabulary::Fact;

    /// Conditions and glucose, weight and an unknown number, two of each a day.
    fn shard() -> Shard {
        let fact = |kind, code: &str| Fact { kind, code: code.into(), value: None, display: "said".into() };
        let facts = vec![
            fact(Kind::Condition, "S:1"),
            fact(Kind::Observation, "L:2345-7"),
            fact(Kind::Observation, "L:29463-7"),
            fact(Kind::Condition, "S:2"),
        ];
        let numbers = [None, Some((0, 100.0)), Some((1, 80.0)), None];
        let events = (0..400_u32)
            .map(|place| EventRow {
                after_days: i32::from(place % 4 == 0) * 10,
                fact: place % 4,
                number: numbers[place as usize % 4],
            })
            .collect();
        let row =
            PatientRow { key: [7; 16], split: Split::Test, sex: Sex::Male, follow_up_end: 9_000, death: None, events };
        Shard { format: SHARD_FORMAT, facts, units: vec!["mg/dL".into(), "kg".into()], patients: vec![row] }
    }

    fn altered(alteration: Alteration) -> PatientRow {
        let shard = shard();
        alteration.row(&shard.patients[0], &shard).unwrap()
    }

    #[test]
    fn about_the_stated_share_is_dropped_and_days_stay() {
        let (shard, row) = (shard(), altered(Alteration::Dropped(0.3)));
        assert!((240..320).contains(&row.events.len()), "{}", row.events.len());
        let days: Vec<i32> = dated(&shard.patients[0]).map(|(day, _)| day).collect();
        assert!(dated(&row).all(|(day, _)| days.contains(&day)));
        assert_eq!(row.events, altered(Alteration::Dropped(0.3)).events, "the same in every run");
    }

    #[test]
    fn another_unit_of_the_same_quantity_is_the_same_number() {
        let (before, after) = (shard(), altered(Alteration::OtherUnits));
        for (a, b) in before.patients[0].events.iter().zip(&after.events) {
            match (a.number, b.number) {
                (Some((unit, a)), Some((same, b))) => assert!(unit == same && (a - b).abs() < 1e-4 * a, "{a} {b}"),
                (a, b) => assert_eq!(a, b),
            }
        }
    }

    #[test]
    fn an_amount_is_another_number_which_this_vocabulary_has_not() {
        let row = altered(Alteration::MassesAsAmounts);
        assert!(row.events.iter().filter(|event| event.fact == 1).all(|event| event.number.is_none()));
        assert!(row.events.iter().filter(|event| event.fact == 2).all(|event| event.number == Some((1, 80.0))));
    }

    #[test]
    fn late_labs_come_later_and_nothing_else_moves() {
        let row = altered(Alteration::LateLabs(30));
        let first = |fact: u32| dated(&row).find(|(_, event)| event.fact == fact).map(|(day, _)| day);
        assert_eq!([0, 1, 2, 3].map(first), [Some(10), Some(40), Some(40), Some(10)]);
        assert!(dated(&row).map(|(day, _)| day).is_sorted() && row.events.len() == 400);
    }

    #[test]
    fn a_shuffled_day_holds_the_same_events() {
        let (before, after) = (shard(), altered(Alteration::Shuffled));
        let sorted = |row: &PatientRow| {
            let mut all: Vec<(i32, u32)> = dated(row).map(|(day, event)| (day, event.fact)).collect();
            let order = all.clone();
            all.sort_unstable();
            (all, order)
        };
        let ((a, order), (b, other)) = (sorted(&before.patients[0]), sorted(&after));
        assert!(a == b && order != other);
    }

    #[test]
    fn a_renamed_code_is_unknown_with_or_without_its_words() {
        for keep_display in [true, false] {
            let facts = renamed(&shard(), 1.0, keep_display).facts;
            assert!(facts.iter().all(|fact| fact.code.ends_with("-local") && fact.display.is_empty() != keep_display));
        }
        assert_eq!(renamed(&shard(), 0.0, false).facts, shard().facts);
    }
}
