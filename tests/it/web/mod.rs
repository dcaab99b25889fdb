//! The HTTP face, through the real app on a port of the system's choice with a fresh database.
//! One module for each endpoint; `app` starts it, `logs` keeps everything that is logged.

pub mod app;
mod bodies;
mod calls;
mod canary;
pub mod charts;
mod cors;
mod discovery;
mod durable;
mod errors;
mod feedback;
pub mod http;
pub mod logs;
mod operations;
mod orders;
pub mod process;
mod readiness;
mod replicas;
