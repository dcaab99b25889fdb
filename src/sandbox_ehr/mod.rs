//! A pretend EHR for demonstrations and tests: lists patients, opens a chart with a real `patient-view` call
//! over HTTP, draws the cards, sends feedback. Its own command; never mounted by `serve`.
//!
//! Knows the server only through CDS Hooks: nothing here reads the model, the engine or the database.

mod card;
mod chart;
mod decisions;
mod facts;
mod hook_call;
mod pages;
mod routes;
mod search;
mod summary;

pub use chart::{Chart, ChartsError, read_folder};

use actix_web::dev::Server;
use actix_web::middleware::{Compress, DefaultHeaders};
use actix_web::{App, HttpServer, web};
use std::net::TcpListener;

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
}

impl SandboxEhr {
    /// A page over these patients, calling the server at `cds_base` (`http://127.0.0.1:8080`).
    pub fn new(charts: Vec<Chart>, cds_base: String, page_base: String) -> Self {
        Self { cds_base, page_base, charts, decisions: decisions::Decisions::default() }
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
                .configure(routes::configure)
        });
        Ok(server.workers(WORKERS).shutdown_timeout(2).disable_signals().listen(listener)?.run())
    }
}
