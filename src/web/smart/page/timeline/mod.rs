//! The record as a picture: what happened when, in lanes by kind.
//!
//! The server draws the whole life, so that it is there before any script runs; the script redraws a part of it from the
//! data beside it. However long the record, a picture has a bounded number of marks.

mod data;
mod lanes;
mod picture;
mod years;

pub use data::data;
pub use lanes::{Entry, Span, day_of, entries, lane_of};
pub use picture::{Mark, picture};
pub use years::years;
