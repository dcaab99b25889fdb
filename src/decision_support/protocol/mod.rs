//! The words of CDS Hooks as types: discovery, request, response, feedback. Nothing else.
//!
//! Reading is lenient (unknown members are ignored, ids may come as `Patient/x`), writing is strict (no nulls,
//! no empties). What is wrong with a request is named by its member, never by its content.

mod context;
mod discovery;
mod feedback;
mod members;
mod request;
mod response;

pub use context::{About, Context, HookContext, LIBRARY, Tolerance};
pub use discovery::{Discovery, DiscoveryEntry, Edition, Templates};
pub use feedback::{Feedback, OverrideReason, Reaction, read_feedback};
pub use request::{FhirAuthorization, HookRequest, OpenedCall, RequestError};
pub use response::{Action, Card, Coding, HookResponse, Indicator, Link, SelectionBehavior, Source, Suggestion};

pub(crate) use members::{is_fhir_id, is_id_of, members_of};

#[cfg(test)]
mod tests;
