//! The page as HTML: one function a part, everything escaped by construction.

mod chart;
mod decision_support;
mod frame;
mod inspector;
mod lifeline;
mod patients;
mod risk_curve;
mod time_machine;

pub use chart::{Opening, chart};
pub use decision_support::{Call, calls, decision, failure};
pub use frame::{frame, problem};
pub use inspector::Sent;
pub use patients::patients;
pub use time_machine::{journey, moment, time_machine};
