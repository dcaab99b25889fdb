//! How figures are written in the page, and the order of its tables.

use crate::learning::evaluate::figures::{Estimate, Task};
use crate::learning::evaluate::run::Evaluation;

/// Adds a line; writing to a text cannot fail.
macro_rules! line {
    ($page:expr) => { $page.push('\n') };
    ($page:expr, $($words:tt)*) => {{
        use std::fmt::Write as _;
        let _ = writeln!($page, $($words)*);
    }};
}
pub(super) use line;

/// `1 year`, `5 years`, else days.
pub fn horizon(days: u32) -> String {
    match days {
        365 => "1 year".into(),
        days if days % 365 == 0 => format!("{} years", days / 365),
        days => format!("{days} days"),
    }
}

/// The name of an outcome with its horizon.
pub fn title(task: &Task) -> String {
    format!("{}, {}", task.title, horizon(task.horizon_days))
}

/// The first two cells of an outcome's line.
pub fn cells(task: &Task) -> String {
    format!("{}{} | {}", task.title, if task.accepted { " *" } else { "" }, horizon(task.horizon_days))
}

/// The outcomes that count in the headline, then the others.
pub fn in_order(evaluation: &Evaluation) -> impl Iterator<Item = &Task> {
    let of = |accepted: bool| evaluation.tasks.iter().filter(move |task| task.accepted == accepted);
    of(true).chain(of(false))
}

pub fn number(value: f64) -> String {
    format!("{value:.3}")
}

pub fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
}

/// A share as percent.
pub fn percent(share: Option<f64>, digits: usize) -> String {
    optional(share.map(|share| 100.0 * share), digits)
}

/// `0.778 (0.751 to 0.803)`
pub fn estimate(estimate: &Estimate) -> String {
    format!("{:.3} ({:.3} to {:.3})", estimate.value, estimate.low, estimate.high)
}

/// `0.98 (0.81 to 1.17)`
pub fn coarse(estimate: &Estimate) -> String {
    format!("{:.2} ({:.2} to {:.2})", estimate.value, estimate.low, estimate.high)
}

/// `+0.105 (+0.084 to +0.124)`
pub fn difference(estimate: &Estimate) -> String {
    format!("{:+.3} ({:+.3} to {:+.3})", estimate.value, estimate.low, estimate.high)
}

pub fn or_dash(value: &Option<Estimate>, write: fn(&Estimate) -> String) -> String {
    value.as_ref().map_or_else(|| "–".into(), write)
}
