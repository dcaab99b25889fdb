//! Our own API, as FHIR operations under `/fhir`, protected by SMART access tokens (`docs/guides/api.md`).
//!
//! [`access`] says who calls and what the token allows; [`operations`] answers one call, [`batch`] several; [`capability`],
//! [`openapi`] and [`docs`] describe them from the tables in [`addresses`] and [`parameters`]. Stores nothing and is no FHIR
//! server for patients' data.

pub mod access;
pub mod addresses;
pub mod batch;
pub mod capability;
pub mod docs;
pub mod openapi;
pub mod operations;
pub mod parameters;
mod schemas;
