//! Attention in which every row sees a prefix of its own span's keys.
//!
//! A span is one patient's window: `keys` rows of history followed by rows that only ask (read-outs). A
//! history row sees itself and what came before; a read-out sees as much of the history as its moment allows
//! and is itself never seen. Queries and keys are normalised per head with a gain (QK-norm) and turned by
//! given angles (rotary position and time). Spans are packed one after another, so nothing is padded and no
//! mask exists. The backward pass computes the probabilities again instead of keeping them.

use crate::math::{Strided, dot, product, softmax};
use crate::norm::{EPSILON, row_backward};
use crate::storage::{Disjoint, numbers};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::Arc;

/// Query rows handled together; bounds the scratch memory to this many rows of probabilities.
const BLOCK: usize = 64;

/// One window within the packed rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First row.
    pub start: usize,
    /// Rows that can be seen: the first `keys` of the span.
    pub keys: usize,
    /// All rows, read-outs included.
    pub rows: usize,
}

/// Where each row looks and how it is turned. Made once per batch, shared by all layers.
#[derive(Clone, Debug)]
pub struct AttentionPlan {
    pub heads: usize,
    pub spans: Vec<Span>,
    /// Per row: how many keys of its span it sees, at least 1.
    pub visible: Vec<u32>,
    /// (rows, width / heads / 2): cosine of each pair's angle.
    pub cos: Vec<f32>,
    /// The same for the sine.
    pub sin: Vec<f32>,
}

impl AttentionPlan {
    fn check(&self, rows: usize, width: usize) -> Result<()> {
        let half = width / self.heads / 2;
        if self.visible.len() != rows || self.cos.len() != rows * half || self.sin.len() != rows * half {
            bail!("the attention plan does not fit {rows} rows of width {width}");
        }
        let mut next = 0;
        for span in &self.spans {
            let visible = &self.visible[span.start.min(rows)..(span.start + span.rows).min(rows)];
            if span.start != next || span.keys > span.rows || visible.len() != span.rows {
                bail!("the spans of an attention plan must follow one another and cover all rows");
            }
            if visible.iter().any(|&seen| seen == 0 || seen as usize > span.keys) {
                bail!("every row of a span must see between one and all of its keys");
            }
            next += span.rows;
        }
        if next != rows {
            bail!("the spans of an attention plan cover {next} of {rows} rows");
        }
        Ok(())
    }
}

/// (rows, 3 width) queries, keys and values side by side, with the gains of query and key norm (head width),
/// to (rows, width).
pub fn prefix_attention(
    qkv: &Tensor,
    query_gain: &Tensor,
    key_gain: &Tensor,
    plan: &Arc<AttentionPlan>,
) -> Result<Tensor> {
    let (rows, triple) = qkv.dims2()?;
    plan.check(rows, triple / 3)?;
    qkv.apply_op3(query_gain, key_gain, Attention(plan.clone()))
}

struct Attention(Arc<AttentionPlan>);
struct AttentionBackward(Arc<AttentionPlan>);

/// The part of a packed row that belongs to one head: 0 query, 1 key, 2 value.
fn part(width: usize, head_width: usize, head: usize, row: usize, which: usize) -> std::ops::Range<usize> {
    let start = row * 3 * width + which * width + head * head_width;
    start..start + head_width
}

/// Normalises a query or key, applies its gain and turns each pair (j, j + half) by the row's angle.
fn turn(plan: &AttentionPlan, row: usize, x: &[f32], gain: &[f32], scale: f32, out: &mut [f32]) {
    let half = x.len() / 2;
    let inverse = scale / (dot(x, x) / x.len() as f32 + EPSILON).sqrt();
    let (cos, sin) = (&plan.cos[row * half..][..half], &plan.sin[row * half..][..half]);
    for j in 0..half {
        let (a, b) = (x[j] * inverse * gain[j], x[half + j] * inverse * gain[half + j]);
        out[j] = a * cos[j] - b * sin[j];
        out[half + j] = a * sin[j] + b * cos[j];
    }
}

/// The backward pass of [`turn`]: `grad` belongs to the turned vector, `dx` to the input.
fn turn_backward(
    plan: &AttentionPlan,
    row: usize,
    x: &[f32],
    gain: &[f32],
    (grad, scale): (&[f32], f32),
    dx: &mut [f32],
    dgain: &mut [f32],
) {
    let half = x.len() / 2;
    let (cos, sin) = (&plan.cos[row * half..][..half], &plan.sin[row * half..][..half]);
    let mut straight = vec![0f32; x.len()];
    for j in 0..half {
        let (a, b) = (grad[j] * scale, grad[half + j] * scale);
        straight[j] = a * cos[j] + b * sin[j];
        straight[half + j] = b * cos[j] - a * sin[j];
    }
    row_backward(dx, x, gain, &straight, dgain);
}

/// One head of one span, ready for products.
struct Head<'a> {
    plan: &'a AttentionPlan,
    span: Span,
    width: usize,
    /// All rows of the span, turned and scaled by `1 / sqrt(width)`.
    queries: Vec<f32>,
    /// Key rows only, turned.
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl<'a> Head<'a> {
    fn new(plan: &'a AttentionPlan, span: Span, head: usize, qkv: &[f32], [query_gain, key_gain]: [&[f32]; 2]) -> Self {
        let width = query_gain.len();
        let packed = width * plan.heads;
        let mut queries = vec![0.0; span.rows * width];
        let mut keys = vec![0.0; span.keys * width];
        let mut values = vec![0.0; span.keys * width];
        let at = |i: usize, which: usize| &qkv[part(packed, width, head, span.start + i, which)];
        for (i, query) in queries.chunks_mut(width).enumerate() {
            turn(plan, span.start + i, at(i, 0), query_gain, scale(width), query);
        }
        for (i, (key, value)) in keys.chunks_mut(width).zip(values.chunks_mut(width)).enumerate() {
            turn(plan, span.start + i, at(i, 1), key_gain, 1.0, key);
            value.copy_from_slice(at(i, 2));
        }
        Self { plan, span, width, queries, keys, values }
    }

    /// Blocks of query rows: first row, number of rows, keys that any of them sees.
    fn blocks(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        (0..self.span.rows).step_by(BLOCK).map(|first| {
            let rows = BLOCK.min(self.span.rows - first);
            let seen = self.seen(first, rows).iter().copied().max().unwrap_or(1) as usize;
            (first, rows, seen)
        })
    }

    fn seen(&self, first: usize, rows: usize) -> &[u32] {
        &self.plan.visible[self.span.start + first..][..rows]
    }

    /// Attention probabilities of a block of query rows into `out` (rows, keys), zero beyond what a row sees.
    fn probabilities(&self, (first, rows, keys): (usize, usize, usize), out: &mut [f32]) {
        let width = self.width;
        let queries = Strided { data: &self.queries[first * width..], row: width, column: 1 };
        let turned = Strided { data: &self.keys, row: 1, column: width };
        product((rows, keys, width), out, keys, false, queries, turned);
        for (row, &seen) in out.chunks_mut(keys).zip(self.seen(first, rows)) {
            let (inside, outside) = row.split_at_mut(seen as usize);
            outside.fill(0.0);
            softmax(inside);
        }
    }
}

fn scale(head_width: usize) -> f32 {
    1.0 / (head_width as f32).sqrt()
}

/// Spans times heads, each handled by one thread.
fn each_head(plan: &AttentionPlan) -> impl IndexedParallelIterator<Item = (Span, usize)> + '_ {
    (0..plan.spans.len() * plan.heads).into_par_iter().map(|i| (plan.spans[i / plan.heads], i % plan.heads))
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "prefix-attention"
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        lx: &Layout,
        query_gain: &CpuStorage,
        lq: &Layout,
        key_gain: &CpuStorage,
        lk: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, triple) = lx.shape().dims2()?;
        let (packed, plan) = (triple / 3, &*self.0);
        let qkv = numbers(qkv, lx)?;
        let gains = [numbers(query_gain, lq)?, numbers(key_gain, lk)?];
        let mut out = vec![0f32; rows * packed];
        let shared = Disjoint::of(&mut out);
        each_head(plan).for_each(|(span, head)| {
            let h = Head::new(plan, span, head, qkv, gains);
            let width = h.width;
            let mut probabilities = vec![0f32; BLOCK * span.keys];
            let mut mixed = vec![0f32; BLOCK * width];
            for block @ (first, rows, keys) in h.blocks() {
                h.probabilities(block, &mut probabilities[..rows * keys]);
                let weights = Strided { data: &probabilities, row: keys, column: 1 };
                let values = Strided { data: &h.values, row: width, column: 1 };
                product((rows, width, keys), &mut mixed, width, false, weights, values);
                for (i, mixed) in mixed.chunks(width).take(rows).enumerate() {
                    // Safety: each (row, head) range is written by the one thread that owns this span and head.
                    let out = unsafe { shared.part((span.start + first + i) * packed + head * width, width) };
                    out.copy_from_slice(mixed);
                }
            }
        });
        Ok((CpuStorage::F32(out), (rows, packed).into()))
    }

    fn bwd(
        &self,
        qkv: &Tensor,
        query_gain: &Tensor,
        key_gain: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let width = query_gain.elem_count();
        let n = qkv.elem_count();
        // The backward op takes three tensors: both gains travel as one.
        let gains = Tensor::cat(&[query_gain, key_gain], 0)?;
        let all = qkv.apply_op3_no_bwd(&gains, &grad.contiguous()?, &AttentionBackward(self.0.clone()))?;
        Ok((
            Some(all.narrow(0, 0, n)?.reshape(qkv.shape())?),
            Some(all.narrow(0, n, width)?),
            Some(all.narrow(0, n + width, width)?),
        ))
    }
}

impl CustomOp3 for AttentionBackward {
    fn name(&self) -> &'static str {
        "prefix-attention-backward"
    }

    /// Gradients of qkv, query gain and key gain, one after another.
    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        lx: &Layout,
        gains: &CpuStorage,
        lg: &Layout,
        grad: &CpuStorage,
        lr: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (qkv, gains, grad, plan) = (numbers(qkv, lx)?, numbers(gains, lg)?, numbers(grad, lr)?, &*self.0);
        let width = gains.len() / 2;
        let gains = gains.split_at(width);
        let mut out = vec![0f32; qkv.len() + 2 * width];
        let (dqkv, dgains) = out.split_at_mut(qkv.len());
        let shared = Disjoint::of(dqkv);
        let parts: Vec<Vec<f32>> =
            each_head(plan).map(|(span, head)| head_backward(plan, span, head, qkv, gains, grad, shared)).collect();
        for part in parts {
            dgains.iter_mut().zip(&part).for_each(|(total, x)| *total += x);
        }
        let len = out.len();
        Ok((CpuStorage::F32(out), len.into()))
    }
}

/// Writes the gradients of one head of one span into `shared` and returns those of the two gains.
fn head_backward(
    plan: &AttentionPlan,
    span: Span,
    head: usize,
    qkv: &[f32],
    gains: (&[f32], &[f32]),
    grad: &[f32],
    shared: Disjoint,
) -> Vec<f32> {
    let h = Head::new(plan, span, head, qkv, [gains.0, gains.1]);
    let (width, packed) = (h.width, h.width * plan.heads);
    let mut dqueries = vec![0f32; span.rows * width];
    let mut dkeys = vec![0f32; span.keys * width];
    let mut dvalues = vec![0f32; span.keys * width];
    let mut probabilities = vec![0f32; BLOCK * span.keys];
    let mut dprobabilities = probabilities.clone();
    for block @ (first, rows, keys) in h.blocks() {
        let p = &mut probabilities[..rows * keys];
        let dp = &mut dprobabilities[..rows * keys];
        h.probabilities(block, p);
        let out_grad = Strided { data: &grad[(span.start + first) * packed + head * width..], row: packed, column: 1 };
        let transposed = Strided { data: p, row: 1, column: keys };
        product((keys, width, rows), &mut dvalues, width, true, transposed, out_grad);
        let values = Strided { data: &h.values, row: 1, column: width };
        product((rows, keys, width), dp, keys, false, out_grad, values);
        for (p, dp) in p.chunks(keys).zip(dp.chunks_mut(keys)) {
            let mean = dot(p, dp);
            p.iter().zip(dp).for_each(|(p, dp)| *dp = p * (*dp - mean));
        }
        let scores = Strided { data: dp, row: keys, column: 1 };
        let turned = Strided { data: &h.keys, row: width, column: 1 };
        product((rows, width, keys), &mut dqueries[first * width..], width, false, scores, turned);
        let scores = Strided { data: dp, row: 1, column: keys };
        let queries = Strided { data: &h.queries[first * width..], row: width, column: 1 };
        product((keys, width, rows), &mut dkeys, width, true, scores, queries);
    }
    let mut dgains = vec![0f32; 2 * width];
    let (dquery_gain, dkey_gain) = dgains.split_at_mut(width);
    // Safety: each (row, head) range is written by the one thread that owns this span and head.
    let target = |row: usize, which: usize| unsafe {
        let range = part(packed, width, head, row, which);
        shared.part(range.start, range.len())
    };
    for (i, grad) in dqueries.chunks(width).enumerate() {
        let row = span.start + i;
        let x = &qkv[part(packed, width, head, row, 0)];
        turn_backward(plan, row, x, gains.0, (grad, scale(width)), target(row, 0), dquery_gain);
    }
    for (i, (dkey, dvalue)) in dkeys.chunks(width).zip(dvalues.chunks(width)).enumerate() {
        let row = span.start + i;
        let x = &qkv[part(packed, width, head, row, 1)];
        turn_backward(plan, row, x, gains.1, (dkey, 1.0), target(row, 1), dkey_gain);
        target(row, 2).copy_from_slice(dvalue);
    }
    dgains
}
