//! A pretend EHR for demonstrations and tests: lists patients, opens a chart with a real `patient-view` call
//! over HTTP, draws the cards, sends feedback, launches SMART apps, and lets its charts be read as FHIR by whom its
//! authorization server lets. Its own command; never mounted by `serve`.
//!
//! Knows the server only through CDS Hooks: nothing here reads the model, the engine or the database.

mod authorization;
mod card;
mod chart;
mod decisions;
mod facts;
mod fhir;
mod hook_call;
mod pages;
mod practitioners;
mod routes;
mod search;
mod searchset;
mod summary;
mod time_machine;

pub use authorization::{Authentication, Lives, Registration, RegistrationError, read_registrations};
pub use chart::{Chart, ChartsError, read_folder};

use crate::platform::clock;
use crate::platform::settings::{SettingsError, unusable};
use crate::trust::{PassingKeys, Signature};
use actix_web::dev::Server;
use actix_web::middleware::{Compress, DefaultHeaders, from_fn};
use actix_web::{App, HttpServer, web};
use authorization::AuthorizationServer;
use serde_json::json;
use std::net::TcpListener;
use std::time::Duration;

/// Nothing inline, nothing from elsewhere: a card cannot act on the page even where it got through as HTML.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Threads that serve the page.
const WORKERS: usize = 1;
/// From `iat` to `exp` of a hook call's token, in seconds.
const CALL_SECONDS: i64 = 300;
/// What a CDS service is called as a client of this EHR.
const CDS_SERVICE: &str = "prodrome-backend";

/// Everything that the page knows.
pub struct SandboxEhr {
    /// Address of the CDS server, without a final slash.
    cds_base: String,
    /// Address of the page itself, for what it prints and links.
    page_base: String,
    charts: Vec<Chart>,
    decisions: decisions::Decisions,
    time_machine: time_machine::TimeMachine,
    authorization: AuthorizationServer,
    keys: PassingKeys,
    /// What hook calls are signed with.
    signature: Signature,
    /// The FHIR server asks for no token.
    open: bool,
}

impl SandboxEhr {
    /// A page over these patients, calling the server at `cds_base` (`http://127.0.0.1:8080`). The registered clients may
    /// get tokens for its FHIR server.
    ///
    /// # Errors
    /// A registration that cannot be used, such as a key file that cannot be read.
    pub fn new(
        charts: Vec<Chart>,
        cds_base: String,
        page_base: String,
        clients: Vec<Registration>,
    ) -> Result<Self, SettingsError> {
        let authorization = AuthorizationServer::new(&page_base, clients)?;
        let keys = PassingKeys::make()
            .map_err(|error| unusable("keys", "of the sandbox EHR", &error.to_string(), "start it again"))?;
        let decisions = decisions::Decisions::default();
        Ok(Self {
            cds_base,
            page_base,
            charts,
            decisions,
            time_machine: time_machine::TimeMachine::default(),
            authorization,
            keys,
            signature: Signature::Es384,
            open: false,
        })
    }

    /// Signs hook calls so; ES384 otherwise.
    pub fn signing_with(mut self, signature: Signature) -> Self {
        self.signature = signature;
        self
    }

    /// Names another server that accepts this EHR's tokens (`aud` of their introspection).
    pub fn accepted_by(mut self, resource: &str) -> Self {
        self.authorization.accepted_by(resource);
        self
    }

    /// Changes how long codes, handles and tokens are good.
    pub fn living(mut self, lives: Lives) -> Self {
        self.authorization.live(lives);
        self
    }

    /// Lets the FHIR server answer without a token too, for clients that cannot have one: whoever reaches it reads every
    /// chart.
    pub fn open(mut self) -> Self {
        self.open = true;
        self
    }

    /// A token for the FHIR server: what it lets (`patient/*.rs`), about whom, and how long.
    pub fn give_token(&self, scope: &str, patient: Option<&str>, life: Duration) -> String {
        self.authorization.give_leave(CDS_SERVICE, scope, patient, life)
    }

    /// The token of one call to `url` (CDS Hooks, "Trusting CDS Clients"); `None` where it cannot be signed.
    fn token_of_call(&self, url: &str) -> Option<String> {
        let now = clock::now().as_second();
        let claims = json!({
            "iss": self.page_base, "aud": url, "iat": now, "exp": now + CALL_SECONDS,
            "jti": uuid::Uuid::new_v4().to_string(),
        });
        let signed = self.keys.sign(self.signature, Some(&self.keys_address()), &claims);
        signed.inspect_err(|error| tracing::error!(%error, "a hook call could not be signed")).ok()
    }

    /// Where the public halves of the keys are.
    fn keys_address(&self) -> String {
        format!("{}/.well-known/jwks.json", self.page_base)
    }

    /// Base address of the FHIR server.
    pub fn fhir_base(&self) -> String {
        format!("{}/fhir", self.page_base)
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
                .wrap(from_fn(fhir::pages))
                .wrap(headers)
                .wrap(Compress::default())
                .configure(authorization::configure)
                .configure(fhir::configure)
                .configure(time_machine::configure)
                .configure(routes::configure)
        });
        Ok(server.workers(WORKERS).shutdown_timeout(2).disable_signals().listen(listener)?.run())
    }
}
