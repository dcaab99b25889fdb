//! The page as HTML: one function a part, everything escaped by construction.

mod behavior;
mod chart;
mod choices;
mod decision_support;
mod exchanges;
mod frame;
mod inspector;
mod lifeline;
mod patients;
mod risk_curve;
mod time_machine;
mod workflow;

pub use behavior::behavior;
pub use chart::{Opening, chart};
pub use decision_support::{Drawing, calls, decision_and_rest, failure};
pub use exchanges::{exchange, exchanges};
pub use frame::{frame, problem};
pub use patients::patients;
pub use time_machine::{journey, moment, time_machine};
pub use workflow::{Screen, basket, entered, screen};
