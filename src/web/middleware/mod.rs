//! What surrounds every request: its id, its span, its line in the access log, and what browsers may do.

pub mod cors;
pub mod observe;
