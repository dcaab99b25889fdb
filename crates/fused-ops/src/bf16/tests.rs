use super::pack::rounded;
use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn random(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1f32..1.0)).collect()
}

fn bf16(x: f32) -> f32 {
    f32::from_bits(rounded(x))
}

/// Sides as a caller may store them: as they are, or transposed.
fn side(data: &[f32], rows: usize, columns: usize, turned: bool) -> Strided<'_> {
    match turned {
        false => Strided { data, row: columns, column: 1 },
        true => Strided { data, row: 1, column: rows },
    }
}

fn at(side: Strided, row: usize, column: usize) -> f32 {
    side.data[row * side.row + column * side.column]
}

#[test]
fn a_number_is_rounded_to_the_nearest_and_ties_to_even() {
    for (x, right) in [
        (1.0, 1.0),
        (1.0 + 1.0 / 256.0, 1.0),
        (1.0 + 3.0 / 256.0, 1.0 + 1.0 / 64.0),
        (1.0 + 1.001 / 256.0, 1.0 + 1.0 / 128.0),
        (-1.0 - 1.001 / 256.0, -1.0 - 1.0 / 128.0),
        (1e-40, 0.0),
        (f32::MAX, f32::INFINITY),
        (f32::NEG_INFINITY, f32::NEG_INFINITY),
    ] {
        assert_eq!(bf16(x), right, "{x}");
    }
    assert!(bf16(f32::NAN).is_nan() && bf16(f32::from_bits(0x7f80_0001)).is_nan());
    assert!(bf16(-1e-40).is_sign_negative());
    for x in random(10_000, 1) {
        assert!((bf16(x) - x).abs() <= x.abs() / 256.0 && rounded(x) & 0xffff == 0);
    }
}

/// Every unit of this machine against sums in `f64` over rounded operands. `f32` sums of k products of numbers below 1
/// err by a few units in the last place of sums that grow like the root of k: 1e-6 of the sum of magnitudes is plenty,
/// and a thousandth of what a wrong, missing or doubled product would do.
#[test]
fn every_unit_gives_the_product_of_the_rounded_operands_for_every_shape_and_side() {
    for (m, n, k) in [(1, 1, 1), (3, 213, 20), (32, 32, 32), (33, 31, 65), (130, 70, 40), (40, 33, 2050), (5, 40, 9)] {
        let (left, right) = (random(m * k, 2), random(k * n, 3));
        for (left_turned, right_turned) in [(false, false), (false, true), (true, false), (true, true)] {
            let (a, b) = (side(&left, m, k, left_turned), side(&right, k, n, right_turned));
            for unit in units() {
                let ours = product(unit, (m, n, k), a, b);
                for i in 0..m {
                    for j in 0..n {
                        let products = (0..k).map(|s| f64::from(bf16(at(a, i, s))) * f64::from(bf16(at(b, s, j))));
                        let (sum, size) = products.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
                        let error = (f64::from(ours[i * n + j]) - sum).abs();
                        assert!(error <= 1e-6 * size, "{unit:?} {m} {n} {k} at {i} {j}: off by {error} of {size}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_unit_packs_the_same_bits() {
    let mut data = random(50 * 70, 4);
    for (place, odd) in [f32::NAN, f32::INFINITY, -1e-40, 1e-40, f32::MAX, -0.0].into_iter().enumerate() {
        data[place * 31] = odd;
    }
    for (line, step) in [(70, 1), (1, 50)] {
        let lines = Lines { data: &data, lines: 50, steps: 70, line, step };
        for order in [Order::LineFirst, Order::PairFirst] {
            for first in [0, 16, 48, 64] {
                let packed = |unit| {
                    let mut out = vec![7; 3 * TILE_PAIRS];
                    lines.pack(unit, first, 0..70, order, &mut out);
                    out
                };
                for unit in units() {
                    assert_eq!(packed(unit), packed(Bf16Unit::Portable), "{unit:?}");
                }
            }
        }
    }
}

#[test]
fn a_product_has_the_same_bits_with_any_number_of_threads() {
    let (m, n, k) = (300, 40, 2100);
    let (left, right) = (random(m * k, 5), random(k * n, 6));
    let (a, b) = (side(&left, m, k, true), side(&right, k, n, false));
    for unit in units() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| product(unit, (m, n, k), a, b))
        };
        let one = with(1);
        assert!([2, 3, 7].into_iter().all(|threads| with(threads) == one), "{unit:?}");
    }
}

#[test]
fn an_empty_sum_is_zero() {
    assert_eq!(product(bf16_unit(), (2, 3, 0), side(&[], 2, 0, false), side(&[], 0, 3, false)), vec![0.0; 6]);
}

#[test]
#[should_panic(expected = "a side of a product is too small")]
fn a_side_that_is_too_small_is_refused() {
    product(bf16_unit(), (2, 2, 8), side(&[0.0; 15], 2, 8, false), side(&[0.0; 16], 8, 2, false));
}
