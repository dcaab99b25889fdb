//! A Bundle entry by entry: one bad resource does not cost the others.

use crate::error::FenceError;
use crate::prune::{self, Finding};
use crate::tree::{self, Node};
use crate::{Checked, check_tree, types};

/// A Bundle taken apart.
#[derive(Clone, Debug)]
pub struct CheckedBundle {
    /// The Bundle itself, without the resources in its entries.
    pub envelope: Checked,
    /// One for each entry that holds a resource, in order.
    pub entries: Vec<Entry>,
}

/// One entry's resource.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Position in `Bundle.entry`, from 0, as received.
    pub index: usize,
    /// R4's own name of the type; `None` where it has no such type.
    pub resource_type: Option<&'static str>,
    /// What was read, or why it was not. Places are those of the whole document.
    pub resource: Result<Checked, FenceError>,
}

/// Checks a Bundle and each resource in it on its own.
pub fn check_bundle(bytes: &[u8]) -> Result<CheckedBundle, FenceError> {
    let mut root = tree::read(bytes)?;
    match types::of(&root)? {
        "Bundle" => {}
        other => return Err(FenceError::NotABundle(other)),
    }
    let entries = take_resources(&mut root)
        .into_iter()
        .map(|(index, mut resource)| {
            let resource_type = types::of(&resource).ok();
            let findings = prune::prune(&mut resource, bytes);
            Entry { index, resource_type, resource: check_tree(&resource, bytes, findings) }
        })
        .collect();
    let findings: Vec<Finding> = prune::prune(&mut root, bytes);
    let envelope = check_tree(&root, bytes, findings)?;
    Ok(CheckedBundle { envelope, entries })
}

/// Takes the resources out of the entries; an entry that held nothing else goes with it.
fn take_resources<'a>(root: &mut Node<'a>) -> Vec<(usize, Node<'a>)> {
    let Node::Object(members) = root else { return Vec::new() };
    let Some(Node::Array(entries)) =
        members.iter_mut().find(|member| member.key == "entry").map(|member| &mut member.value)
    else {
        return Vec::new();
    };
    let mut taken = Vec::new();
    for (index, entry) in entries.iter_mut().enumerate() {
        let Node::Object(members) = entry else { continue };
        while let Some(position) =
            members.iter().position(|member| member.key == "resource" && matches!(member.value, Node::Object(_)))
        {
            taken.push((index, members.remove(position).value));
        }
    }
    entries.retain(|entry| !matches!(entry, Node::Object(members) if members.is_empty()));
    if entries.is_empty() {
        members.retain(|member| member.key != "entry");
    }
    taken
}
