//! A wide table of weights, dense while it is learned and sparse once it is only read: nearly all of it is zero.

use crate::prediction::network::Parameters;
use candle_core::{Device, Result, Tensor, bail};
use fused_ops::{Bags, sum_bags};
use std::sync::Arc;

/// Rows of weights.
pub enum Table {
    Dense(Tensor),
    Sparse(Sparse),
}

/// Rows that hold only what is not zero.
pub struct Sparse {
    /// Row `i` holds entries `starts[i]..starts[i + 1]`.
    starts: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<f32>,
    width: usize,
}

impl Table {
    /// (bags, width): each bag's weighted sum of rows.
    pub fn sum(&self, bags: &Arc<Bags>) -> Result<Tensor> {
        match self {
            Self::Dense(table) => sum_bags(table, bags),
            Self::Sparse(table) => table.sum(bags),
        }
    }

    /// The same table without weights smaller than `least`.
    pub fn sparse(self, least: f32) -> Result<Self> {
        match self {
            Self::Dense(table) => Ok(Self::Sparse(Sparse::of(&table, least)?)),
            Self::Sparse(_) => Ok(self),
        }
    }

    /// The product of a row with a vector of the table's width.
    pub fn along(&self, row: usize, direction: &[f32]) -> Result<f32> {
        match self {
            Self::Dense(table) => {
                let row: Vec<f32> = table.get(row)?.to_vec1()?;
                Ok(row.iter().zip(direction).map(|(x, y)| x * y).sum())
            }
            Self::Sparse(table) => Ok(table.row(row).map(|(column, value)| value * direction[column]).sum()),
        }
    }
}

impl Sparse {
    /// Keeps what reaches `least` of a dense table.
    pub fn of(table: &Tensor, least: f32) -> Result<Self> {
        let (rows, width) = table.dims2()?;
        let dense: Vec<f32> = table.flatten_all()?.to_vec1()?;
        let mut sparse = Self { starts: Vec::with_capacity(rows + 1), columns: vec![], values: vec![], width };
        sparse.starts.push(0);
        for row in dense.chunks(width) {
            for (column, &value) in row.iter().enumerate().filter(|(_, value)| value.abs() >= least) {
                sparse.columns.push(column as u32);
                sparse.values.push(value);
            }
            sparse.starts.push(sparse.values.len() as u32);
        }
        Ok(sparse)
    }

    /// The tensors of a package: entries of each row, their columns, their values.
    pub fn tensors(&self, name: &str) -> Result<[(String, Tensor); 3]> {
        let n = self.values.len();
        let counts: Vec<u32> = self.starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Ok([
            (format!("{name}.counts"), Tensor::from_slice(&counts, counts.len(), &Device::Cpu)?),
            (format!("{name}.columns"), Tensor::from_slice(&self.columns, n, &Device::Cpu)?),
            (format!("{name}.values"), Tensor::from_slice(&self.values, n, &Device::Cpu)?),
        ])
    }

    /// Reads what [`Self::tensors`] gave, and proves that it is a table of this shape.
    pub fn read(parameters: &mut Parameters, name: &str, rows: usize, width: usize) -> Result<Self> {
        let mut take = |part: &str| match parameters.remove(&format!("{name}.{part}")) {
            Some(tensor) => tensor.flatten_all(),
            None => bail!("weight `{name}.{part}` is missing"),
        };
        let (counts, columns, values) = (take("counts")?, take("columns")?, take("values")?);
        let whole = |tensor: Tensor| tensor.to_dtype(candle_core::DType::U32)?.to_vec1::<u32>();
        let (counts, columns) = (whole(counts)?, whole(columns)?);
        let values: Vec<f32> = values.to_dtype(candle_core::DType::F32)?.to_vec1()?;
        let mut starts = vec![0_u32];
        let mut end = 0_u32;
        for count in &counts {
            end = end.saturating_add(*count);
            starts.push(end);
        }
        let whole = counts.len() == rows && end as usize == values.len() && columns.len() == values.len();
        if !whole || columns.iter().any(|&column| column as usize >= width) {
            bail!("weight `{name}` is no sparse table of {rows} rows and {width} columns");
        }
        Ok(Self { starts, columns, values, width })
    }

    fn row(&self, row: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let range = self.starts[row] as usize..self.starts[row + 1] as usize;
        self.columns[range.clone()].iter().map(|&column| column as usize).zip(self.values[range].iter().copied())
    }

    fn sum(&self, bags: &Arc<Bags>) -> Result<Tensor> {
        let mut out = vec![0f32; bags.len() * self.width];
        for (bag, out) in out.chunks_mut(self.width).enumerate() {
            for (row, weight) in bags.bag(bag) {
                if row as usize + 1 >= self.starts.len() {
                    bail!("fact {row} lies outside a table of {} rows", self.starts.len() - 1);
                }
                self.row(row as usize).for_each(|(column, value)| out[column] += weight * value);
            }
        }
        Tensor::from_vec(out, (bags.len(), self.width), &Device::Cpu)
    }
}
