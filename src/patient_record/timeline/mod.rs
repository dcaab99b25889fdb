//! An ordered life: events by the time they could first be known, each with the resource it came from.

mod event;
pub use event::{
    Event, Kind, Patient, SECONDS_PER_DAY, Second, Sex, SkipReason, Skipped, Source, SourceId, Timeline, Value,
};
