//! The weights: their names, shapes and beginnings. Knows nothing of files.

use super::config::NetworkConfig;
use super::head::Head;
use super::packed::SCALARS;
use crate::patient_record::timeline::Kind;
use crate::prediction::vocabulary::KNOTS;
use candle_core::{Device, Result, Tensor};
use fused_ops::Precision;
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Weights by name, ordered by name.
pub type Parameters = BTreeMap<String, Tensor>;

/// How a weight begins.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    Normal(f32),
    One,
    Zero,
    /// The log base hazard of each bin and outcome.
    Base,
}

/// Name, shape and beginning of every weight of a reader.
pub type Weights = Vec<(String, Vec<usize>, Start)>;

/// The beginning of a matrix that `n` numbers enter.
pub fn into(n: usize) -> Start {
    Start::Normal(1.0 / (3.0 * n as f32).sqrt())
}

/// Name, shape and beginning of every weight of a transformer.
pub fn transformer_weights(config: &NetworkConfig) -> Weights {
    use Start::{Normal, One, Zero};
    let (width, hidden) = (config.width, config.hidden);
    let out = Normal(0.02 / (2.0 * config.layers as f32).sqrt());
    let mut all = vec![
        ("key".to_owned(), vec![config.keys, width], Normal(0.02)),
        ("kind".to_owned(), vec![Kind::ALL.len(), width], Normal(0.02)),
        ("text.pieces".to_owned(), vec![config.text_buckets, config.text_width], Normal(0.1)),
        ("text.project".to_owned(), vec![width, config.text_width], Normal(0.05)),
        ("number.scale".to_owned(), vec![config.numbers, width], Normal(0.02)),
        ("number.knots".to_owned(), vec![config.numbers * KNOTS, width], Normal(0.02)),
        ("day.norm".to_owned(), vec![width], One),
        ("day.mix".to_owned(), vec![width, width], into(width)),
        ("scalars".to_owned(), vec![width, SCALARS], into(SCALARS)),
        ("scalars.bias".to_owned(), vec![width], Zero),
        ("final.norm".to_owned(), vec![width], One),
        ("next.bias".to_owned(), vec![config.keys], Zero),
    ];
    let head = Head { width, rank: config.rank, outcomes: config.outcomes, precision: Precision::F32 };
    all.extend(head.weights());
    for layer in 0..config.layers {
        let mut add = |name: &str, shape: &[usize], start| {
            all.push((format!("block.{layer}.{name}"), shape.to_vec(), start));
        };
        add("attention.norm", &[width], One);
        add("attention.qkv", &[3 * width, width], Normal(0.04));
        add("attention.query-gain", &[config.head_width()], One);
        add("attention.key-gain", &[config.head_width()], One);
        add("attention.out", &[width, width], out);
        add("unit.norm", &[width], One);
        add("unit.in", &[2 * hidden, width], Normal(0.04));
        add("unit.out", &[width, hidden], out);
    }
    all
}

/// Fresh weights from a seed; `base` is the log base hazard of each bin and outcome (bins outermost).
pub fn initial_parameters(weights: Weights, base: &[f32], seed: u64) -> Result<Parameters> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut parameters = Parameters::new();
    for (name, shape, start) in weights {
        let n: usize = shape.iter().product();
        let data: Vec<f32> = match start {
            Start::One => vec![1.0; n],
            Start::Base if base.len() == n => base.to_vec(),
            Start::Base | Start::Zero => vec![0.0; n],
            Start::Normal(sd) => (0..n).map(|_| sd * normal(&mut rng)).collect(),
        };
        parameters.insert(name, Tensor::from_vec(data, shape, &Device::Cpu)?);
    }
    Ok(parameters)
}

/// Says which weights are missing, surplus or of the wrong shape.
pub fn check_parameters(weights: &Weights, parameters: &Parameters) -> std::result::Result<(), String> {
    for (name, shape, _) in weights {
        match parameters.get(name) {
            None => return Err(format!("weight `{name}` is missing")),
            Some(tensor) if tensor.dims() != shape => {
                return Err(format!("weight `{name}` has shape {:?} instead of {shape:?}", tensor.dims()));
            }
            Some(_) => {}
        }
    }
    match parameters.len() == weights.len() {
        true => Ok(()),
        false => Err(format!("{} weights instead of {}", parameters.len(), weights.len())),
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(rng: &mut impl Rng) -> f32 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    ((-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
}
