//! Logs and metrics. Patient data has no way in: signals carry counts, words of ours and durations only.

pub mod logging;
pub mod metrics;
pub mod signals;
