//! Judging a model on patients that nothing was fitted on.
//!
//! [`run`] is the whole of it. [`cohort`] says who is asked about when, and what then happened; [`labels`] reads what
//! others say of it and [`panel`] joins both with a dataset. [`counts`] and [`regression`] are the plain baseline.
//! [`beside`] compares with what another model says. [`metrics`], [`precision`], [`concordance`], [`slope`],
//! [`utility`] and [`lead_time`] are the figures themselves, [`figures`] all of one outcome, [`summary`] those of many
//! and [`subgroups`] those of some patients; [`stress`] asks again about [`altered`] charts; [`promises`] checks
//! false-alert thresholds, [`faithfulness`] the reasons and [`pairs`] outcomes after a discharge or the start of a drug; [`report`] and [`plot`] write it all down.

pub mod accepted;
pub mod agreement;
pub mod altered;
pub mod ask;
pub mod audit;
pub mod beside;
pub mod calibration;
pub mod cohort;
pub mod concordance;
pub mod counts;
pub mod discrimination;
pub mod faithfulness;
pub mod figures;
pub mod labels;
pub mod lead_time;
pub mod metrics;
pub mod pairs;
pub mod panel;
pub mod plain;
pub mod plot;
pub mod precision;
pub mod promises;
pub mod regression;
pub mod report;
pub mod run;
pub mod slope;
pub mod stress;
pub mod subgroups;
pub mod summary;
pub mod utility;

#[cfg(test)]
mod tests;
