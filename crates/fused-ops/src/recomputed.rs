//! A block whose inner results are not kept for the backward pass but computed again there, which trades one more
//! forward pass for memory (Chen et al. 2016, arXiv 1604.06174).
//!
//! The block must be a function of its arguments alone: dropout in it draws from seeds, so that both passes see the
//! same masks and the gradients have the same bits as without.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Storage, Tensor, Var, bail};

/// `block(x, weights)`. Only `x`, the result and a copy of the weights live until the backward pass.
pub fn recomputed(
    x: &Tensor,
    weights: &[&Tensor],
    block: impl Fn(&Tensor, &[&Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let shapes: Vec<Shape> = weights.iter().map(|weight| weight.shape().clone()).collect();
    let flat = weights.iter().map(|weight| weight.flatten_all()).collect::<Result<Vec<_>>>()?;
    // An operation takes three tensors at most: all weights travel as one.
    let packed = Tensor::cat(&flat, 0)?;
    let op = Recomputed { x: x.detach(), packed: packed.detach(), shapes, block };
    x.apply_op2(&packed, op)
}

struct Recomputed<F> {
    /// The arguments as tensors: the forward pass of an operation is handed bare storage.
    x: Tensor,
    packed: Tensor,
    shapes: Vec<Shape>,
    block: F,
}

impl<F> Recomputed<F> {
    /// The weights as views of what holds them all.
    fn weights(&self) -> Result<Vec<Tensor>> {
        let mut start = 0;
        let view = |shape: &Shape| {
            let view = self.packed.narrow(0, start, shape.elem_count())?.reshape(shape)?;
            start += shape.elem_count();
            Ok(view)
        };
        self.shapes.iter().map(view).collect()
    }
}

impl<F: Fn(&Tensor, &[&Tensor]) -> Result<Tensor>> CustomOp2 for Recomputed<F> {
    fn name(&self) -> &'static str {
        "recomputed"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let weights = self.weights()?;
        let out = (self.block)(&self.x, &weights.iter().collect::<Vec<_>>())?.contiguous()?;
        let (storage, layout) = out.storage_and_layout();
        match (&*storage, layout.start_offset()) {
            (Storage::Cpu(numbers), 0) => Ok((numbers.clone(), out.shape().clone())),
            _ => bail!("a recomputed block must give a tensor of its own on the CPU"),
        }
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let x = Var::from_tensor(&self.x)?;
        let weights = self.weights()?.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
        let inside: Vec<&Tensor> = weights.iter().map(Var::as_tensor).collect();
        let out = (self.block)(x.as_tensor(), &inside)?;
        // The gradient of this sum by `out` is `grad`, bit for bit.
        let grads = (out * grad)?.sum_all()?.backward()?;
        let of = |var: &Var| match grads.get(var) {
            Some(grad) => Ok(grad.clone()),
            None => var.zeros_like(),
        };
        let parts = weights.iter().map(|weight| of(weight)?.flatten_all()).collect::<Result<Vec<_>>>()?;
        Ok((Some(of(&x)?), Some(Tensor::cat(&parts, 0)?)))
    }
}
