//! Reader (A) by hand: what each input says, gradients, exact removal, and the sparse form.

use super::config::{COURSE, PER_KEY, SINCE_DAYS};
use super::*;
use crate::patient_record::timeline::Kind;
use crate::prediction::network::{Day, Entry, History, NumberEntry, initial_parameters};
use crate::prediction::vocabulary::{KNOTS, Number};
use fused_ops::{HazardTargets, hazard_loss};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const KEYS: usize = 4;

fn config() -> FactsConfig {
    FactsConfig { wide: 6, width: 5, rank: 3, keys: KEYS, numbers: 1, named: 2, outcomes: 3 }
}

/// Key 0 begins a condition, key 1 ends it, key 2 carries the number, key 3 is known, key 4 is unknown.
fn words() -> Arc<Words> {
    let knots = (0..KNOTS).map(|i| i as f32 / 8.0 - 2.0).collect();
    let number = Number { code: "L:1".into(), unit: "1".into(), knots, mean: 0.0, sd: 1.0 };
    Arc::new(Words { ends: vec![None, Some(0), None, None], numbers: vec![number] })
}

fn history(days: &[(i32, &[u32])]) -> History {
    let (mut entries, mut active) = (Vec::new(), Vec::new());
    for (day, keys) in days {
        let start = entries.len() as u32;
        for &key in *keys {
            let standardised = *day as f32 / 1000.0 - 15.0;
            let number = (key == 2).then_some(NumberEntry { number: 0, standardised, knot: 7, share: 0.25 });
            entries.push(Entry { key, number });
        }
        active.push(Day { day: *day, start, end: entries.len() as u32 });
    }
    History { female: true, birth_day: 0, days: active, entries, unknown: vec![(Kind::Condition, vec![])] }
}

fn of(history: &History, day: i32, without: &[u32]) -> Vec<Fact> {
    facts(&Asked::at(history, day, usize::MAX, without), day, &config(), &words())
}

fn at(facts: &[Fact], input: usize) -> f32 {
    facts.iter().find(|(known, _)| *known as usize == input).map_or(0.0, |fact| fact.1)
}

#[test]
fn every_kind_of_input_says_what_its_name_says() {
    let history = history(&[(14_000, &[0, 2]), (15_000, &[1, 2]), (15_300, &[3]), (15_320, &[3, 4])]);
    let facts = of(&history, 15_364, &[]);
    assert!(facts.windows(2).all(|pair| pair[0].0 < pair[1].0), "inputs stand in order, each once");
    let key3 = 3 * PER_KEY;
    assert_eq!(at(&facts, key3), 3f32.ln(), "twice within 90 days");
    assert_eq!(at(&facts, PER_KEY + 1), 2f32.ln(), "the 365 days to 15 364 begin with 15 000");
    assert_eq!(at(&facts, 1), 0.0, "and 14 000 lies before them");
    let since = 45.0;
    assert!((at(&facts, key3 + 4) - f32::exp(-since / 60.0)).abs() < 1e-6);
    let hats = key3 + 8;
    assert!((at(&facts, hats + 1) - 15.0 / 40.0).abs() < 1e-6 && (at(&facts, hats + 2) - 25.0 / 40.0).abs() < 1e-6);
    assert_eq!(at(&facts, key3 + 7), 3f32.ln(), "two days lately");
    assert_eq!(at(&facts, 6), 0.0, "the condition was ended");
    assert_eq!(at(&of(&history, 14_500, &[]), 6), 1.0, "and was open before");
    let number = config().first_number();
    assert_eq!(at(&facts, number + COURSE + 7), 0.75);
    assert_eq!(at(&facts, number + COURSE + 8), 0.25);
    let ahead = number + COURSE + KNOTS;
    assert!((ahead..ahead + KNOTS).all(|input| at(&facts, input) == 0.0), "one value lately has no course");
    let early = of(&history, 15_090, &[]);
    let leads = (ahead..ahead + KNOTS).map(|input| (input - ahead) as f32 * at(&early, input)).sum::<f32>() / 8.0 - 2.0;
    assert!((leads - (0.0 + 2.0 * 0.365)).abs() < 1e-3, "1 in 1000 days from 0 leads to 0.73 in two years: {leads}");
    let slope = 1.0 / (1_000.0 / 365.0);
    assert!((at(&facts, number + 2) - if 15_365 - 14_000 <= 1095 { slope } else { 0.0 }).abs() < 1e-5);
    assert!(at(&facts, (KEYS + Kind::Condition as usize) * PER_KEY) > 0.0, "an unknown code counts for its kind");
    assert_eq!(SINCE_DAYS[0], 0.0);
}

#[test]
fn nothing_after_the_day_is_read_and_a_key_left_out_leaves_no_trace() {
    let whole = history(&[(14_000, &[0, 2]), (15_000, &[1, 2]), (15_300, &[3]), (15_320, &[3, 4])]);
    let early = history(&[(14_000, &[0, 2]), (15_000, &[1, 2])]);
    assert_eq!(of(&whole, 15_100, &[]), of(&early, 15_100, &[]));
    let without = of(&whole, 15_364, &[2]);
    let key2 = 2 * PER_KEY..3 * PER_KEY;
    let number = config().first_number()..config().first_plain();
    assert!(
        without.iter().all(|(input, _)| !key2.contains(&(*input as usize)) && !number.contains(&(*input as usize)))
    );
}

/// A learning reader whose tables are not zero.
fn learning(seed: u64) -> (Parameters, Facts) {
    let config = config();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut weights = initial_parameters(config.weights(), &[-2.0; BINS * 3], seed).unwrap();
    for tensor in weights.values_mut() {
        let moved: Vec<f32> = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let moved = moved.iter().map(|x| x + rng.random_range(-0.1..0.1)).collect::<Vec<f32>>();
        *tensor = Tensor::from_vec(moved, tensor.shape(), &Device::Cpu).unwrap();
    }
    let inputs = config.inputs();
    weights.insert(SCALE.to_owned(), Tensor::from_vec(vec![0.5f32; inputs], inputs, &Device::Cpu).unwrap());
    let facts = Facts::learning(config, weights.clone(), words()).unwrap();
    (weights, facts)
}

#[test]
fn every_weight_receives_a_gradient_that_matches_finite_differences() {
    let (weights, _) = learning(3);
    let vars: Vec<(String, Var)> =
        weights.iter().map(|(name, tensor)| (name.clone(), Var::from_tensor(tensor).unwrap())).collect();
    let life = history(&[(14_000, &[0, 2]), (15_000, &[1, 2]), (15_300, &[3]), (15_320, &[3, 4])]);
    let asked = [
        Asked { history: &life, first: 0, end: 4, read_outs: vec![14_500, 15_330], without: &[] },
        Asked { history: &life, first: 1, end: 3, read_outs: vec![15_310], without: &[] },
    ];
    let n = 3 * BINS * 3;
    let targets = Arc::new(HazardTargets {
        exposure: (0..n).map(|i| (i % 5) as f32 / 4.0).collect(),
        event: (0..n).map(|i| f32::from(u8::from(i % 7 == 0))).collect(),
        weight: vec![1.0, 2.0, 0.3],
        named: 2,
    });
    let loss = || {
        let weights: Parameters = vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let reader = Facts::learning(config(), weights, words()).unwrap();
        let gathered = reader.gather(&asked, &mut || false);
        hazard_loss(&reader.forward(&gathered, 0.2, 4).unwrap(), &targets).unwrap()
    };
    let grads = loss().backward().unwrap();
    for (name, var) in vars.iter().filter(|(name, _)| name != SCALE) {
        let grad: Vec<f32> = grads.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        assert!(grad.iter().any(|g| g.abs() > 1e-7), "`{name}` has a zero gradient");
        let mut order: Vec<usize> = (0..grad.len()).collect();
        order.sort_by(|&a, &b| grad[b].abs().total_cmp(&grad[a].abs()));
        let start: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        for &i in order.iter().take(4) {
            let at = |delta: f32| {
                let mut moved = start.clone();
                moved[i] += delta;
                var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).unwrap()).unwrap();
                f64::from(loss().to_scalar::<f32>().unwrap())
            };
            let numeric = (at(4e-3) - at(-4e-3)) / 8e-3;
            let error = (numeric - f64::from(grad[i])).abs();
            assert!(error < 1e-3 + 0.04 * numeric.abs(), "`{name}` element {i}: {} against {numeric}", grad[i]);
        }
        var.set(&Tensor::from_vec(start, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
}

#[test]
fn a_packaged_reader_reads_like_the_one_that_was_learned_and_a_batch_like_its_members() {
    let (_, learned) = learning(5);
    let life = history(&[(14_000, &[0, 2]), (15_000, &[1, 2]), (15_300, &[3]), (15_320, &[3, 4])]);
    let readings = [14_500, 15_330, 15_400].map(|day| Reading { history: &life, day, without: &[] });
    let together = learned.hazards(&readings).unwrap();
    let packaged = Facts::packaged(config(), learned.to_package().unwrap(), words()).unwrap();
    for (reading, learned) in readings.iter().zip(&together) {
        let alone = &packaged.hazards(&[*reading]).unwrap()[0];
        for (a, b) in alone.iter().flatten().zip(learned.iter().flatten()) {
            assert!((a - b).abs() <= 2e-3 * a.abs(), "{a} against {b}");
        }
    }
}

#[test]
fn the_influence_of_a_key_is_what_leaving_it_out_changes() {
    let (_, learned) = learning(8);
    let reader = learned.freeze().unwrap();
    let life = history(&[(14_000, &[0, 2]), (15_000, &[1, 2]), (15_300, &[3]), (15_320, &[3, 4])]);
    let reading = Reading { history: &life, day: 15_330, without: &[] };
    let sum = |hazards: &Hazards| hazards.iter().map(|bin| f64::from(bin[1])).sum::<f64>();
    let with = sum(&reader.hazards(&[reading]).unwrap()[0]);
    let (mut products, mut squares, mut exact_squares) = (0.0, 0.0, 0.0);
    let effects = reader.influence(reading, 1, BINS).unwrap();
    assert_eq!(effects.iter().map(|effect| effect.0).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    for (key, estimate) in effects {
        let exact = with - sum(&reader.hazards(&[Reading { without: &[key], ..reading }]).unwrap()[0]);
        products += exact * f64::from(estimate);
        squares += f64::from(estimate).powi(2);
        exact_squares += exact.powi(2);
    }
    let cosine = products / (squares * exact_squares).sqrt();
    assert!(cosine > 0.9, "estimates and exact changes point {cosine} alike");
}

#[test]
fn a_table_of_another_shape_is_refused() {
    let (_, learned) = learning(2);
    let mut weights = learned.to_package().unwrap();
    let columns = weights.get("facts.linear.columns").unwrap();
    let n = columns.elem_count();
    weights.insert("facts.linear.columns".into(), Tensor::from_vec(vec![99u32; n], n, &Device::Cpu).unwrap());
    assert!(Facts::packaged(config(), weights, words()).is_err());
}
