//! The only place that asks for the time. Everyone else is told.

use jiff::Timestamp;

/// The time now, UTC.
pub fn now() -> Timestamp {
    Timestamp::now()
}
