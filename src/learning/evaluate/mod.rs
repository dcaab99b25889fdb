//! Judging a model on patients that nothing was fitted on.
//!
//! [`cohort`] says who is asked about when, and what then happened; [`labels`] reads what others say of it and
//! [`panel`] joins both with a dataset. [`counts`] and [`regression`] are the plain baseline. [`metrics`] are the
//! figures themselves.

pub mod cohort;
pub mod counts;
pub mod labels;
pub mod metrics;
pub mod panel;
pub mod regression;
