//! An ordered life: events by the time they could first be known, each with the resource it came from.

mod death_certificate;
pub(crate) mod draft;
mod event;
pub(crate) mod extract;
pub(crate) mod order;
mod unsigned;

pub(crate) use death_certificate::certifies_death;
pub use event::{
    Event, Kind, Patient, SECONDS_PER_DAY, Second, Sex, SkipReason, Skipped, Source, SourceId, Timeline, Value,
};
pub use unsigned::UnsignedOrder;
