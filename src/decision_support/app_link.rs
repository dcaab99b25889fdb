//! Links from cards to our SMART app (CDS Hooks 2.0, "Link"): type `smart`, with a handle as `appContext` by which the app
//! knows the card again.
//!
//! Owns which EHR's calls get them. Nothing of the patient stands in a link.

use super::protocol::{Card, Link};
use crate::governance::GovernanceError;
use crate::governance::card_handles::{About, CardHandles, OpenedCard};
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
        let known = |card: &Card| {
            let phenotype = card.extension.values().find_map(|figures| figures.get("phenotype")?.as_str());
            let (service, phenotype) = (service.to_owned(), phenotype.map(str::to_owned));
            Some(OpenedCard { service, card: Uuid::parse_str(&card.uuid).ok()?, phenotype })
        };
        let (linked, opened): (Vec<&mut Card>, Vec<OpenedCard>) =
            cards.iter_mut().filter_map(|card| known(card).map(|opened| (card, opened))).unzip();
        if linked.is_empty() {
            return Ok(());
        }
        let handles = self.handles.give(about, opened, now).await?;
        for (card, handle) in linked.into_iter().zip(handles) {
            let (label, url, kind) = (LABEL.to_owned(), self.launch_url.clone(), "smart".to_owned());
            card.links.push(Link { label, url, kind, app_context: Some(handle) });
        }
        Ok(())
    }
}
