//! fhirbolt's strict mode, made safe: no panic leaves here, and what it repairs in silence counts as wrong.
//!
//! fhirbolt accepts a single object where a list belongs, `"true"` for `true`, `"1.5"` for `1.5`. Comparing what it
//! would write with what came in finds all of these.

use crate::error::{FenceError, Place};
use crate::prune;
use crate::tree::{self, Node};
use fhirbolt::model::r4::Resource;
use fhirbolt::serde::{DeserializationConfig, DeserializationMode};
use std::thread;

/// Stack for fhirbolt: a document of the allowed depth overflowed 1 MiB. Only what is touched costs memory.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Checks a pruned tree and its text against R4's model. `received` is the whole document, for places.
pub(crate) fn check(
    resource_type: &'static str,
    root: &Node<'_>,
    json: &[u8],
    received: &[u8],
) -> Result<(), FenceError> {
    let strict = DeserializationConfig { mode: DeserializationMode::Strict };
    let written = apart(|| {
        let resource: Resource = fhirbolt::json::from_slice(json, Some(strict)).map_err(|error| error.to_string())?;
        fhirbolt::json::to_vec(&resource, None).map_err(|error| error.to_string())
    })
    .ok_or(FenceError::GaveUp { resource_type })?
    .map_err(|message| explain(resource_type, &message, root, received))?;
    let mut back = tree::read(&written)?;
    prune::prune(&mut back, &written);
    match difference(root, &back, 0) {
        None => Ok(()),
        Some(at) => Err(FenceError::Shape { resource_type, place: Some(Place::of(received, at)) }),
    }
}

/// Writes a resource that we built.
pub(crate) fn write(resource_type: &'static str, resource: &Resource) -> Result<Vec<u8>, FenceError> {
    apart(|| fhirbolt::json::to_vec(resource, None).ok())
        .ok_or(FenceError::GaveUp { resource_type })?
        .ok_or(FenceError::Unwritable { resource_type, why: "a value is not valid or a required one is missing" })
}

/// Runs fhirbolt on a thread of its own: the stack is large enough for the deepest document, and a panic ends there.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("fhir-fence".into()).stack_size(STACK_BYTES);
        worker.spawn_scoped(scope, work).ok()?.join().ok()
    })
}

/// Turns fhirbolt's message into ours: its field names may be the sender's own words, so only their places are told.
fn explain(resource_type: &'static str, message: &str, root: &Node<'_>, received: &[u8]) -> FenceError {
    let named = |start: &str| message.strip_prefix(start)?.split('`').nth(1).map(str::to_owned);
    if let Some(element) = named("missing field") {
        return FenceError::Missing { resource_type, element };
    }
    let place = |name: &str| find(root, name).map(|at| Place::of(received, at));
    if let Some(name) = named("unknown field") {
        return FenceError::UnknownElement { resource_type, place: place(&name) };
    }
    FenceError::Shape { resource_type, place: named("duplicate field").and_then(|name| place(&name)) }
}

/// Where an element of this name first stands.
fn find(node: &Node<'_>, name: &str) -> Option<usize> {
    match node {
        Node::Object(members) => members
            .iter()
            .find_map(|member| if member.key == name { Some(member.at) } else { find(&member.value, name) }),
        Node::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

/// Where two trees first differ, apart from the order of members; `at` is where `received` stands.
fn difference(received: &Node<'_>, written: &Node<'_>, at: usize) -> Option<usize> {
    match (received, written) {
        (Node::Object(received), Node::Object(other)) => {
            let differing = received.iter().find_map(|member| match written.get(&member.key) {
                Some(value) => difference(&member.value, value, member.at),
                None => Some(member.at),
            });
            differing.or((received.len() != other.len()).then_some(at))
        }
        (Node::Array(received), Node::Array(written)) if received.len() == written.len() => {
            received.iter().zip(written).find_map(|(received, written)| difference(received, written, at))
        }
        (Node::Number(received), Node::Number(written)) => (!same_number(received, written)).then_some(at),
        (Node::Text(_), Node::Text(_)) => (received.text() != written.text()).then_some(at),
        _ => (received != written).then_some(at),
    }
}

/// `1E400` and `1e+400` are the same text of a decimal; `1.0` and `1.00` are not.
fn same_number(one: &str, other: &str) -> bool {
    let plain = |number: &str| number.to_ascii_lowercase().replace("e+", "e");
    plain(one) == plain(other)
}
