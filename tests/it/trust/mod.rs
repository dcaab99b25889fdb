//! Who may call: an attack corpus against the real app, and the good calls that must come through it.
//!
//! `ehr` plays an EHR that signs, `key_server` the place where its keys are published. Names that begin with `ch_`
//! carry the number of a conformance requirement of CDS Hooks as this project lists them.

pub mod ehr;
mod endpoints;
mod forged;
mod key_server;
mod keys_at_a_url;
mod keys_in_a_file;
mod modes;
mod replay;
mod tls;
