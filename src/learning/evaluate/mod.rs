//! Judging a model on patients that nothing was fitted on.
//!
//! [`metrics`] are the figures themselves.

pub mod metrics;
