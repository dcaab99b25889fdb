//! Links from cards to our SMART app (CDS Hooks 2.0, "Link"): type `smart`, with a handle as `appContext` by which the app
//! knows the card again.
//!
//! Owns which EHR's calls get them. Nothing of the patient stands in a link.

use super::protocol::{Card, Link};
use crate::governance::GovernanceError;
use crate::governance::card_handles::{About, CardHandles};
use jiff::Timestamp;
use uuid::Uuid;

/// What the clinician reads on the link.
const LABEL: &str = "How this estimate came about";

/// Puts links into cards.
pub struct AppLinks {
    /// Where the app is launched.
    pub launch_url: String,
    /// FHIR servers of the EHRs at which it is registered, without a final slash.
    pub fhir_servers: Vec<String>,
    pub handles: CardHandles,
}

impl AppLinks {
    /// The registered form of a FHIR server's address; `None` where that EHR does not know the app.
    pub fn registered(&self, called: &str) -> Option<&str> {
        let called = called.strip_suffix('/').unwrap_or(called);
        self.fhir_servers.iter().find(|known| *known == called).map(String::as_str)
    }

    /// Adds a link to every card of a service, each with a handle of its own.
    ///
    /// # Errors
    /// When the handles cannot be remembered: such a link would open nothing.
    pub async fn add(
        &self,
        cards: &mut [Card],
        service: &str,
        about: About<'_>,
        now: Timestamp,
    ) -> Result<(), GovernanceError> {
        let (mut linked, uuids): (Vec<&mut Card>, Vec<Uuid>) =
            cards.iter_mut().filter_map(|card| Uuid::parse_str(&card.uuid).ok().map(|uuid| (card, uuid))).unzip();
        if linked.is_empty() {
            return Ok(());
        }
        let handles = self.handles.give(about, service, &uuids, now).await?;
        for (card, handle) in linked.iter_mut().zip(handles) {
            let (label, url, kind) = (LABEL.to_owned(), self.launch_url.clone(), "smart".to_owned());
            card.links.push(Link { label, url, kind, app_context: Some(handle) });
        }
        Ok(())
    }
}
