//! Each operation's backward pass against central finite differences, and its forward pass against the same
//! thing written plainly.

use candle_core::{Device, Result, Tensor, Var};
use fused_ops::{
    AttentionPlan, Bags, HazardTargets, Precision, Span, dropout, hazard_loss, linear, prefix_attention, recomputed,
    rms_norm, set_cross_entropy, sum_bags, swiglu,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

fn random(shape: &[usize], scale: f32, seed: u64) -> Var {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let n = shape.iter().product();
    let data: Vec<f32> = (0..n).map(|_| rng.random_range(-scale..scale)).collect();
    Var::from_tensor(&Tensor::from_vec(data, shape, &Device::Cpu).unwrap()).unwrap()
}

/// Compares the gradient of `loss` by backward with central differences, for every element of every variable.
fn assert_gradients_match(vars: &[&Var], loss: impl Fn() -> Result<Tensor>) {
    assert_gradients_match_steps_of(1e-2, vars, loss);
}

fn assert_gradients_match_steps_of(step: f32, vars: &[&Var], loss: impl Fn() -> Result<Tensor>) {
    let grads = loss().unwrap().backward().unwrap();
    for (number, var) in vars.iter().enumerate() {
        let shape = var.shape().clone();
        let start: Vec<f32> = var.flatten_all().unwrap().to_vec1().unwrap();
        let grad: Vec<f32> = grads.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        for i in 0..start.len() {
            let at = |delta: f32| {
                let mut moved = start.clone();
                moved[i] += delta;
                var.set(&Tensor::from_vec(moved, &shape, &Device::Cpu).unwrap()).unwrap();
                loss().unwrap().to_scalar::<f32>().unwrap() as f64
            };
            let numeric = (at(step) - at(-step)) / (2.0 * step as f64);
            let error = (numeric - grad[i] as f64).abs();
            assert!(
                error < 2e-3 + 2e-2 * numeric.abs(),
                "variable {number} element {i}: {} against {numeric}",
                grad[i]
            );
        }
        var.set(&Tensor::from_vec(start, &shape, &Device::Cpu).unwrap()).unwrap();
    }
}

/// A loss that weighs every element differently.
fn weigh(x: &Tensor) -> Result<Tensor> {
    let weights = random(x.dims(), 1.0, 99);
    x.mul(weights.as_tensor())?.sum_all()
}

fn plan(heads: usize, head_width: usize) -> Arc<AttentionPlan> {
    let spans = vec![Span { start: 0, keys: 5, rows: 8 }, Span { start: 8, keys: 1, rows: 2 }];
    let visible = vec![1, 2, 3, 4, 5, 1, 3, 5, 1, 1];
    let angles: Vec<f32> = (0..10 * head_width / 2).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
    let cos = angles.iter().map(|a| a.cos()).collect();
    let sin = angles.iter().map(|a| a.sin()).collect();
    Arc::new(AttentionPlan { heads, spans, visible, cos, sin })
}

#[test]
fn attention_has_the_right_gradient() {
    let (heads, head_width) = (2, 4);
    let plan = plan(heads, head_width);
    let qkv = random(&[10, 3 * heads * head_width], 1.0, 1);
    let (q, k) = (random(&[head_width], 1.5, 2), random(&[head_width], 1.5, 3));
    assert_gradients_match(&[&qkv, &q, &k], || weigh(&prefix_attention(&qkv, &q, &k, &plan)?));
}

#[test]
fn attention_equals_the_plain_formula_across_block_edges() {
    // 150 rows cross two block edges; the last 10 are read-outs.
    let (heads, width, keys, rows) = (2, 8, 140, 150);
    let qkv = random(&[rows, 3 * heads * width], 1.0, 4);
    let gain = Tensor::ones(width, candle_core::DType::F32, &Device::Cpu).unwrap();
    let visible: Vec<u32> =
        (0..rows).map(|i| if i < keys { i as u32 + 1 } else { (i - keys) as u32 * 13 + 2 }).collect();
    let half = width / 2;
    let plan = Arc::new(AttentionPlan {
        heads,
        spans: vec![Span { start: 0, keys, rows }],
        visible: visible.clone(),
        cos: vec![1.0; rows * half],
        sin: vec![0.0; rows * half],
    });
    let ours: Vec<Vec<f32>> = prefix_attention(&qkv, &gain, &gain, &plan).unwrap().to_vec2().unwrap();
    let x: Vec<Vec<f32>> = qkv.to_vec2().unwrap();
    let normal = |v: &[f32]| {
        let rms = (v.iter().map(|a| a * a).sum::<f32>() / v.len() as f32 + 1e-6).sqrt();
        v.iter().map(|a| a / rms).collect::<Vec<_>>()
    };
    for i in 0..rows {
        for h in 0..heads {
            let part = |row: usize, which: usize| &x[row][which * heads * width + h * width..][..width];
            let q = normal(part(i, 0));
            let scores: Vec<f32> = (0..visible[i] as usize)
                .map(|j| normal(part(j, 1)).iter().zip(&q).map(|(a, b)| a * b).sum::<f32>() / (width as f32).sqrt())
                .collect();
            let total: f32 = scores.iter().map(|s| s.exp()).sum();
            for c in 0..width {
                let right: f32 = scores.iter().enumerate().map(|(j, s)| s.exp() / total * part(j, 2)[c]).sum();
                assert!((ours[i][h * width + c] - right).abs() < 2e-5);
            }
        }
    }
}

#[test]
fn a_read_out_is_never_seen_by_another_row() {
    let (heads, width) = (2, 4);
    let (q, k) = (random(&[width], 1.0, 2), random(&[width], 1.0, 3));
    let qkv = random(&[10, 3 * heads * width], 1.0, 1);
    let before: Vec<Vec<f32>> = prefix_attention(&qkv, &q, &k, &plan(heads, width)).unwrap().to_vec2().unwrap();
    let mut changed: Vec<Vec<f32>> = qkv.to_vec2().unwrap();
    changed[6].iter_mut().for_each(|x| *x += 5.0);
    let changed = Tensor::new(changed, &Device::Cpu).unwrap();
    let after: Vec<Vec<f32>> = prefix_attention(&changed, &q, &k, &plan(heads, width)).unwrap().to_vec2().unwrap();
    for row in (0..10).filter(|&row| row != 6) {
        assert_eq!(before[row], after[row]);
    }
    assert_ne!(before[6], after[6]);
}

#[test]
fn normalisation_and_gated_unit_have_the_right_gradients() {
    let (x, gain) = (random(&[3, 20], 1.0, 5), random(&[20], 1.5, 6));
    assert_gradients_match(&[&x, &gain], || weigh(&rms_norm(&x, &gain)?));
    let x = random(&[3, 12], 2.0, 7);
    assert_gradients_match(&[&x], || weigh(&swiglu(&x)?));
}

#[test]
fn bags_sum_weighted_rows_and_pass_gradients_back() {
    let mut bags = Bags::new();
    for entries in [vec![(0, 1.0), (2, 0.5), (2, 0.25)], vec![], vec![(1, -2.0)]] {
        entries.iter().for_each(|&(row, weight)| bags.push(row, weight));
        bags.close();
    }
    let bags = Arc::new(bags);
    let table = random(&[3, 4], 1.0, 8);
    let rows: Vec<Vec<f32>> = table.to_vec2().unwrap();
    let sums: Vec<Vec<f32>> = sum_bags(&table, &bags).unwrap().to_vec2().unwrap();
    assert!((sums[0][1] - (rows[0][1] + 0.75 * rows[2][1])).abs() < 1e-6);
    assert_eq!(sums[1], vec![0.0; 4]);
    assert_gradients_match(&[&table], || weigh(&sum_bags(&table, &bags)?));
}

#[test]
fn an_entry_outside_the_table_is_an_error() {
    let mut bags = Bags::new();
    bags.push(7, 1.0);
    bags.close();
    assert!(sum_bags(random(&[3, 4], 1.0, 8).as_tensor(), &Arc::new(bags)).is_err());
}

#[test]
fn losses_have_the_right_gradients() {
    let logits = random(&[3, 7], 2.0, 9);
    let sets = Arc::new(vec![vec![0, 3], vec![], vec![6]]);
    assert_gradients_match(&[&logits], || set_cross_entropy(&logits, &sets));
    let log_hazard = random(&[2, 6], 2.0, 10);
    let targets = Arc::new(HazardTargets {
        exposure: vec![1.0, 0.5, 0.0, 1.0, 1.0, 0.3, 0.0, 1.0, 1.0, 0.2, 1.0, 1.0],
        event: vec![0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        weight: vec![1.0, 2.0, 0.3],
        named: 2,
    });
    assert_gradients_match(&[&log_hazard], || hazard_loss(&log_hazard, &targets));
}

#[test]
fn dropout_keeps_the_mean_and_repeats_its_mask() {
    let x = Tensor::ones((100, 1000), candle_core::DType::F32, &Device::Cpu).unwrap();
    let mean = |t: &Tensor| t.mean_all().unwrap().to_scalar::<f32>().unwrap();
    let (a, b) = (dropout(&x, 0.3, 7).unwrap(), dropout(&x, 0.3, 7).unwrap());
    assert!((mean(&a) - 1.0).abs() < 0.01);
    assert_eq!(a.to_vec2::<f32>().unwrap(), b.to_vec2::<f32>().unwrap());
    assert_ne!(a.to_vec2::<f32>().unwrap(), dropout(&x, 0.3, 8).unwrap().to_vec2::<f32>().unwrap());
    let small = random(&[4, 5], 1.0, 11);
    assert_gradients_match(&[&small], || weigh(&dropout(&small, 0.4, 3)?));
}

/// Sixty-fourths below 1: bf16 holds them exactly, and moved by a quarter as well.
fn exact_in_bf16(shape: &[usize], seed: u64) -> Var {
    let rounded = ((random(shape, 0.75, seed).as_tensor() * 64.0).unwrap().round().unwrap() / 64.0).unwrap();
    Var::from_tensor(&rounded).unwrap()
}

#[test]
fn a_linear_step_has_the_right_gradient_in_either_precision() {
    let (x, weight) = (exact_in_bf16(&[5, 35], 12), exact_in_bf16(&[3, 35], 13));
    let importance = exact_in_bf16(&[5, 3], 22);
    for precision in [Precision::F32, Precision::Bf16] {
        // Nothing loses digits to bf16 here, and the result is linear in each operand, so that wide steps are exact.
        assert_gradients_match_steps_of(0.25, &[&x, &weight], || {
            linear(&x, &weight, precision)?.mul(importance.as_tensor())?.sum_all()
        });
    }
}

#[test]
fn a_linear_step_in_bf16_is_the_one_in_f32_up_to_the_rounding_of_its_operands() {
    let (x, weight) = (random(&[70, 130], 1.0, 14), random(&[45, 130], 1.0, 15));
    let run = |precision| {
        let y = linear(&x, &weight, precision).unwrap();
        let grads = weigh(&y).unwrap().backward().unwrap();
        [y, grads.get(&x).unwrap().clone(), grads.get(&weight).unwrap().clone()]
    };
    for (ours, right) in run(Precision::Bf16).iter().zip(run(Precision::F32)) {
        let size = |t: &Tensor| t.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap().sqrt();
        let error = size(&(ours - &right).unwrap()) / size(&right);
        // Each operand errs by 1/256 at most and by 0.0017 in root mean square, independently of the others.
        assert!(error > 5e-4 && error < 4e-3, "off by {error} of the size");
    }
}

#[test]
fn a_recomputed_block_has_the_same_bits_and_gradients_as_one_that_is_kept() {
    let (x, gain) = (random(&[40, 24], 1.0, 16), random(&[24], 1.5, 17));
    let (inner, outer) = (random(&[32, 24], 1.0, 18), random(&[24, 16], 1.0, 19));
    let block = |x: &Tensor, weights: &[&Tensor]| {
        let hidden = swiglu(&linear(&rms_norm(x, weights[0])?, weights[1], Precision::F32)?)?;
        x + dropout(&linear(&hidden, weights[2], Precision::F32)?, 0.3, 5)?
    };
    let run = |again: bool| {
        let weights = [gain.as_tensor(), inner.as_tensor(), outer.as_tensor()];
        let out = match again {
            true => recomputed(&x, &weights, block).unwrap(),
            false => block(&x, &weights).unwrap(),
        };
        let grads = weigh(&out).unwrap().backward().unwrap();
        let mut bits: Vec<Vec<f32>> = vec![out.flatten_all().unwrap().to_vec1().unwrap()];
        for var in [&x, &gain, &inner, &outer] {
            bits.push(grads.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap());
        }
        bits
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_recomputed_block_may_leave_a_weight_out() {
    let (x, unused) = (random(&[2, 3], 1.0, 20), random(&[4], 1.0, 21));
    let out = recomputed(&x, &[unused.as_tensor()], |x, _| x.sqr()).unwrap();
    let grads = weigh(&out).unwrap().backward().unwrap();
    assert_eq!(grads.get(&unused).unwrap().to_vec1::<f32>().unwrap(), vec![0.0; 4]);
}
