//! Every parser of bytes from outside, fed briefly with changed inputs of real ones and of `tests/fuzz_corpus`, which
//! holds what longer runs found worth keeping (`cargo run --release --example fuzz -- --help`).

mod mutator;
mod targets;

use mutator::Mutator;
use std::path::Path;
use targets::{TARGETS, Target};

/// Inputs of a target. The same every time.
const INPUTS: usize = 500;
/// The stack of a thread that reads bodies in the server.
const STACK: usize = 2 << 20;

fn feed(name: &'static str) {
    let feeding = move || {
        let target = Target::of(name).expect("a target");
        let corpus = target.corpus(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz_corpus"));
        let mut mutator = Mutator::new(20_261_126);
        let changed = (0..INPUTS).map(|_| mutator.change(&corpus)).collect::<Vec<_>>();
        for input in corpus.iter().chain(&changed) {
            if let Err(panic) = target.run(input) {
                panic!("`{name}` panics with `{panic}` on {:?}", String::from_utf8_lossy(input));
            }
        }
    };
    let ended = std::thread::Builder::new().stack_size(STACK).spawn(feeding).expect("a thread").join();
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

#[test]
fn calls_and_feedback_of_any_shape_are_read_or_refused() {
    feed("request");
}

#[test]
fn charts_of_any_shape_are_read_or_refused() {
    feed("chart");
}

#[test]
fn templates_of_any_shape_are_filled_within_the_server_or_refused() {
    feed("template");
}

#[test]
fn services_of_any_shape_are_loaded_or_refused() {
    feed("service");
}

#[test]
fn settings_of_any_shape_are_read_or_refused() {
    feed("settings");
}

#[test]
fn tokens_of_any_shape_are_verified_or_refused() {
    feed("token");
}

#[test]
fn good_inputs_come_through_every_target() {
    let outcome = |name: &str| {
        let target = Target::of(name).expect("a target");
        let corpus = target.corpus(Path::new("nowhere"));
        corpus.iter().map(|input| target.run(input).expect("no panic")).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(TARGETS.len(), 6);
    for (name, expected) in [
        ("request", "call {\""),
        ("chart", "taken"),
        ("template", "good (true"),
        ("service", "loaded true"),
        ("token", "verified true"),
    ] {
        assert!(outcome(name).contains(expected), "{name}: {}", outcome(name));
    }
}
