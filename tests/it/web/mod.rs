//! The HTTP face, through the real app on a port of the system's choice with a fresh database.
//! One module for each endpoint; `app` starts it, `logs` keeps everything that is logged.

pub mod app;
mod bodies;
mod calls;
mod canary;
mod charts;
mod cors;
mod credentials;
mod discovery;
mod feedback;
mod http;
pub mod logs;
mod operations;
mod process;
mod readiness;
mod replicas;
