//! The vocabulary that the training split supports: keys and numbers that enough patients have.

use super::tally::{KeyCount, NumberCount, Tally};
use crate::learning::shard::Split;
use crate::patient_record::timeline::Kind;
use crate::prediction::vocabulary::{KNOTS, KeyEntry, Number, Vocabulary};

/// The format of `vocabulary.json`.
const FORMAT: u32 = 1;
/// A number needs so many sampled values.
const FEWEST_VALUES: usize = 50;
/// How many keys the network also learns to foresee.
const AUXILIARY: usize = 160;

/// Learns from the training patients of a tally.
pub fn learn(tally: &mut Tally) -> Vocabulary {
    let patients = tally.patients[Split::Train as usize];
    let enough = |n: u32| f64::from(n) >= (0.01 * patients as f64).max(5.0);
    let keys: Vec<KeyEntry> =
        tally.keys.iter().filter(|(_, count)| enough(count.patients)).map(|(key, count)| entry(key, count)).collect();
    let numbers = tally
        .numbers
        .iter_mut()
        .filter(|(_, count)| enough(count.patients))
        .filter_map(|((code, unit), count)| number(code, unit, count))
        .collect();
    let auxiliary = auxiliary(&keys, patients);
    let mut vocabulary = Vocabulary::default();
    (vocabulary.format, vocabulary.keys) = (FORMAT, keys);
    (vocabulary.numbers, vocabulary.auxiliary) = (numbers, auxiliary);
    vocabulary.indexed()
}

fn entry(key: &str, count: &KeyCount) -> KeyEntry {
    // The most frequent display; of equally frequent ones the first by alphabet.
    let display = count.displays.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
    let display = display.map(|(text, _)| text.clone()).unwrap_or_default();
    KeyEntry { key: key.to_owned(), kind: count.kind, display, patients: count.patients }
}

fn number(code: &str, unit: &str, count: &mut NumberCount) -> Option<Number> {
    let mut values: Vec<f64> = count.values().into_iter().map(f64::from).collect();
    if values.len() < FEWEST_VALUES {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let knots = (0..KNOTS).map(|i| quantile(&values, i as f64 / (KNOTS - 1) as f64) as f32).collect();
    let (low, high) = (quantile(&values, 0.01), quantile(&values, 0.99));
    let n = values.len() as f64;
    let clipped = values.iter().map(|value| value.clamp(low, high));
    let mean = clipped.clone().sum::<f64>() / n;
    let sd = (clipped.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Counts and tiny concentrations share this code: the floor follows the size of the values.
    let sd = sd + 1e-6 * mean.abs().max(f64::MIN_POSITIVE);
    let sd = if sd as f32 > 0.0 { sd as f32 } else { 1.0 };
    Some(Number { code: code.to_owned(), unit: unit.to_owned(), knots, mean: mean as f32, sd })
}

/// Linear interpolation between order statistics.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * part
}

/// Keys whose first occurrence is neither rare nor usual, those nearest to one half of the patients first.
fn auxiliary(keys: &[KeyEntry], patients: u64) -> Vec<String> {
    let patients = patients as f64;
    let foreseeable = |kind| {
        matches!(kind, Kind::Condition | Kind::Medication | Kind::Procedure | Kind::CarePlan | Kind::EncounterType)
    };
    let share = |entry: &KeyEntry| f64::from(entry.patients) / patients;
    let mut chosen: Vec<&KeyEntry> =
        keys.iter().filter(|entry| foreseeable(entry.kind) && (0.01..=0.7).contains(&share(entry))).collect();
    let nearness = |entry: &KeyEntry| share(entry).min(1.0 - share(entry));
    chosen.sort_by(|a, b| nearness(b).total_cmp(&nearness(a)).then_with(|| a.key.cmp(&b.key)));
    chosen.into_iter().take(AUXILIARY).map(|entry| entry.key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn key(kind: Kind, patients: u32) -> KeyCount {
        let displays = BTreeMap::from([("b".to_owned(), 2), ("a".to_owned(), 2), ("c".to_owned(), 1)]);
        KeyCount { kind, patients, events: [0; 4], displays }
    }

    #[test]
    fn rare_keys_stay_out_and_middling_ones_are_foreseen() {
        let mut tally = Tally { patients: [1_000, 9, 9, 9], ..Default::default() };
        let counts = [("COND|S:1", 9), ("COND|S:2", 10), ("COND|S:3", 450), ("COND|S:4", 701), ("COND|S:5", 600)];
        counts.iter().for_each(|(text, n)| drop(tally.keys.insert(text.to_string(), key(Kind::Condition, *n))));
        tally.keys.insert("OBS|L:1".into(), key(Kind::Observation, 500));
        let vocabulary = learn(&mut tally);
        assert_eq!(vocabulary.keys.len(), 5);
        assert_eq!(vocabulary.key("COND|S:1"), None);
        assert_eq!(vocabulary.keys[0].display, "a");
        assert_eq!(vocabulary.auxiliary, ["COND|S:3", "COND|S:5", "COND|S:2"]);
    }

    #[test]
    fn knots_are_quantiles_and_outliers_do_not_move_the_mean_far() {
        let mut sample: Vec<([u8; 16], Vec<f32>)> = (0..=99u8).map(|i| ([i; 16], vec![f32::from(i)])).collect();
        sample.push(([255; 16], vec![1e9]));
        let mut count = NumberCount { patients: 101, sample };
        let number = number("L:1", "g", &mut count).unwrap();
        assert_eq!(number.knots.len(), KNOTS);
        assert_eq!(number.knots[16], 50.0);
        assert_eq!(number.knots[8], 25.0);
        assert!((number.mean - 50.0).abs() < 0.5 && (number.sd - 29.0).abs() < 1.0, "{number:?}");
    }
}
