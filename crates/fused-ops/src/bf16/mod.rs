//! Products of matrices whose numbers are rounded to bf16 (nearest, ties to even) and summed in `f32`.
//!
//! Owns the rounding, the packing and the choice of what multiplies: AMX tiles, AVX512-BF16, or plain code that any
//! processor runs. All three read the same packed numbers; they add them in an order of their own, so that results of
//! two processors agree to the rounding of `f32` sums. On one processor the order is fixed: every element of a result
//! is summed by one thread, so equal inputs give equal bits with any number of threads. Numbers too small for a normal
//! `f32` are zero, as they are to the hardware.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod pack;
mod portable;

use crate::math::Strided;
use pack::{Lines, Order, panel_size};
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// Lines of a packed tile, and pairs of steps in it.
const TILE: usize = 16;
/// Numbers of a packed tile: two bf16 each.
const TILE_PAIRS: usize = TILE * TILE;
/// Rows and columns of the result that a kernel computes at once.
const BLOCK: usize = 2 * TILE;
/// Steps of the sum that are packed at once: what is packed of the right side stays in the second-level cache.
const STEPS: usize = 2048;
/// Multiplications that are worth a task of their own, and the blocks that a task has at least: their lines are packed
/// together, which is the faster the more lie side by side.
const TASK: usize = 8 << 20;
const LEAST_BLOCKS: usize = 2;

/// What multiplies bf16 numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bf16Unit {
    /// Tiles of 16 by 32 (Intel from Sapphire Rapids on, under Linux).
    Amx,
    /// `vdpbf16ps` on 512 bits (AMD from Zen 4 on, Intel Cooper Lake).
    Avx512,
    /// Plain code: right everywhere, faster nowhere.
    Portable,
}

/// What this processor and its system offer; asked once.
pub fn bf16_unit() -> Bf16Unit {
    static UNIT: OnceLock<Bf16Unit> = OnceLock::new();
    *UNIT.get_or_init(|| units()[0])
}

/// Every unit that works here, the fastest first; never empty.
fn units() -> Vec<Bf16Unit> {
    let mut units = Vec::new();
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if avx512::is_present() && amx::is_allowed() {
        units.push(Bf16Unit::Amx);
    }
    #[cfg(target_arch = "x86_64")]
    if avx512::is_present() {
        units.push(Bf16Unit::Avx512);
    }
    units.push(Bf16Unit::Portable);
    units
}

/// `a b` for `a` (m, k) and `b` (k, n), row-major.
pub(crate) fn product(unit: Bf16Unit, (m, n, k): (usize, usize, usize), a: Strided, b: Strided) -> Vec<f32> {
    let rows = Lines { data: a.data, lines: m, steps: k, line: a.row, step: a.column };
    let columns = Lines { data: b.data, lines: n, steps: k, line: b.column, step: b.row };
    rows.check();
    columns.check();
    if m == 0 || n == 0 || k == 0 {
        return vec![0.0; m * n];
    }
    let mut out = Vec::with_capacity(m * n);
    let blocks = (TASK / (BLOCK * n * k.min(STEPS))).clamp(LEAST_BLOCKS, 4 * LEAST_BLOCKS);
    for from in (0..k).step_by(STEPS) {
        let steps = from..k.min(from + STEPS);
        let packed = columns.packed(unit, steps.clone());
        let size = panel_size(&steps);
        out.spare_capacity_mut()[..m * n].par_chunks_mut(blocks * BLOCK * n).enumerate().for_each(|(task, out)| {
            let mut strips = vec![0; 2 * out.len().div_ceil(BLOCK * n) * size];
            rows.pack(unit, task * blocks * BLOCK, steps.clone(), Order::LineFirst, &mut strips);
            for (strips, out) in strips.chunks(2 * size).zip(out.chunks_mut(BLOCK * n)) {
                row_of_blocks(unit, strips, &packed, out, n, from > 0);
            }
        });
    }
    // Safety: the chunks cover all m * n elements and `row_of_blocks` writes every element of its chunk.
    unsafe { out.set_len(m * n) };
    out
}

/// Up to 32 rows of the result: `strips` holds two packed strips of the left side, `packed` all panels of the right
/// one. Writes every element of `out` (rows, n), or adds to it.
fn row_of_blocks(unit: Bf16Unit, strips: &[u32], packed: &[u32], out: &mut [MaybeUninit<f32>], n: usize, add: bool) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    let _tiles = (unit == Bf16Unit::Amx).then(amx::Tiles::configure);
    for (place, panels) in packed.chunks(strips.len()).enumerate() {
        let column = place * BLOCK;
        let (rows, columns) = (out.len() / n, BLOCK.min(n - column));
        if rows == BLOCK && columns == BLOCK {
            multiply(unit, strips, panels, &mut out[column..], n, add);
            continue;
        }
        let mut edge = [MaybeUninit::new(0f32); BLOCK * BLOCK];
        let parts = |row: usize| (row * n + column..row * n + column + columns, row * BLOCK..row * BLOCK + columns);
        if add {
            (0..rows).map(parts).for_each(|(whole, part)| edge[part].copy_from_slice(&out[whole]));
        }
        multiply(unit, strips, panels, &mut edge, BLOCK, add);
        (0..rows).map(parts).for_each(|(whole, part)| out[whole].copy_from_slice(&edge[part]));
    }
}

/// A block of 32 by 32 from two strips and two panels, into `out` with `stride` elements from row to row.
fn multiply(unit: Bf16Unit, strips: &[u32], panels: &[u32], out: &mut [MaybeUninit<f32>], stride: usize, add: bool) {
    assert!(strips.len() == panels.len() && strips.len().is_multiple_of(2 * TILE_PAIRS) && !strips.is_empty());
    assert!(out.len() >= (BLOCK - 1) * stride + BLOCK && stride >= BLOCK);
    match unit {
        // Safety: the asserts above bound what is read and written; the unit was found by asking the processor, and
        // `row_of_blocks` holds this thread's tiles.
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        Bf16Unit::Amx => unsafe { amx::multiply(strips, panels, out, stride, add) },
        // Safety: as above.
        #[cfg(target_arch = "x86_64")]
        Bf16Unit::Avx512 => unsafe { avx512::multiply(strips, panels, out, stride, add) },
        _ => portable::multiply(strips, panels, out, stride, add),
    }
}

#[cfg(test)]
mod tests;
