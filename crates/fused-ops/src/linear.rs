//! Rows times the transpose of a weight, in `f32` or with operands rounded to bf16.
//!
//! With bf16 all three products round their operands and sum in `f32`: the result, the gradient of the rows
//! `dX = dY W` and that of the weight `dW = dY^T X`. Results, gradients and weights stay `f32`.

use crate::bf16::{Bf16Unit, bf16_unit, product};
use crate::math::Strided;
use crate::storage::numbers;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

/// What the operands of a product are rounded to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Not at all.
    #[default]
    F32,
    /// bf16: eight bits of mantissa, the range of `f32`.
    Bf16,
}

/// `x` (rows, inputs) times the transpose of `weight` (outputs, inputs): (rows, outputs).
pub fn linear(x: &Tensor, weight: &Tensor, precision: Precision) -> Result<Tensor> {
    match precision {
        Precision::F32 => x.matmul(&weight.t()?),
        Precision::Bf16 => x.apply_op2(weight, Product { unit: bf16_unit(), sides: Sides::Forward }),
    }
}

/// Which of both operands is transposed.
#[derive(Clone, Copy)]
enum Sides {
    /// `a b^T`
    Forward,
    /// `a b`
    Rows,
    /// `a^T b`
    Weight,
}

#[derive(Clone, Copy)]
struct Product {
    unit: Bf16Unit,
    sides: Sides,
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "bf16-product"
    }

    fn cpu_fwd(&self, a: &CpuStorage, la: &Layout, b: &CpuStorage, lb: &Layout) -> Result<(CpuStorage, Shape)> {
        let ((a_rows, a_columns), (b_rows, b_columns)) = (la.shape().dims2()?, lb.shape().dims2()?);
        let plain = |data, columns| Strided { data, row: columns, column: 1 };
        let turned = |data, columns| Strided { data, row: 1, column: columns };
        let (a, b) = (numbers(a, la)?, numbers(b, lb)?);
        let (m, n, [k, other], a, b) = match self.sides {
            Sides::Forward => (a_rows, b_rows, [a_columns, b_columns], plain(a, a_columns), turned(b, b_columns)),
            Sides::Rows => (a_rows, b_columns, [a_columns, b_rows], plain(a, a_columns), plain(b, b_columns)),
            Sides::Weight => (a_columns, b_columns, [a_rows, b_rows], turned(a, a_columns), plain(b, b_columns)),
        };
        if k != other {
            bail!("a product over {k} and {other} elements");
        }
        Ok((CpuStorage::F32(product(self.unit, (m, n, k), a, b)), (m, n).into()))
    }

    fn bwd(&self, x: &Tensor, weight: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let dx = grad.apply_op2_no_bwd(weight, &Product { sides: Sides::Rows, ..*self })?;
        let dweight = grad.apply_op2_no_bwd(x, &Product { sides: Sides::Weight, ..*self })?;
        Ok((Some(dx), Some(dweight)))
    }
}
