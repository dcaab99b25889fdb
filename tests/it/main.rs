//! The one integration test binary (one link instead of many). One line a module; what each holds:
//! - `demo` server and sandbox EHR as a user meets them
//! - `api` our own API: who is let in, what a token allows, what is answered
//! - `architecture` the rules of the house: layers, names, the map
//! - `attacks` what hostile senders try, each followed by a good call
//! - `conform` every CDS Hooks service judged from outside, ours and wrong ones
//! - `database` where every test gets a database from
//! - `decision_support` worked examples and what a card looks like
//! - `epic_sheet` the page that is typed into an EHR by hand
//! - `fuzz` every parser, fed with changed inputs of a corpus
//! - `governance` rows that outlive the process
//! - `ingest` exports to datasets
//! - `planted` a world of known hazards, from seed to judgement
//! - `predict` charts on disk to written answers
//! - `probe` a few labels on the state of a small trained reader
//! - `profiles` the FHIR definitions of what is written
//! - `public_sandbox` the calls of the public CDS Hooks sandbox, a client in a browser
//! - `read_back` what did not come is read from FHIR servers, good and bad ones, by whose right it may be
//! - `releases` one chart in R4, R4B and R5
//! - `shipped_model` the package in `models`, asked about the demo's patients
//! - `smart` our SMART app, at the sandbox EHR and at EHRs that lie
//! - `trust` who may call: good tokens, and an attack corpus
//! - `twin` the EHR twin as CDS services meet it, item by item, habit by habit
//! - `web` the HTTP face, through the real app

mod api;
mod architecture;
mod attacks;
mod conform;
mod database;
mod decision_support;
mod demo;
mod epic_sheet;
mod fuzz;
mod governance;
mod ingest;
mod oracle;
mod planted;
mod predict;
mod probe;
mod profiles;
mod public_sandbox;
mod read_back;
mod releases;
mod sandbox_ehr;
mod shipped_model;
mod smart;
mod trust;
mod twin;
mod web;
