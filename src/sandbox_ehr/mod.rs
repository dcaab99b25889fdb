//! A pretend EHR for demonstrations and tests: lists patients, opens a chart with a real `patient-view` call
//! over HTTP, draws the cards, sends feedback, and lets its charts be read as FHIR. Its own command; never mounted by
//! `serve`.
//!
//! Knows the server only through CDS Hooks: nothing here reads the model, the engine or the database.

mod card;
mod chart;
mod decisions;
mod facts;
mod fhir;
mod hook_call;
mod pages;
mod routes;
mod search;
mod searchset;
mod summary;

pub use chart::{Chart, ChartsError, read_folder};
pub use fhir::Registration;

use crate::platform::settings::SettingsError;
use actix_web::dev::Server;
use actix_web::middleware::{Compress, DefaultHeaders};
use actix_web::{App, HttpServer, web};
use std::net::TcpListener;
use std::time::Duration;

/// Nothing inline, nothing from elsewhere: a card cannot act on the page even where it got through as HTML.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Threads that serve the page.
const WORKERS: usize = 1;

/// Everything that the page knows.
pub struct SandboxEhr {
    /// Address of the CDS server, without a final slash.
    cds_base: String,
    /// Address of the page itself, for what it prints and links.
    page_base: String,
    charts: Vec<Chart>,
    decisions: decisions::Decisions,
    tokens: fhir::Tokens,
    services: fhir::BackendServices,
}

impl SandboxEhr {
    /// A page over these patients, calling the server at `cds_base` (`http://127.0.0.1:8080`). The backend services
    /// may get tokens for its FHIR server.
    ///
    /// # Errors
    /// A key file of a service that cannot be read.
    pub fn new(
        charts: Vec<Chart>,
        cds_base: String,
        page_base: String,
        services: Vec<Registration>,
    ) -> Result<Self, SettingsError> {
        let services = fhir::BackendServices::new(services, &format!("{page_base}/token"))?;
        let (decisions, tokens) = (decisions::Decisions::default(), fhir::Tokens::default());
        Ok(Self { cds_base, page_base, charts, decisions, tokens, services })
    }

    /// A token for the FHIR server: what it lets (`patient/*.rs`), about whom, and how long.
    pub fn give_token(&self, scope: &str, patient: Option<&str>, life: Duration) -> String {
        self.tokens.give(fhir::Scopes::parse(scope), patient, life)
    }

    /// Base address of the FHIR server.
    pub fn fhir_base(&self) -> String {
        format!("{}/fhir", self.page_base)
    }

    fn token_endpoint(&self) -> String {
        format!("{}/token", self.page_base)
    }

    fn chart(&self, id: &str) -> Option<&Chart> {
        self.charts.iter().find(|chart| *chart.id == *id)
    }

    /// Serves the page on a listener; ends when the returned server's handle is stopped.
    pub fn serve(self, listener: TcpListener) -> std::io::Result<Server> {
        let ehr = web::Data::new(self);
        let server = HttpServer::new(move || {
            let headers = DefaultHeaders::new()
                .add(("Content-Security-Policy", CONTENT_POLICY))
                .add(("X-Content-Type-Options", "nosniff"))
                .add(("Referrer-Policy", "no-referrer"))
                .add(("Cache-Control", "no-store"));
            App::new()
                .app_data(ehr.clone())
                .app_data(web::Data::new(awc::Client::default()))
                .wrap(headers)
                .wrap(Compress::default())
                .configure(fhir::configure)
                .configure(routes::configure)
        });
        Ok(server.workers(WORKERS).shutdown_timeout(2).disable_signals().listen(listener)?.run())
    }
}
