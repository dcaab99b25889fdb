//! A pretend EHR for demonstrations and tests: lists patients, opens a chart with a real `patient-view` call
//! over HTTP, draws the cards, sends feedback, launches SMART apps, and lets its charts be read as FHIR by whom its
//! authorization server lets. Its own command; never mounted by `serve`.
//!
//! Knows the server only through CDS Hooks: nothing here reads the model, the engine or the database.

mod areas;
mod authorization;
mod card;
mod chart;
mod control;
mod deciding;
mod decisions;
mod entry;
mod facts;
mod fhir;
mod hook_call;
mod pages;
mod practitioners;
mod prefetch;
mod routes;
mod screens;
mod search;
mod searchset;
mod summary;
mod time_machine;
mod twin;

pub use authorization::{Authentication, Lives, Registration, RegistrationError, read_registrations};
pub use chart::{Chart, ChartsError, read_folder};
pub use twin::Profile;

use crate::platform::settings::{SettingsError, unusable};
use crate::trust::{OwnKeysError, PassingKeys, Signature};
use actix_web::dev::Server;
use actix_web::middleware::{Compress, DefaultHeaders, from_fn};
use actix_web::{App, HttpServer, web};
use authorization::AuthorizationServer;
use chart::Resource;
use hook_call::CdsServer;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use twin::{Desk, Journal};

/// Nothing inline, nothing from elsewhere: a card cannot act on the page even where it got through as HTML.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Threads that serve the page.
const WORKERS: usize = 1;
/// What a CDS service is called as a client of this EHR.
const CDS_SERVICE: &str = "prodrome-backend";

/// Everything that the page knows.
pub struct SandboxEhr {
    /// The CDS servers that it calls, and no others.
    servers: Vec<CdsServer>,
    /// Address of the page itself, for what it prints and links.
    page_base: String,
    charts: Vec<Chart>,
    decisions: decisions::Decisions,
    time_machine: time_machine::TimeMachine,
    authorization: AuthorizationServer,
    /// What signs now, and what signed before.
    keys: RwLock<(Arc<PassingKeys>, Option<Arc<PassingKeys>>)>,
    /// Who works here, as resources.
    staff: Vec<Arc<Resource>>,
    desk: Mutex<Desk>,
    journal: Journal,
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
        let keys = RwLock::new((Arc::new(keys), None));
        let servers = vec![CdsServer { base: cds_base, client_id: CDS_SERVICE.to_owned() }];
        let decisions = decisions::Decisions::default();
        Ok(Self {
            servers,
            page_base,
            charts,
            decisions,
            time_machine: time_machine::TimeMachine::default(),
            authorization,
            keys,
            staff: practitioners::staff(),
            desk: Mutex::default(),
            journal: Journal::default(),
            signature: Signature::Es384,
            open: false,
        })
    }

    /// Calls the first server's services this client of the authorization server.
    pub fn calling_as(mut self, client_id: &str) -> Self {
        if let Some(first) = self.servers.first_mut() {
            first.client_id = client_id.to_owned();
        }
        self
    }

    /// Takes after this EHR from the start.
    pub fn taking_after(self, profile: Profile) -> Self {
        let mut desk = self.desk();
        (desk.profile, desk.switches) = (profile, profile.switches());
        drop(desk);
        self
    }

    /// Calls the services of another server too, which is this client of the authorization server.
    pub fn calling_too(mut self, base: String, client_id: String) -> Self {
        self.servers.push(CdsServer { base, client_id });
        self
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

    /// What signs now.
    fn keys(&self) -> Arc<PassingKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Public halves of what signs now and of what signed before.
    fn published_keys(&self) -> Value {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let sets = std::iter::once(&keys.0).chain(&keys.1).map(|keys| keys.public());
        let all: Vec<Value> = sets.flat_map(|set| set["keys"].as_array().cloned().unwrap_or_default()).collect();
        json!({ "keys": all })
    }

    /// Signs with new keys from now on; those before stay published until the next time.
    fn rotate_keys(&self) -> Result<(), OwnKeysError> {
        let new = Arc::new(PassingKeys::make()?);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut keys.0, new);
        keys.1 = Some(before);
        Ok(())
    }

    /// What lies on the clinician's desk. Not to be held over a call.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the public halves of the keys are.
    fn keys_address(&self) -> String {
        format!("{}/.well-known/jwks.json", self.page_base)
    }

    /// Base address of the FHIR server. Looks at the desk, which must not be held.
    pub fn fhir_base(&self) -> String {
        self.desk().switches.fhir_base(&self.page_base)
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
                .add(("Referrer-Policy", "same-origin"))
                .add(("Cache-Control", "no-store"));
            App::new()
                .app_data(ehr.clone())
                .app_data(web::Data::new(awc::Client::builder().disable_redirects().finish()))
                .wrap(from_fn(fhir::json_alone))
                .wrap(from_fn(fhir::faults))
                .wrap(from_fn(fhir::tenants))
                .wrap(from_fn(areas::unreadable))
                .wrap(from_fn(fhir::pages))
                .wrap(headers)
                .wrap(Compress::default())
                .configure(authorization::configure)
                .configure(fhir::configure)
                .configure(control::configure)
                .configure(screens::configure)
                .configure(time_machine::configure)
                .configure(routes::configure)
        });
        Ok(server.workers(WORKERS).shutdown_timeout(2).disable_signals().listen(listener)?.run())
    }
}
