//! Packing on 512 bits and the block product by `vdpbf16ps`. Every function asks for the features that
//! [`is_present`] looks for.

use super::pack::{Lines, Order};
use super::{TILE, TILE_PAIRS};
use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Whether this processor has AVX512-BF16 and what packing needs.
pub(super) fn is_present() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16")
}

/// [`Lines::pack_with`] on 512 bits. Rounds as [`super::pack::rounded`] does, bit for bit.
///
/// # Safety
/// [`is_present`] must have said so.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) unsafe fn pack(lines: &Lines, first: usize, steps: Range<usize>, order: Order, out: &mut [u32]) {
    let along = |steps: &[f32], out: &mut [u32; TILE]| {
        let (low, high) = steps.split_at(steps.len().min(TILE));
        store(both(part(low), part(high)), out);
    };
    // Word i of the result: line i / 2 of the earlier step, or of the later one that follows it 16 words on.
    let interleaved: [u16; 2 * TILE] = std::array::from_fn(|i| (i / 2 + i % 2 * TILE) as u16);
    // Safety: 64 bytes are read from an array of 64 bytes.
    let interleaved = unsafe { _mm512_loadu_si512(interleaved.as_ptr().cast()) };
    let across = |even: &[f32], odd: &[f32], out: &mut [u32; TILE]| {
        store(_mm512_permutexvar_epi16(interleaved, both(part(even), part(odd))), out);
    };
    lines.pack_with((along, across, |tile: &mut _| transpose(tile)), first, steps, order, out);
}

/// Up to sixteen numbers, then zeros.
#[inline]
#[target_feature(enable = "avx512f")]
fn part(numbers: &[f32]) -> __m512 {
    let mask = ((1_u32 << numbers.len().min(TILE)) - 1) as __mmask16;
    // Safety: lanes beyond the slice are masked out and not read.
    unsafe { _mm512_maskz_loadu_ps(mask, numbers.as_ptr()) }
}

/// Sixteen and sixteen numbers rounded to bf16, side by side.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn both(low: __m512, high: __m512) -> __m512i {
    // Safety: both types are 512 plain bits.
    unsafe { std::mem::transmute(_mm512_cvtne2ps_pbh(high, low)) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(pairs: __m512i, out: &mut [u32; TILE]) {
    // Safety: 64 bytes are written to an array of 64 bytes.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), pairs) };
}

/// A tile's transpose: pairs, then quadruples within 128 bits, then the 128-bit parts themselves.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(tile: &mut [u32; TILE_PAIRS]) {
    let at = |row: usize| {
        // Safety: sixteen rows of sixteen numbers; unaligned loads.
        unsafe { _mm512_loadu_si512(tile.as_ptr().add(row * TILE).cast()) }
    };
    let mut rows = [_mm512_setzero_si512(); TILE];
    for four in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| at(4 * four + i));
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        rows[4 * four] = _mm512_unpacklo_epi64(ab_low, cd_low);
        rows[4 * four + 1] = _mm512_unpackhi_epi64(ab_low, cd_low);
        rows[4 * four + 2] = _mm512_unpacklo_epi64(ab_high, cd_high);
        rows[4 * four + 3] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }
    for column in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|four| rows[4 * four + column]);
        let (ab_even, ab_odd) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xdd>(a, b));
        let (cd_even, cd_odd) = (_mm512_shuffle_i32x4::<0x88>(c, d), _mm512_shuffle_i32x4::<0xdd>(c, d));
        let out = [
            _mm512_shuffle_i32x4::<0x88>(ab_even, cd_even),
            _mm512_shuffle_i32x4::<0x88>(ab_odd, cd_odd),
            _mm512_shuffle_i32x4::<0xdd>(ab_even, cd_even),
            _mm512_shuffle_i32x4::<0xdd>(ab_odd, cd_odd),
        ];
        for (part, out) in out.into_iter().enumerate() {
            // Safety: row 4 * part + column of sixteen.
            unsafe { _mm512_storeu_si512(tile.as_mut_ptr().add((4 * part + column) * TILE).cast(), out) };
        }
    }
}

/// A block of 32 by 32; `out` is set, or added to where it was set before.
///
/// # Safety
/// [`is_present`] must have said so; `strips` and `panels` hold two of equally many whole tiles; `out` holds 32 rows of
/// 32 numbers, `stride` apart, which are set if `add`.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) unsafe fn multiply(strips: &[u32], panels: &[u32], out: &mut [MaybeUninit<f32>], stride: usize, add: bool) {
    let half = strips.len() / 2;
    for (down, strip) in strips.chunks_exact(half).enumerate() {
        for (right, panel) in panels.chunks_exact(half).enumerate() {
            let mut sums = [_mm512_setzero_ps(); TILE];
            for (a, b) in strip.chunks_exact(TILE_PAIRS).zip(panel.chunks_exact(TILE_PAIRS)) {
                for place in 0..TILE {
                    // Safety: `place` is below the sixteen pairs of a tile; both vectors are plain bits.
                    unsafe {
                        let b: __m512bh = std::mem::transmute(_mm512_loadu_si512(b.as_ptr().add(place * TILE).cast()));
                        for (row, sum) in sums.iter_mut().enumerate() {
                            let a = _mm512_set1_epi32(*a.get_unchecked(row * TILE + place) as i32);
                            *sum = _mm512_dpbf16_ps(*sum, std::mem::transmute::<__m512i, __m512bh>(a), b);
                        }
                    }
                }
            }
            for (row, sum) in sums.into_iter().enumerate() {
                // Safety: within the 32 rows and columns that the caller promises.
                unsafe {
                    let to = out.as_mut_ptr().add((down * TILE + row) * stride + right * TILE).cast::<f32>();
                    let sum = if add { _mm512_add_ps(_mm512_loadu_ps(to), sum) } else { sum };
                    _mm512_storeu_ps(to, sum);
                }
            }
        }
    }
}
