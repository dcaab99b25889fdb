//! Inner loops that the compiler vectorises: exponentials, sums and maxima over sixteen lanes, small products.

use gemm::Parallelism;

/// Lanes of a reduction; LLVM does not vectorise float sums by itself.
const LANES: usize = 16;

/// `e^x` to about 1e-7 relative: Cody-Waite reduction and the polynomial of Cephes' `expf`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding and taking it away rounds to an integer
    let x = x.clamp(-87.0, 88.0);
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p =
        ((((1.987_569_1e-4 * r + 1.398_2e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r + 1.666_666_5e-1) * r + 0.5;
    (p * r * r + r + 1.0) * f32::from_bits((((n as i32) + 127) as u32) << 23)
}

/// Logistic function.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Sum of products.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a16, b16) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a16.remainder().iter().zip(b16.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a16.zip(b16) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Largest element.
#[inline(always)]
pub(crate) fn max(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = if chunk[lane] > lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().copied().fold(rest, f32::max)
}

/// Replaces each element by `e^(x - shift)` and returns the sum.
#[inline(always)]
pub(crate) fn exp_in_place(row: &mut [f32], shift: f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let mut rest = 0f32;
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - shift);
            lanes[lane] += chunk[lane];
        }
    }
    for x in chunks.into_remainder() {
        *x = exp(*x - shift);
        rest += *x;
    }
    lanes.iter().sum::<f32>() + rest
}

/// Softmax of a row in place.
#[inline(always)]
pub(crate) fn softmax(row: &mut [f32]) {
    let inverse = 1.0 / exp_in_place(row, max(row));
    row.iter_mut().for_each(|x| *x *= inverse);
}

/// A matrix inside a slice: row and column strides in elements.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub column: usize,
}

/// `c = a b` or `c += a b` on one thread; `c` is row-major with stride `c_row`.
pub(crate) fn product(
    (m, n, k): (usize, usize, usize),
    c: &mut [f32],
    c_row: usize,
    add: bool,
    a: Strided,
    b: Strided,
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    let last = |rows: usize, columns: usize, row: usize, column: usize| (rows - 1) * row + (columns - 1) * column;
    assert!(c.len() > last(m, n, c_row, 1), "output of a product is too small");
    assert!(a.data.len() > last(m, k, a.row, a.column), "left side of a product is too small");
    assert!(b.data.len() > last(k, n, b.row, b.column), "right side of a product is too small");
    // Safety: the three asserts above bound every element that gemm touches.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            c_row as isize,
            add,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1f32,
            1f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_seven_digits() {
        for i in -860..=860 {
            let x = i as f32 / 10.0;
            let (ours, right) = (exp(x) as f64, (x as f64).exp());
            assert!((ours / right - 1.0).abs() < 3e-7, "{x}: {ours} against {right}");
        }
    }

    #[test]
    fn reductions_do_not_lose_the_rest_of_a_row() {
        let row: Vec<f32> = (0..37).map(|i| i as f32 - 18.0).collect();
        assert_eq!(max(&row), 18.0);
        assert_eq!(dot(&row, &row), row.iter().map(|x| x * x).sum::<f32>());
        let mut soft = row.clone();
        softmax(&mut soft);
        assert!((soft.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
