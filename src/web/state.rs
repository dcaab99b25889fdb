//! The few handles that a handler may reach.

use super::problem::Problem;
use crate::governance::feedback::Feedback;
use crate::platform::database::Database;
use crate::platform::settings::Settings;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::OnceLock;

/// What exists once model and database are loaded.
pub struct Parts {
    pub database: Database,
    pub feedback: Feedback,
}

/// What every worker shares. Made before the listener; the parts arrive later.
pub struct State {
    parts: OnceLock<Parts>,
    /// Issuers of configured clients.
    pub issuers: Vec<String>,
    pub metrics: Option<PrometheusHandle>,
}

impl State {
    pub fn new(settings: &Settings, metrics: Option<PrometheusHandle>) -> Self {
        let issuers = settings.cds_clients.iter().map(|client| client.issuer.clone()).collect();
        Self { parts: OnceLock::new(), issuers, metrics }
    }

    /// From now on calls are served. A second time changes nothing.
    pub fn become_ready(&self, parts: Parts) {
        let _already_ready = self.parts.set(parts);
    }

    /// The loaded parts.
    ///
    /// # Errors
    /// [`Problem::NotReady`] while model or database still load.
    pub fn parts(&self) -> Result<&Parts, Problem> {
        self.parts.get().ok_or(Problem::NotReady)
    }
}
