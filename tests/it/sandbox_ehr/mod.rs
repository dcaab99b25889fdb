//! The sandbox EHR's authorization server as an app meets it, over HTTP: launches, codes, tokens, what they let be read, and
//! every misuse that it has to refuse.

pub mod app;
mod authorize;
mod cards;
mod time_machine;
mod tokens;
pub mod twin;
