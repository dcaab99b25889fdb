//! Rounding to bf16 and the order that tiles want: sixteen lines (rows of the left side, columns of the right one)
//! by sixteen pairs of neighbouring steps of the sum. What lies beyond the matrix is zero.

use super::{BLOCK, Bf16Unit, LEAST_BLOCKS, TILE, TILE_PAIRS};
use rayon::prelude::*;
use std::ops::Range;

/// One side of a product, seen as lines that are summed along steps.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub data: &'a [f32],
    pub lines: usize,
    pub steps: usize,
    /// Elements from a line to the next; this or `step` is 1.
    pub line: usize,
    /// Elements from a step to the next.
    pub step: usize,
}

/// Which index of a tile is outermost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The left side: `tile[line][pair]`.
    LineFirst,
    /// The right side: `tile[pair][line]`.
    PairFirst,
}

/// The bits of `x` rounded to bf16, in the upper half; the lower half is zero. Denormals are zero, NaN stays NaN.
pub(super) fn rounded(x: f32) -> u32 {
    const UPPER: u32 = 0xffff_0000;
    let bits = x.to_bits();
    let nearest = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & UPPER;
    let exponent = bits & 0x7f80_0000;
    let special = if exponent == 0 { bits & 0x8000_0000 } else { (bits | 0x0040_0000) & UPPER };
    let is_nan = (bits & 0x7fff_ffff) > 0x7f80_0000;
    if (exponent == 0) | is_nan { special } else { nearest }
}

/// Two neighbouring steps, the earlier one in the lower half.
fn pair(even: f32, odd: f32) -> u32 {
    rounded(even) >> 16 | rounded(odd)
}

impl Lines<'_> {
    /// Refuses a slice that is too small, or strides of which none is 1.
    pub(super) fn check(&self) {
        let last = (self.lines.max(1) - 1) * self.line + (self.steps.max(1) - 1) * self.step;
        assert!(self.lines * self.steps == 0 || self.data.len() > last, "a side of a product is too small");
        assert!(self.line == 1 || self.step == 1, "a side of a product must be contiguous one way");
    }

    /// All lines as panels of sixteen, an even number of them, `tile[pair][line]`.
    pub(super) fn packed(&self, unit: Bf16Unit, steps: Range<usize>) -> Vec<u32> {
        let panels = LEAST_BLOCKS * BLOCK / TILE;
        let size = panel_size(&steps);
        let mut out = vec![0; self.lines.div_ceil(BLOCK) * BLOCK / TILE * size];
        out.par_chunks_mut(panels * size)
            .enumerate()
            .for_each(|(place, out)| self.pack(unit, place * panels * TILE, steps.clone(), Order::PairFirst, out));
        out
    }

    /// Lines from `first` on over some steps: as many panels of sixteen as `out` holds, each tile after tile.
    pub(super) fn pack(&self, unit: Bf16Unit, first: usize, steps: Range<usize>, order: Order, out: &mut [u32]) {
        match unit {
            Bf16Unit::Portable => self.pack_with((along, across, transpose), first, steps, order, out),
            // Safety: the unit was found by asking the processor.
            #[cfg(target_arch = "x86_64")]
            _ => unsafe { super::avx512::pack(self, first, steps, order, out) },
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("no other unit is ever found here"),
        }
    }

    /// The same with given ways to round: steps side by side, lines side by side, and to transpose a tile. Compiled
    /// into its callers, so that each has its own instructions. Neighbouring panels are packed together, so that
    /// memory is read in long pieces either way.
    #[inline(always)]
    pub(super) fn pack_with(
        &self,
        (along, across, transpose): (
            impl Fn(&[f32], &mut [u32; TILE]),
            impl Fn(&[f32], &[f32], &mut [u32; TILE]),
            impl Fn(&mut [u32; TILE_PAIRS]),
        ),
        first: usize,
        steps: Range<usize>,
        order: Order,
        out: &mut [u32],
    ) {
        let (size, from) = (panel_size(&steps), steps.start);
        let part = |line: usize, step: usize, len: usize| &self.data[line * self.line + step * self.step..][..len];
        let natural = if self.step == 1 { Order::LineFirst } else { Order::PairFirst };
        let pack_tile = |first: usize, here: Range<usize>, tile: &mut [u32; TILE_PAIRS]| {
            let lines = TILE.min(self.lines.saturating_sub(first));
            let step = |step: usize| if here.contains(&step) { part(first, step, lines) } else { &[] };
            let (rows, _) = tile.as_chunks_mut::<TILE>();
            for (place, row) in rows.iter_mut().enumerate() {
                match natural {
                    Order::LineFirst if place < lines => along(part(first + place, here.start, here.len()), row),
                    Order::PairFirst if lines > 0 => {
                        across(step(here.start + 2 * place), step(here.start + 2 * place + 1), row);
                    }
                    _ => row.fill(0),
                }
            }
            if natural != order {
                transpose(tile);
            }
        };
        let (tiles, _) = out.as_chunks_mut::<TILE_PAIRS>();
        let (panels, tiles_each) = (tiles.len() * TILE_PAIRS / size, size / TILE_PAIRS);
        // Memory is read in pieces as long as it holds them: a whole panel where steps lie side by side, otherwise
        // all panels of the same steps.
        for i in 0..panels * tiles_each {
            let (panel, number) = match natural {
                Order::LineFirst => (i / tiles_each, i % tiles_each),
                Order::PairFirst => (i % panels, i / panels),
            };
            let start = from + number * 2 * TILE;
            let here = start..steps.end.min(start + 2 * TILE);
            pack_tile(first + panel * TILE, here, &mut tiles[panel * tiles_each + number]);
        }
    }
}

/// Numbers of a panel over some steps.
pub(super) fn panel_size(steps: &Range<usize>) -> usize {
    steps.len().div_ceil(2 * TILE) * TILE_PAIRS
}

/// Up to 32 steps of one line as sixteen pairs.
fn along(steps: &[f32], out: &mut [u32; TILE]) {
    let step = |i: usize| steps.get(i).copied().unwrap_or(0.0);
    *out = std::array::from_fn(|place| pair(step(2 * place), step(2 * place + 1)));
}

/// Two steps of up to sixteen lines, a pair for each line.
fn across(even: &[f32], odd: &[f32], out: &mut [u32; TILE]) {
    let at = |step: &[f32], line: usize| step.get(line).copied().unwrap_or(0.0);
    *out = std::array::from_fn(|line| pair(at(even, line), at(odd, line)));
}

/// A tile's transpose, in place.
fn transpose(tile: &mut [u32; TILE_PAIRS]) {
    for i in 0..TILE {
        for j in 0..i {
            tile.swap(i * TILE + j, j * TILE + i);
        }
    }
}
