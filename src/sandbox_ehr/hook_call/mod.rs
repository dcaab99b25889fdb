//! The client side of CDS Hooks: discovers services, fills their prefetch, fires a hook at all that want it, sends feedback.
//!
//! Talks to servers over HTTP like any EHR and knows nothing else of them. Goes to the servers that the EHR was started with
//! and nowhere else, whatever a list or an answer says: a call holds a chart and a token. What was sent and received is in
//! the journal.

mod answer;
mod browser;
mod discovery;
mod leave;
mod request;
mod round;
mod send;
mod token;

pub use answer::Exchange;
pub use discovery::{Service, discover, list};
pub use request::{Manner, request};
pub use round::{Call, Round, Wanted, ask, fire};
pub use send::{Receipt, send_feedback};

use super::twin::Switches;

/// Why a call gave nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the decision support server at {0} does not answer: {1}")]
    Unreachable(String, String),
    #[error("{0} answered {1}: {2}")]
    Refused(String, u16, String),
    #[error(
        "{0} answered {1}, a redirection, which is not followed: no server is called but those that this EHR was started \
         with; start it with the address where the service is"
    )]
    Redirected(String, u16),
    #[error("the answer of {0} is not what CDS Hooks prescribes: {1}")]
    Misshapen(String, String),
    #[error("{0} was not called: in production a service needs an https address")]
    NotHttps(String),
    #[error("a browser keeps this page from {0}: {1}")]
    Barred(String, String),
    #[error(transparent)]
    NotYet(#[from] super::twin::NotYet),
    #[error("the request could not be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

/// A CDS server that this EHR was told of: no other is ever called.
#[derive(Clone, Debug)]
pub struct CdsServer {
    /// Without a final slash.
    pub base: String,
    /// What its services are called as clients of this EHR's authorization server.
    pub client_id: String,
}

impl CdsServer {
    /// Where a service is called.
    pub fn service_url(&self, service: &Service, switches: &Switches) -> String {
        let address = || format!("{}/{}", self.list_url(switches), service.id);
        service.url.clone().unwrap_or_else(address)
    }

    /// Where the services are listed.
    fn list_url(&self, switches: &Switches) -> String {
        format!("{}/cds-services{}", self.base, if switches.double_slash { "/" } else { "" })
    }
}

#[cfg(test)]
mod tests;
