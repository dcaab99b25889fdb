//! The few handles that a handler may reach.

use super::body::Limits;
use super::problem::Problem;
use super::smart::SmartApp;
use crate::decision_support::answer_hook::HookParts;
use crate::governance::card_handles::CardHandles;
use crate::governance::feedback::Feedback;
use crate::platform::database::Database;
use crate::platform::settings::{Discovery, Mode, Settings};
use crate::trust::{AccessTrust, OwnKeys, Trust};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::{Arc, OnceLock};

/// What exists once model and database are loaded.
pub struct Parts {
    pub database: Database,
    pub feedback: Feedback,
    pub card_handles: CardHandles,
    /// The spine of a hook call.
    pub hooks: Arc<HookParts>,
}

/// What every worker shares. Made before the listener; the parts arrive later.
pub struct State {
    parts: OnceLock<Parts>,
    /// Anonymous calls are accepted, and a call may choose its own as-of time.
    pub development: bool,
    /// Who may read `/cds-services`.
    pub discovery: Discovery,
    /// What a sender may take.
    pub limits: Limits,
    /// Knows the configured clients.
    pub trust: Trust,
    /// Knows whose access tokens our own API takes.
    pub access: AccessTrust,
    /// The address that clients call, without a final slash.
    pub public_url: Option<String>,
    /// FHIR servers of all clients, which anonymous calls may use in development.
    pub fhir_servers: Arc<[String]>,
    /// Our own keys, to be published.
    pub own_keys: Option<Arc<OwnKeys>>,
    /// The app that EHRs open; `None`: none knows it.
    pub smart: Option<SmartApp>,
    pub metrics: Option<PrometheusHandle>,
}

impl State {
    pub fn new(
        settings: &Settings,
        (trust, access): (Trust, AccessTrust),
        own_keys: Option<Arc<OwnKeys>>,
        smart: Option<SmartApp>,
        metrics: Option<PrometheusHandle>,
    ) -> Self {
        Self {
            parts: OnceLock::new(),
            development: settings.server.mode == Mode::Development,
            discovery: settings.server.discovery,
            limits: Limits { bytes: settings.server.max_body, patience: settings.server.body_patience },
            trust,
            access,
            public_url: settings.server.public_url.clone(),
            own_keys,
            smart,
            fhir_servers: settings.cds_clients.iter().flat_map(|client| client.fhir_servers.clone()).collect(),
            metrics,
        }
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
