//! Takes out what real senders write and FHIR forbids without harm: nulls, empty arrays, empty objects.
//! fhirbolt panics on the empty arrays. Each is reported; a null that pairs a value with its extension stays.

use crate::error::Place;
use crate::tree::{Member, Node};

/// Something that had to be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub oddity: Oddity,
    /// Where the element stands that held it.
    pub place: Place,
}

/// What FHIR forbids but says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    Null,
    EmptyArray,
    EmptyObject,
}

/// Prunes a tree, innermost first, and says what was taken out.
pub(crate) fn prune(root: &mut Node<'_>, bytes: &[u8]) -> Vec<Finding> {
    let mut taken = Vec::new();
    node(root, &mut taken);
    taken.into_iter().map(|(oddity, at)| Finding { oddity, place: Place::of(bytes, at) }).take(100).collect()
}

type Taken = Vec<(Oddity, usize)>;

fn node(value: &mut Node<'_>, taken: &mut Taken) {
    match value {
        Node::Object(members) => object(members, taken),
        Node::Array(values) => values.iter_mut().for_each(|value| node(value, taken)),
        _ => {}
    }
}

fn object(members: &mut Vec<Member<'_>>, taken: &mut Taken) {
    for index in 0..members.len() {
        let paired = members.get(index).is_some_and(|member| is_paired(&member.key, members));
        let Some(member) = members.get_mut(index) else { continue };
        node(&mut member.value, taken);
        if let Node::Array(values) = &mut member.value {
            array(values, paired, member.at, taken);
        }
    }
    members.retain(|member| match oddity(&member.value) {
        Some(oddity) => {
            taken.push((oddity, member.at));
            false
        }
        None => true,
    });
}

/// Whether the positions of an array matter: `given` beside `_given`, and `_given` itself.
fn is_paired(key: &str, members: &[Member<'_>]) -> bool {
    key.starts_with('_') || members.iter().any(|other| other.key.strip_prefix('_') == Some(key))
}

fn array(values: &mut Vec<Node<'_>>, paired: bool, at: usize, taken: &mut Taken) {
    if paired {
        for value in values.iter_mut().filter(|value| oddity(value).is_some()) {
            *value = Node::Null;
        }
        return;
    }
    values.retain(|value| match oddity(value) {
        Some(oddity) => {
            taken.push((oddity, at));
            false
        }
        None => true,
    });
}

fn oddity(value: &Node<'_>) -> Option<Oddity> {
    match value {
        Node::Null => Some(Oddity::Null),
        Node::Array(values) if values.is_empty() => Some(Oddity::EmptyArray),
        Node::Object(members) if members.is_empty() => Some(Oddity::EmptyObject),
        _ => None,
    }
}
