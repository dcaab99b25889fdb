//! The EHR behind the pages and the control API: what lies on the clinician's desk, the hooks that a workflow fires, the
//! habits of other EHRs as single switches, faults, and a journal of what was sent and received.
//!
//! All of it in memory and bounded. Sends nothing itself.

mod context;
mod desk;
mod draft;
mod faults;
mod hook;
mod journal;
mod profile;
mod reshape;
mod switches;
mod takes;

pub use context::{Asked, Context, NotYet, visit_of};
pub use desk::{Desk, Snapshot};
pub use draft::{Applied, Basket, DraftError, Kind, is_bare};
pub use faults::{FAILURES, Faults, FhirFault, HELD_BACK};
pub use hook::Hook;
pub use journal::{Direction, Journal, Recorded, Response};
pub use profile::Profile;
pub use switches::{Discovery, EmptySearch, Jku, Switches, SystemActions};
pub use takes::{LONGEST_HEADER, LONGEST_LIST, Takes};
