//! Reader (B)'s network as it learns: every weight has its gradient, a batch reads like its members, influence is true.

use super::vocabulary;
use crate::patient_record::timeline::Kind;
use crate::prediction::model::known_keys;
use crate::prediction::network::transformer::{Dropout, Pass};
use crate::prediction::network::{
    Asked, BINS, Day, Entry, Hazards, History, NetworkConfig, NumberEntry, Packed, Reader, Reading, Transformer,
    initial_parameters, transformer_weights,
};
use crate::prediction::vocabulary::Vocabulary;
use candle_core::{Device, Tensor, Var};
use fused_ops::{HazardTargets, Precision, hazard_loss, set_cross_entropy};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

fn config(vocabulary: &Vocabulary) -> NetworkConfig {
    NetworkConfig {
        width: 16,
        layers: 2,
        heads: 2,
        hidden: 12,
        rank: 4,
        context: 8,
        text_buckets: 64,
        text_width: 6,
        keys: vocabulary.keys.len(),
        numbers: 1,
        named: 2,
        outcomes: 3,
    }
}

/// Ten active days with known and unknown keys and numbers.
fn history(vocabulary: &Vocabulary, female: bool) -> History {
    let keys = vocabulary.keys.len() as u32;
    let mut entries = Vec::new();
    let mut days = Vec::new();
    for day in 0..10_i32 {
        let start = entries.len() as u32;
        entries.push(Entry { key: day as u32 % keys, number: None });
        let number = NumberEntry { number: 0, standardised: day as f32 / 5.0 - 1.0, knot: day as u32 * 3, share: 0.3 };
        entries.push(Entry { key: 2, number: Some(number) });
        if day % 3 == 0 {
            entries.push(Entry { key: keys, number: None });
        }
        days.push(Day { day: 15_000 + day * day * 11, start, end: entries.len() as u32 });
    }
    History { female, birth_day: 0, days, entries, unknown: vec![(Kind::Condition, vec![3, 17, 40])] }
}

/// A small network with weights that may move, and a batch of two lives for it.
struct Bench {
    config: NetworkConfig,
    keys: Vec<(usize, Vec<u32>)>,
    vars: Vec<(String, Var)>,
    packed: Packed,
    targets: Arc<HazardTargets>,
    sets: Arc<Vec<Vec<u32>>>,
}

impl Bench {
    fn new() -> Self {
        let vocabulary = vocabulary();
        let config = config(&vocabulary);
        let keys = known_keys(&vocabulary, config.text_buckets);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let vars = initial_parameters(transformer_weights(&config), &[-2.0; BINS * 3], 3)
            .unwrap()
            .into_iter()
            .map(|(name, start)| {
                // Away from the beginning, where many gradients are zero by symmetry.
                let start_numbers: Vec<f32> = start.flatten_all().unwrap().to_vec1().unwrap();
                let moved = start_numbers.iter().map(|x| x + rng.random_range(-0.2..0.2)).collect();
                let moved: Tensor = Tensor::from_vec::<_, f32>(moved, start.shape(), &Device::Cpu).unwrap();
                (name, Var::from_tensor(&moved).unwrap())
            })
            .collect();
        let lives = [history(&vocabulary, true), history(&vocabulary, false)];
        let asked = [
            Asked { history: &lives[0], first: 3, end: 10, read_outs: vec![15_300, 15_600, 15_950], without: &[] },
            Asked { history: &lives[1], first: 0, end: 4, read_outs: vec![15_110], without: &[] },
        ];
        let mut entry = 0;
        let packed = Packed::new(&asked, &config, &mut || {
            entry += 1;
            entry % 4 == 0
        });
        let n = 4 * BINS * 3;
        let targets = Arc::new(HazardTargets {
            exposure: (0..n).map(|i| (i % 5) as f32 / 4.0).collect(),
            event: (0..n).map(|i| f32::from(u8::from(i % 7 == 0))).collect(),
            weight: vec![1.0, 2.0, 0.3],
            named: 2,
        });
        Self { config, keys, vars, packed, targets, sets: Arc::new(vec![vec![0, 2], vec![1], vec![3]]) }
    }

    fn loss(&self, precision: Precision, recompute: bool) -> Tensor {
        let parameters = self.vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let network = Transformer::new(self.config.clone(), parameters, &self.keys).unwrap();
        let pass = Pass { dropout: Dropout { blocks: 0.1, head: 0.2, seed: 4 }, precision, recompute };
        let (output, logits) = network.forward(&self.packed, &[0, 2, 9], pass).unwrap();
        let hazard = hazard_loss(&output.log_hazards, &self.targets).unwrap();
        (hazard + set_cross_entropy(&logits, &self.sets).unwrap()).unwrap()
    }

    /// The loss, then the gradient of every weight.
    fn gradients(&self, precision: Precision, recompute: bool) -> Vec<Vec<f32>> {
        let loss = self.loss(precision, recompute);
        let grads = loss.backward().unwrap();
        let of = |(_, var): &(String, Var)| grads.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        std::iter::once(vec![loss.to_scalar().unwrap()]).chain(self.vars.iter().map(of)).collect()
    }
}

#[test]
fn recomputed_blocks_give_every_gradient_the_same_bits() {
    let bench = Bench::new();
    for precision in [Precision::F32, Precision::Bf16] {
        assert_eq!(bench.gradients(precision, true), bench.gradients(precision, false));
    }
}

#[test]
fn gradients_in_bf16_point_where_those_in_f32_do() {
    let bench = Bench::new();
    let norm = |x: &[f32]| x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let (rounded, right) = (bench.gradients(Precision::Bf16, false), bench.gradients(Precision::F32, false));
    assert_ne!(rounded, right, "bf16 rounds something");
    for (place, (rounded, right)) in rounded.iter().zip(&right).enumerate() {
        let difference: Vec<f32> = rounded.iter().zip(right).map(|(a, b)| a - b).collect();
        let error = norm(&difference) / norm(right);
        // A rounded operand errs by 0.0017 in root mean square; some thirty of them lie on the longest way here.
        assert!(error < 0.03, "gradient {place} is off by {error} of its size");
    }
}

#[test]
fn every_weight_receives_a_gradient_that_matches_finite_differences() {
    let bench = Bench::new();
    let vars = &bench.vars;
    let loss = || bench.loss(Precision::F32, false);
    let grads = loss().backward().unwrap();
    for (name, var) in vars {
        let grad: Vec<f32> = grads
            .get(var)
            .unwrap_or_else(|| panic!("`{name}` has no gradient"))
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap();
        assert!(grad.iter().any(|g| g.abs() > 1e-7), "`{name}` has a zero gradient");
        let mut order: Vec<usize> = (0..grad.len()).collect();
        order.sort_by(|&a, &b| grad[b].abs().total_cmp(&grad[a].abs()));
        let start: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        for &i in order.iter().take(6) {
            let at = |delta: f32| {
                let mut moved = start.clone();
                moved[i] += delta;
                var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).unwrap()).unwrap();
                loss().to_scalar::<f32>().unwrap() as f64
            };
            let numeric = (at(4e-3) - at(-4e-3)) / 8e-3;
            let error = (numeric - grad[i] as f64).abs();
            assert!(error < 1e-3 + 0.04 * numeric.abs(), "`{name}` element {i}: {} against {numeric}", grad[i]);
        }
        var.set(&Tensor::from_vec(start, var.shape(), &Device::Cpu).unwrap()).unwrap();
    }
}

#[test]
fn a_batch_reads_like_its_members_alone_and_nothing_later_is_read() {
    let vocabulary = vocabulary();
    let config = config(&vocabulary);
    let keys = known_keys(&vocabulary, config.text_buckets);
    let parameters = initial_parameters(transformer_weights(&config), &[], 3).unwrap();
    let network = Transformer::new(config, parameters, &keys).unwrap().freeze().unwrap();
    let lives = [history(&vocabulary, true), history(&vocabulary, false)];
    let readings: Vec<Reading> = [(0, 15_300), (1, 15_950), (0, 14_000)]
        .iter()
        .map(|&(life, day)| Reading { history: &lives[life], day, without: &[] })
        .collect();
    let together = network.hazards(&readings).unwrap();
    for (reading, together) in readings.iter().zip(&together) {
        let alone = &network.hazards(&[*reading]).unwrap()[0];
        for (a, b) in alone.iter().flatten().zip(together.iter().flatten()) {
            assert!((a - b).abs() <= 1e-5 * a.abs(), "{a} against {b}");
        }
    }
    let states = network.states(&readings).unwrap();
    let alone = &network.states(&readings[1..2]).unwrap()[0];
    assert!(states.iter().all(|state| state.len() == 16) && states[0] != states[2]);
    assert!(alone.iter().zip(&states[1]).all(|(a, b)| (a - b).abs() < 1e-5), "a batch has the states of its members");
    let mut cut = lives[0].clone();
    cut.days.truncate(cut.known_days(15_300));
    let early = network.hazards(&[Reading { history: &cut, day: 15_300, without: &[] }]).unwrap();
    assert_eq!(early[0], network.hazards(&readings[..1]).unwrap()[0]);
}

#[test]
fn the_influence_of_a_small_part_of_a_day_is_what_leaving_it_out_changes() {
    let vocabulary = vocabulary();
    let config = config(&vocabulary);
    let keys = known_keys(&vocabulary, config.text_buckets);
    let parameters = initial_parameters(transformer_weights(&config), &[], 8).unwrap();
    let network = Transformer::new(config, parameters, &keys).unwrap().freeze().unwrap();
    // One busy day, so that each of its sixty unknown facts is a small part of it.
    let unknown: Vec<_> = (0..60_u32).map(|i| (Kind::ALL[i as usize % 19], vec![i, (i * 7) % 64])).collect();
    let entries = (0..60).map(|i| Entry { key: vocabulary.keys.len() as u32 + i, number: None }).collect();
    let days = vec![Day { day: 15_000, start: 0, end: 60 }];
    let life = History { female: true, birth_day: 0, days, entries, unknown };
    let reading = Reading { history: &life, day: 15_000, without: &[] };
    let sum = |hazards: &Hazards| hazards.iter().map(|bin| bin[1] as f64).sum::<f64>();
    let with = sum(&network.hazards(&[reading]).unwrap()[0]);
    let (mut products, mut squares, mut exact_squares) = (0.0, 0.0, 0.0);
    for (key, estimate) in network.influence(reading, 1, BINS).unwrap() {
        let exact = with - sum(&network.hazards(&[Reading { without: &[key], ..reading }]).unwrap()[0]);
        products += exact * estimate as f64;
        squares += (estimate as f64).powi(2);
        exact_squares += exact.powi(2);
    }
    let cosine = products / (squares * exact_squares).sqrt();
    assert!(cosine > 0.95, "estimates and exact changes point {cosine} alike");
}
