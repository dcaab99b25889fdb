//! The trainer on a toy world: every weight learns, gradients are right, a stopped run ends like an unbroken one.

use super::checkpoint;
use super::lives::{Words, lives};
use super::run::{BEST, CHECKPOINT, RunFile};
use super::settings::{Data, FactsShape, ReaderKind, Schedule, Shape, TrainSettings};
use super::train;
use crate::learning::shard::{Dataset, EventRow, PatientRow, Split};
use crate::learning::toy::{dataset, fact};
use crate::patient_record::timeline::{Kind, Sex};
use crate::prediction::model::known_keys;
use crate::prediction::network::transformer::{Dropout, Pass};
use crate::prediction::network::{
    Asked, BINS, Day, Entry, Hazards, History, NetworkConfig, NumberEntry, Packed, Reader, Reading, Transformer,
    initial_parameters, transformer_weights,
};
use crate::prediction::phenotype::{DEFAULT, Phenotypes};
use crate::prediction::vocabulary::{Fact, KNOTS, KeyEntry, Number, Vocabulary};
use candle_core::{Device, Tensor, Var};
use fused_ops::{Bf16Unit, HazardTargets, Precision, bf16_unit, hazard_loss, set_cross_entropy};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Arc;

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

#[test]
fn a_stopped_and_resumed_run_of_either_reader_ends_with_the_same_bits_as_an_unbroken_one() {
    let facts = FactsShape { wide: 12, width: 8, rank: 4, ..FactsShape::default() };
    for reader in [ReaderKind::Days, ReaderKind::Facts] {
        stops_and_resumes(&TrainSettings { reader, facts: facts.clone(), ..toy_settings() });
    }
}

#[test]
fn a_run_in_bf16_resumes_to_the_same_bits_and_recomputing_changes_none() {
    let schedule = Schedule { precision: Precision::Bf16, ..toy_settings().schedule };
    let settings = TrainSettings { schedule, ..toy_settings() };
    if bf16_unit() == Bf16Unit::Portable {
        assert!(settings.check().unwrap_err().to_string().contains("bf16"), "refused where it would be imitated");
        return;
    }
    stops_and_resumes(&settings);
    let folder = tempfile::tempdir().unwrap();
    toy_dataset(folder.path());
    let best = |name: &str, recompute: bool| {
        let schedule = Schedule { recompute, ..settings.schedule.clone() };
        let run = folder.path().join(name);
        train(folder.path(), DEFAULT, &TrainSettings { schedule, ..settings.clone() }, &run, None).unwrap();
        std::fs::read(run.join(BEST)).unwrap()
    };
    assert!(best("kept", false) == best("again", true), "recomputing changed the weights");
}

fn toy_settings() -> TrainSettings {
    TrainSettings {
        network: Shape {
            width: 16,
            layers: 1,
            heads: 2,
            hidden: 12,
            rank: 4,
            context: 16,
            text_buckets: 64,
            text_width: 6,
        },
        schedule: Schedule { epochs: 3.0, batch: 8, validate_epochs: 1.0, ..Schedule::default() },
        ..TrainSettings::default()
    }
}

fn stops_and_resumes(settings: &TrainSettings) {
    let folder = tempfile::tempdir().unwrap();
    toy_dataset(folder.path());
    let (unbroken, broken) = (folder.path().join("unbroken"), folder.path().join("broken"));
    let best = train(folder.path(), DEFAULT, settings, &unbroken, None).unwrap();
    let _ = train(folder.path(), DEFAULT, settings, &broken, Some(2));
    let _ = train(folder.path(), DEFAULT, settings, &broken, Some(5));
    assert_eq!(train(folder.path(), DEFAULT, settings, &broken, None).unwrap(), best);
    for file in [CHECKPOINT, BEST] {
        assert!(
            std::fs::read(unbroken.join(file)).unwrap() == std::fs::read(broken.join(file)).unwrap(),
            "{file} differs"
        );
    }
    let other = TrainSettings { seed: 1, ..settings.clone() };
    let refused = train(folder.path(), DEFAULT, &other, &unbroken, None).unwrap_err();
    assert!(refused.to_string().contains("other settings"));
}

/// Which rows of a weight of shape (rows, ...) ever had a gradient: Adam's first moments remember.
fn moved(run: &Path, name: &str) -> Vec<bool> {
    let (optimiser, _) = checkpoint::read(&run.join(CHECKPOINT)).unwrap().unwrap();
    let weight = optimiser.weights.iter().find(|weight| weight.name == name).unwrap();
    let width = weight.value.len() / weight.var.dims()[0];
    weight.first.chunks(width).map(|row| row.iter().any(|&first| first != 0.0)).collect()
}

#[test]
fn what_is_left_out_never_has_a_gradient_in_either_reader() {
    let folder = tempfile::tempdir().unwrap();
    toy_dataset(folder.path());
    let phenotypes = Phenotypes::parse(DEFAULT).unwrap();
    let place = |name: &str| phenotypes.index(name).unwrap();
    // Nobody here ever has the one left out, and everybody is at risk of it.
    let (out, taught) = (place("ed-visit"), place("hospitalisation"));
    let facts = FactsShape { wide: 12, width: 8, rank: 4, ..FactsShape::default() };
    for reader in [ReaderKind::Days, ReaderKind::Facts] {
        let mut settings = TrainSettings { reader, facts: facts.clone(), ..toy_settings() };
        let (whole, without) = (folder.path().join("whole"), folder.path().join("without"));
        let _ = train(folder.path(), DEFAULT, &settings, &whole, Some(3));
        settings.data.leave_out = vec!["ed-visit".into()];
        let _ = train(folder.path(), DEFAULT, &settings, &without, Some(3));
        for name in ["head.outcome", "head.age-sex"] {
            let (before, after) = (moved(&whole, name), moved(&without, name));
            assert_eq!((before[out], before[taught]), (true, true), "{name} {reader:?}");
            assert_eq!((after[out], after[taught]), (false, true), "{name} {reader:?}");
        }
        let kept = RunFile::read(&without).unwrap().settings.data.leave_out;
        assert_eq!(kept, ["ed-visit"]);
        std::fs::remove_dir_all(whole).unwrap();
        std::fs::remove_dir_all(without).unwrap();
    }
}

#[test]
fn trees_fit_no_ensemble_for_what_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    toy_dataset(folder.path());
    let place = Phenotypes::parse(DEFAULT).unwrap().index("hospitalisation").unwrap();
    let trees = |run: &str, leave_out: Vec<String>| {
        let mut settings = TrainSettings { reader: ReaderKind::Trees, ..toy_settings() };
        (settings.data.leave_out, settings.trees.rounds, settings.trees.columns) = (leave_out, 3, 1.0);
        let run = folder.path().join(run);
        train(folder.path(), DEFAULT, &settings, &run, None).unwrap();
        let weights = candle_core::safetensors::load(run.join(BEST), &Device::Cpu).unwrap();
        weights[&format!("{place}.0.roots")].elem_count()
    };
    assert!(trees("whole", Vec::new()) > 0);
    assert_eq!(trees("without", vec!["hospitalisation".into()]), 0);
}
