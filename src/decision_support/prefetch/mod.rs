//! What the EHR sends along with a call: the templates we publish, and what arrived for each.
//!
//! Resources are recognised by their type, whatever the key: one Bundle per key, one Bundle of everything and
//! single resources are all read. Which key was answered how is kept apart from what the timeline holds, so that
//! "not sent" never becomes "not there".

mod arrived;
mod peek;
mod template;

pub use arrived::{Arrived, FirstPage, PrefetchError, State};
pub use template::{PrefetchKey, TemplateError, standard};
