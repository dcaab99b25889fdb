//! Judging a model on patients that nothing was fitted on.
//!
//! [`run`] is the whole of it. [`cohort`] says who is asked about when, and what then happened; [`labels`] reads what
//! others say of it and [`panel`] joins both with a dataset. [`counts`] and [`regression`] are the plain baseline.
//! [`beside`] compares with
//! what another model says. [`metrics`] are the figures themselves, [`figures`] those of one outcome, [`summary`] those of many;
//! [`report`] and [`plot`] write them down.

pub mod accepted;
pub mod beside;
pub mod cohort;
pub mod counts;
pub mod figures;
pub mod labels;
pub mod metrics;
pub mod panel;
pub mod plot;
pub mod regression;
pub mod report;
pub mod run;
pub mod summary;

#[cfg(test)]
mod tests;
