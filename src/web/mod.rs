//! The HTTP face: routes, limits, errors. Handlers call one function of `decision_support` or `governance`
//! and do nothing else.
//!
//! [`router`] is the whole route table; [`problem`] tells every error, with its row of [`error_table`]; [`server`] binds,
//! runs and stops; [`state`] is what a handler may reach; [`smart`] is the app that EHRs open from cards.

pub mod body;
pub mod cds_hooks;
pub mod credentials;
pub mod encoding;
pub mod error_table;
pub mod fhir;
pub mod jwks;
pub mod middleware;
pub mod operations;
pub mod problem;
pub mod router;
pub mod server;
pub mod smart;
pub mod state;
pub mod tls;
