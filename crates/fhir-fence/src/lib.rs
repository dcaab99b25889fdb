//! Whole FHIR R4 resources, checked strictly, behind plain functions. The only user of fhirbolt.
//!
//! [`check`] and [`check_bundle`] take hostile bytes: size, nesting and grammar first ([`tree`]), then nulls and
//! empty things taken out and reported ([`prune`]), then fhirbolt's strict typed model on a thread of
//! its own (its panics end there) and a comparison with what it would write back ([`typed`]), then the formats that fhirbolt does not know
//! ([`primitives`]). [`RiskAssessment`] writes what Prodrome says, through the same model and the same check.
//!
//! Refuses: fhirbolt's other modes (they loop for ever on an unknown array), other releases than R4, and to
//! repeat any part of a resource in an error: messages hold positions and names that R4 itself defines.
//! Bindings, invariants and profiles are not checked. Slow (a few MB/s, built without optimisation): never on the
//! hot path, and in a server on a thread that may block.

mod bundle;
mod error;
mod primitives;
mod prune;
pub mod risk_assessment;
mod tree;
mod typed;
mod types;

pub use bundle::{CheckedBundle, Entry, check_bundle};
pub use error::{FenceError, Place};
pub use prune::{Finding, Oddity};
pub use types::resource_type;

/// Most bytes of one document.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Most levels of arrays and objects in one document.
pub const MAX_DEPTH: usize = 64;
/// Most values (strings, numbers, objects, arrays) in one resource: bounds the memory of its typed form.
pub const MAX_VALUES: usize = 200_000;

/// A resource that R4 accepts.
#[derive(Clone, Debug)]
pub struct Checked {
    /// R4's own name of the type.
    pub resource_type: &'static str,
    /// The resource as received, with the reported nulls and empty things taken out; decimals keep every digit.
    pub json: Vec<u8>,
    /// What had to be taken out for it to be valid.
    pub findings: Vec<Finding>,
}

/// Checks one R4 resource of any type, a Bundle as a whole included.
pub fn check(bytes: &[u8]) -> Result<Checked, FenceError> {
    let mut root = tree::read(bytes)?;
    let findings = prune::prune(&mut root, bytes);
    check_tree(&root, bytes, findings)
}

/// Checks one resource whose tree is pruned already.
fn check_tree(root: &tree::Node<'_>, bytes: &[u8], findings: Vec<Finding>) -> Result<Checked, FenceError> {
    let resource_type = types::of(root)?;
    if tree::count(root) > MAX_VALUES {
        return Err(FenceError::TooManyValues { limit: MAX_VALUES });
    }
    primitives::check(root, bytes)?;
    let json = tree::write(root);
    typed::check(resource_type, root, &json, bytes)?;
    Ok(Checked { resource_type, json, findings })
}
