//! Whole runs: a stopped one ends like an unbroken one, and what is left out is never learned.

use super::toy_dataset;
use crate::learning::train::checkpoint;
use crate::learning::train::run::{BEST, CHECKPOINT, RunFile};
use crate::learning::train::settings::{FactsShape, ReaderKind, Schedule, Shape, TrainSettings};
use crate::learning::train::train;
use crate::prediction::phenotype::{DEFAULT, Phenotypes};
use candle_core::Device;
use fused_ops::{Bf16Unit, Precision, bf16_unit};
use std::path::Path;

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
