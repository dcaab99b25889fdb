//! Code systems and units: the words a chart is written in.

mod code;
mod units;
pub use code::{Code, CodeSystem};
pub use units::{Canonical, canonical};
