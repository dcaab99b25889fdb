//! Feeds one parser with changed inputs for as long as asked, on stable Rust: `cargo run --release --example fuzz -- --help`.
//!
//! A finding is a panic, an input that takes more than a second, memory that grows, or (with the process) an overflowing
//! stack; its input is kept beside the corpus. Inputs with an outcome that none had before join the corpus.

#[path = "../tests/it/fuzz/mutator.rs"]
mod mutator;
#[path = "../tests/it/oracle.rs"]
#[allow(dead_code)] // the tests use more of it
mod oracle;
#[path = "../tests/it/fuzz/targets.rs"]
mod targets;

use clap::Parser;
use mutator::Mutator;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use targets::{TARGETS, Target};

/// The longest that one input may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How far memory may grow, in MiB, once the corpus was read.
const GROWTH: u64 = 512;
/// The stack of a thread that reads bodies in the server.
const STACK: usize = 2 << 20;
/// Most inputs that one run adds to the corpus.
const MOST_KEPT: usize = 2_000;

/// Feed one parser with changed inputs
#[derive(Parser, Clone)]
struct Arguments {
    /// request, chart, template, service, settings or token
    target: String,
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Inputs that were worth keeping, one folder a target
    #[arg(long, default_value = "tests/fuzz_corpus")]
    corpus: PathBuf,
    /// Where inputs of findings go
    #[arg(long, default_value = "target/fuzz")]
    findings: PathBuf,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !TARGETS.contains(&&*arguments.target) {
        eprintln!("no target `{}`: {}", arguments.target, TARGETS.join(", "));
        return ExitCode::from(2);
    }
    let feeding = std::thread::Builder::new().stack_size(STACK).spawn(move || feed(&arguments));
    let findings = feeding.expect("a thread").join().expect("the feeding itself does not fail");
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Feeds until the time is up; how many findings there were.
fn feed(arguments: &Arguments) -> usize {
    let target = Target::of(&arguments.target).expect("a known target");
    let mut corpus = target.corpus(&arguments.corpus);
    std::panic::set_hook(Box::new(|_| {}));
    std::fs::create_dir_all(&arguments.findings).expect("a folder for findings");
    // An input that ends the process is found here afterwards.
    let current = arguments.findings.join(format!("{}.current", arguments.target));
    let mut outcomes: BTreeSet<String> = corpus.iter().filter_map(|input| target.run(input).ok()).collect();
    let (begun, mut told) = (Instant::now(), Instant::now());
    let (mut mutator, known, memory) = (Mutator::new(arguments.seed), outcomes.len(), memory());
    let (mut runs, mut findings, mut slowest) = (0_u64, BTreeSet::new(), Duration::ZERO);
    while begun.elapsed().as_secs_f64() < arguments.minutes * 60.0 {
        let input = mutator.change(&corpus);
        std::fs::write(&current, &input).expect("written");
        let started = Instant::now();
        let outcome = target.run(&input);
        let took = started.elapsed();
        runs += 1;
        slowest = slowest.max(took);
        match outcome {
            Err(panic) if findings.insert(panic.clone()) => {
                keep(&arguments.findings, &arguments.target, &input, &panic)
            }
            Ok(_) if took > PATIENCE && findings.insert("slow".into()) => {
                keep(&arguments.findings, &arguments.target, &input, &format!("it took {took:?}"));
            }
            Ok(outcome) if corpus.len() < MOST_KEPT && outcomes.insert(outcome.clone()) => {
                keep_in_corpus(&arguments.corpus.join(&arguments.target), &input);
                corpus.push(input);
            }
            _ => {}
        }
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            println!("{runs} runs, {} outcomes, {} findings, slowest {slowest:?}", outcomes.len(), findings.len());
        }
    }
    let _gone = std::fs::remove_file(&current);
    let grown = self::memory().saturating_sub(memory);
    if grown > GROWTH {
        findings.insert(format!("memory grew by {grown} MiB"));
    }
    let new = outcomes.len() - known;
    println!(
        "{}: {runs} runs in {:.0} s, {} outcomes ({new} new), slowest {slowest:?}, memory +{grown} MiB, {} findings",
        arguments.target,
        begun.elapsed().as_secs_f64(),
        outcomes.len(),
        findings.len()
    );
    findings.iter().for_each(|finding| println!("  {finding}"));
    findings.len()
}

fn keep(folder: &Path, target: &str, input: &[u8], what: &str) {
    let path = folder.join(format!("{target}-{}", name(input)));
    std::fs::write(&path, input).expect("written");
    println!("FOUND in {target}: {what}; the input is {}", path.display());
}

fn keep_in_corpus(folder: &Path, input: &[u8]) {
    std::fs::create_dir_all(folder).expect("a folder for the corpus");
    std::fs::write(folder.join(name(input)), input).expect("written");
}

fn name(input: &[u8]) -> String {
    Sha256::digest(input).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Memory in use, in MiB; 0 where the system does not tell.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}
