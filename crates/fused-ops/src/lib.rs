//! Operations for candle on the CPU, each with a hand-written backward pass.
//!
//! Owns what the network needs and candle composes slowly or without gradients: bags of embeddings, RMSNorm,
//! SwiGLU, attention with per-row visible prefixes and rotary time, the loss of a set of next codes, the
//! time-to-event loss, and dropout that can be replayed. Every tensor is contiguous `f32`; another layout or
//! device is an error, never a silent copy. Nothing here knows of medicine.
//!
//! Sums that cross threads are added in a fixed order, so that equal inputs give equal bits.

mod attention;
mod bags;
mod dropout;
mod hazard;
mod math;
mod norm;
mod set_cross_entropy;
mod storage;
mod swiglu;

pub use attention::{AttentionPlan, Span, prefix_attention};
pub use bags::{Bags, sum_bags};
pub use dropout::dropout;
pub use hazard::{HazardTargets, LOG_HAZARD_MAX, LOG_HAZARD_MIN, hazard_loss};
pub use math::flush_denormals;
pub use norm::rms_norm;
pub use set_cross_entropy::{Sets, set_cross_entropy};
pub use swiglu::swiglu;
