//! Operations for candle on the CPU, each with a hand-written backward pass.
//!
//! Owns what the network needs and candle composes slowly or without gradients: bags of embeddings, RMSNorm,
//! SwiGLU, attention with per-row visible prefixes and rotary time, the loss of a set of next codes, the
//! time-to-event loss, dropout that can be replayed, products in bf16, and blocks that are computed again instead of kept. Every tensor is contiguous `f32`; another layout or
//! device is an error, never a silent copy. Nothing here knows of medicine.
//!
//! Sums that cross threads are added in a fixed order, so that equal inputs give equal bits.

mod attention;
mod bags;
mod bf16;
mod dropout;
mod hazard;
mod linear;
mod math;
mod norm;
mod recomputed;
mod set_cross_entropy;
mod storage;
mod swiglu;
mod threads;

pub use attention::{AttentionPlan, Span, prefix_attention};
pub use bags::{Bags, sum_bags};
pub use bf16::{Bf16Unit, bf16_unit};
pub use dropout::dropout;
pub use hazard::{HazardTargets, LOG_HAZARD_MAX, LOG_HAZARD_MIN, hazard_loss};
pub use linear::{Precision, linear};
pub use norm::rms_norm;
pub use recomputed::recomputed;
pub use set_cross_entropy::{Sets, set_cross_entropy};
pub use swiglu::swiglu;
pub use threads::{flush_denormals, start_threads};
