//! The three endpoints of CDS Hooks, one file each, one screen long.

pub mod call;
pub mod discovery;
pub mod feedback;
