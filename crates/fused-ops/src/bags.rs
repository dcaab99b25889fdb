//! Sums of weighted rows of a table: a day is the sum of its events' embeddings, a word the mean of its
//! n-grams'. A single entry can be taken out of a bag and the sum made again.

use crate::storage::numbers;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::sync::Arc;

const BLOCK: usize = 16;

/// Bags of weighted table rows; bag `i` holds entries `starts[i]..starts[i + 1]`.
#[derive(Clone, Debug, Default)]
pub struct Bags {
    starts: Vec<u32>,
    rows: Vec<u32>,
    weights: Vec<f32>,
}

impl Bags {
    /// No bags yet.
    pub fn new() -> Self {
        Self { starts: vec![0], rows: Vec::new(), weights: Vec::new() }
    }

    /// Adds an entry to the bag being filled.
    pub fn push(&mut self, row: u32, weight: f32) {
        self.rows.push(row);
        self.weights.push(weight);
    }

    /// Ends the bag being filled, which may be empty.
    pub fn close(&mut self) {
        self.starts.push(self.rows.len() as u32);
    }

    /// Bags closed so far.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether no bag was closed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows and weights of one bag.
    pub fn bag(&self, i: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let range = self.starts[i] as usize..self.starts[i + 1] as usize;
        self.rows[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }

    fn check(&self, table_rows: usize) -> Result<()> {
        match self.rows.iter().find(|&&row| row as usize >= table_rows) {
            Some(row) => candle_core::bail!("bag entry {row} lies outside a table of {table_rows} rows"),
            None => Ok(()),
        }
    }
}

/// (bags, width): each bag's weighted sum of rows of `table` (rows, width).
pub fn sum_bags(table: &Tensor, bags: &Arc<Bags>) -> Result<Tensor> {
    table.apply_op1(SumBags(bags.clone()))
}

struct SumBags(Arc<Bags>);
/// Gradient to the table, which has this many rows.
struct SumBagsBackward(Arc<Bags>, usize);

impl CustomOp1 for SumBags {
    fn name(&self) -> &'static str {
        "sum-bags"
    }

    fn cpu_fwd(&self, table: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let (table, bags) = (numbers(table, layout)?, &self.0);
        bags.check(rows)?;
        let mut out = vec![0f32; bags.len() * width];
        out.par_chunks_mut(width * BLOCK).enumerate().for_each(|(block, out)| {
            for (i, out) in out.chunks_mut(width).enumerate() {
                for (row, weight) in bags.bag(block * BLOCK + i) {
                    let row = &table[row as usize * width..][..width];
                    out.iter_mut().zip(row).for_each(|(out, x)| *out += weight * x);
                }
            }
        });
        Ok((CpuStorage::F32(out), (bags.len(), width).into()))
    }

    fn bwd(&self, table: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let rows = table.dim(0)?;
        Ok(Some(grad.contiguous()?.apply_op1_no_bwd(&SumBagsBackward(self.0.clone(), rows))?))
    }
}

impl CustomOp1 for SumBagsBackward {
    fn name(&self) -> &'static str {
        "sum-bags-backward"
    }

    fn cpu_fwd(&self, grad: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, width) = layout.shape().dims2()?;
        let (grad, bags) = (numbers(grad, layout)?, &self.0);
        let mut out = vec![0f32; self.1 * width];
        for (i, grad) in grad.chunks(width).enumerate() {
            for (row, weight) in bags.bag(i) {
                let row = &mut out[row as usize * width..][..width];
                row.iter_mut().zip(grad).for_each(|(out, g)| *out += weight * g);
            }
        }
        Ok((CpuStorage::F32(out), (self.1, width).into()))
    }
}
