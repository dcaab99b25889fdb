//! The EHR twin as a CDS service meets it, driven by its control API: every item of the conformance list that is a client's,
//! every switch, every fault. The service is a small one that records what it gets ([`stage::Recorder`]).

mod access;
mod areas;
mod bounds;
mod cards;
mod command;
mod faults;
mod feedback;
mod fhir_server;
mod hooks;
mod openapi;
mod ours;
mod prefetch;
mod public_sandbox;
mod quirks;
mod redirects;
mod requests;
mod resources;
mod screens;
mod searches;
mod stage;
mod suggestions;
mod table;
mod trust;
