//! Judging a model on patients that nothing was fitted on.
//!
//! [`cohort`] says who is asked about when, and what then happened; [`metrics`] are the figures themselves.

pub mod cohort;
pub mod metrics;
