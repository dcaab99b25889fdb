//! The block product in plain code, for processors without bf16 arithmetic and as what the others are held against.

use super::{BLOCK, TILE, TILE_PAIRS};
use std::mem::MaybeUninit;

/// A block of 32 by 32; `out` is set, or added to where it was set before.
pub(super) fn multiply(strips: &[u32], panels: &[u32], out: &mut [MaybeUninit<f32>], stride: usize, add: bool) {
    let even = |pair: u32| f32::from_bits(pair << 16);
    let odd = |pair: u32| f32::from_bits(pair & 0xffff_0000);
    let half = strips.len() / 2;
    for (row, out) in out.chunks_mut(stride).take(BLOCK).enumerate() {
        let strip = &strips[row / TILE * half..][..half];
        for (panel, out) in panels.chunks(half).zip(out.chunks_mut(TILE)) {
            let mut sums = [0f32; TILE];
            for (a, b) in strip.chunks(TILE_PAIRS).zip(panel.chunks(TILE_PAIRS)) {
                for (a, b) in a[row % TILE * TILE..][..TILE].iter().zip(b.chunks(TILE)) {
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum += even(*a) * even(*b) + odd(*a) * odd(*b);
                    }
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                // Safety: with `add`, an earlier call has set every element of the block.
                let before = if add { unsafe { out.assume_init() } } else { 0.0 };
                out.write(before + sum);
            }
        }
    }
}
