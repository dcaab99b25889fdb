//! Whose turn it is: each FHIR server is asked so many things at a time, whatever becomes of the others, so that one
//! hospital's slow server takes no place from anybody else's callers. Knows nothing of what is asked.

use super::Unread;
use super::address::FhirBase;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places at every server. Servers are those of the settings, so there are never many.
pub(super) struct Turns {
    each: usize,
    servers: Mutex<HashMap<FhirBase, Arc<Semaphore>>>,
}

impl Turns {
    /// `each`: requests at a time at one server.
    pub fn new(each: usize) -> Self {
        Self { each, servers: Mutex::default() }
    }

    /// Waits for a place at this server; it is free again when dropped.
    pub async fn take(&self, base: &FhirBase) -> Result<OwnedSemaphorePermit, Unread> {
        self.places(base).acquire_owned().await.map_err(|_| Unread::Unreachable)
    }

    fn places(&self, base: &FhirBase) -> Arc<Semaphore> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.entry(base.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone()
    }
}
