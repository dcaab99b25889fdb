//! How much faster products are in bf16 than in f32 on this processor, for the shapes of the trained network:
//! `cargo run --release -p fused-ops --example products`.
//!
//! One thread; both precisions alternate and the shortest of many times counts, so that a busy machine disturbs little.

use candle_core::{Device, Result, Tensor, Var};
use fused_ops::{Precision, bf16_unit, linear, start_threads};
use std::hint::black_box;
use std::time::Instant;

/// Rows, inputs, outputs.
const SHAPES: [(usize, usize, usize); 8] = [
    (2000, 128, 128),
    (2000, 128, 384),
    (2000, 128, 640),
    (2000, 320, 128),
    (256, 128, 512),
    (2048, 64, 213),
    (1200, 64, 128),
    (768, 128, 1200),
];
const ROUNDS: usize = 40;

/// Shortest time of each precision, in milliseconds.
fn shortest(run: impl Fn(Precision) -> Result<()>) -> Result<[f64; 2]> {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for (best, precision) in best.iter_mut().zip([Precision::F32, Precision::Bf16]) {
            let begun = Instant::now();
            run(precision)?;
            *best = best.min(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(best)
}

fn main() -> Result<()> {
    start_threads(1).map_err(candle_core::Error::wrap)?;
    println!("bf16 by {:?}; milliseconds in f32 and bf16, and how many times faster bf16 is", bf16_unit());
    for (rows, inputs, outputs) in SHAPES {
        let x = Var::randn(0f32, 1.0, (rows, inputs), &Device::Cpu)?;
        let weight = Var::randn(0f32, 1.0, (outputs, inputs), &Device::Cpu)?;
        let (still_x, still_weight) = (x.detach(), weight.detach());
        let line = |what: &str, [f32, bf16]: [f64; 2]| {
            println!("{rows} x {inputs} -> {outputs}, {what}: {f32:.2} {bf16:.2} {:.1}x", f32 / bf16);
        };
        let forward = |precision| linear(&still_x, &still_weight, precision).map(|y: Tensor| drop(black_box(y)));
        line("forward", shortest(forward)?);
        let both =
            |precision| linear(&x, &weight, precision)?.sum_all()?.backward().map(|grads| drop(black_box(grads)));
        line("forward and backward", shortest(both)?);
    }
    Ok(())
}
