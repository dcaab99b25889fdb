//! Prodrome: a FHIR-native CDS Hooks server with its own clinical foundation model inside.
//!
//! The folders are layers, and a folder uses only folders above it in this list:
//! the platform carries everything; trust tells who calls; the patient record turns FHIR into an ordered timeline;
//! prediction turns a timeline into calibrated risks with reasons; governance remembers what was
//! said; learning makes models and decision support answers hooks; `web` and `sandbox_ehr` are the
//! two edges; `conform` judges services from outside; `cli` builds the parts and runs one command.
//! `tests/it/architecture.rs` holds the order.

// They panic where the terminal went away; `platform::terminal` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

/// Settings, telemetry, database, clock, terminal: what carries everything else.
pub mod platform;

/// A signed token in, a configured client out.
pub mod trust;

/// FHIR in, an ordered patient timeline out.
pub mod patient_record;

/// A timeline in, calibrated risks with their reasons out.
pub mod prediction;

/// What was said, and what was done with it.
pub mod governance;

/// Making a model: ingest, train, package, evaluate.
pub mod learning;

/// Answering a hook now.
pub mod decision_support;

/// The HTTP face.
pub mod web;

/// A pretend EHR that calls the HTTP face.
pub mod sandbox_ehr;

/// Whether a CDS Hooks service does what the specification asks, judged from outside.
pub mod conform;

/// One command a file: builds the parts and runs them.
pub mod cli;
