//! Code systems and units: the words a chart is written in.

mod code;
mod hba1c;
mod units;
pub use code::{Code, CodeSystem};
pub use hba1c::canonical_of;
pub use units::{Canonical, canonical};
