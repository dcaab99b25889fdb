//! The sandbox EHR's authorization server (SMART App Launch 2.2; OAuth 2.0; OpenID Connect): discovery, `authorize`, `token`,
//! `introspect`, `revoke`, launch handles, and the leave that a hook call brings. Owns who may read the FHIR server, as
//! what, and how long; all of it in memory and bounded.
//!
//! Refuses what real servers let pass: another redirect address by a letter, no or plain PKCE, a foreign `aud`, a second use
//! of anything that is for one. There are no passwords: its two users are pretend ones.

mod authorize;
mod clients;
mod codes;
mod discovery;
mod form;
mod id_token;
mod inspection;
mod launch_service;
mod launches;
mod link_launch;
mod pages;
mod refused;
mod registration;
mod scopes;
mod token;
mod tokens;

pub use registration::{Authentication, Registration, RegistrationError, read_registrations};
pub use tokens::Access;

use super::SandboxEhr;
use super::chart::Chart;
use super::practitioners::{ON_DUTY, Practitioner};
use crate::platform::clock;
use crate::platform::expiring::Expiring;
use crate::platform::settings::SettingsError;
use actix_web::web;
use authorize::Asked;
use clients::Clients;
use codes::Codes;
use launches::{Launch, Launches};
use std::sync::Arc;
use std::time::Duration;
use tokens::{Context, Grant, Tokens};
use uuid::Uuid;

/// How long what is given out is good.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// Of a launch handle.
    pub launch: Duration,
    /// Of an authorization code.
    pub code: Duration,
    /// Of an access token of an app; those of backend services and hook calls end sooner.
    pub access: Duration,
    pub refresh: Duration,
}

impl Default for Lives {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { launch: seconds(300), code: seconds(60), access: seconds(3600), refresh: seconds(8 * 3600) }
    }
}

/// Everything that the authorization server knows.
pub struct AuthorizationServer {
    /// Address of the page, which is the issuer too; without a final slash.
    issuer: String,
    /// Servers that accept its tokens beside the FHIR server.
    accepted_by: Vec<String>,
    clients: Clients,
    launches: Launches,
    /// Requests whose user has yet to choose.
    choices: Expiring<Asked>,
    codes: Codes,
    tokens: Tokens,
    lives: Lives,
}

impl AuthorizationServer {
    /// For the page at `issuer`.
    ///
    /// # Errors
    /// A registration that cannot be used.
    pub fn new(issuer: &str, registered: Vec<Registration>) -> Result<Self, SettingsError> {
        Ok(Self {
            issuer: issuer.to_owned(),
            accepted_by: Vec::new(),
            clients: Clients::new(registered, issuer)?,
            launches: Launches::default(),
            choices: Expiring::default(),
            codes: Codes::default(),
            tokens: Tokens::default(),
            lives: Lives::default(),
        })
    }

    /// Names another server that accepts tokens of this one, after asking `introspect`.
    pub fn accepted_by(&mut self, resource: &str) {
        self.accepted_by.push(resource.to_owned());
    }

    /// Changes how long things are good.
    pub fn live(&mut self, lives: Lives) {
        self.lives = lives;
    }

    /// A token outside any authorization: the leave that a hook call brings.
    pub fn give_leave(&self, client: &str, scope: &str, patient: Option<&str>, life: Duration) -> String {
        let context = Context { patient: patient.map(str::to_owned), ..Context::default() };
        let grant = Arc::new(Grant::new(client, scope, context, Some(ON_DUTY)));
        self.tokens.give(grant, Uuid::new_v4(), life, clock::now())
    }

    /// What a bearer's token lets now.
    pub fn access(&self, token: &str) -> Option<Access> {
        self.tokens.find(token, clock::now())
    }

    /// A handle by which the client may ask for this patient, as the user on duty.
    pub fn give_launch(&self, client: &str, context: Context) -> String {
        let launch = Launch { client: client.to_owned(), context, user: ON_DUTY };
        self.launches.give(launch, self.lives.launch, clock::now())
    }

    /// The app that is registered with this launch address.
    pub fn app_at(&self, address: &str) -> Option<&str> {
        self.clients.launched_at(address).map(|client| &*client.id)
    }

    /// Ends the leave that a hook call brought.
    pub fn end_leave(&self, token: &str, client: &str) {
        self.tokens.revoke(token, client, clock::now());
    }

    fn endpoint(&self, name: &str) -> String {
        format!("{}/{name}", self.issuer)
    }
}

/// `fhirUser` of a user: the address of the resource.
fn user_address(ehr: &SandboxEhr, user: &Practitioner) -> String {
    format!("{}/{}", ehr.fhir_base(), user.reference)
}

/// The visit that an app is told of: the patient's latest.
fn latest_visit(chart: &Chart) -> Option<String> {
    let visits = chart.of_type("Encounter");
    visits.max_by_key(|visit| visit.facts.start).map(|visit| visit.id.to_string())
}

/// Every route.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/fhir/.well-known/smart-configuration", web::get().to(discovery::smart_configuration))
        .route("/.well-known/openid-configuration", web::get().to(discovery::openid_configuration))
        .route("/.well-known/jwks.json", web::get().to(discovery::jwks))
        .route("/api/epic/2019/Security/Open/PublicKeys/sandbox", web::get().to(discovery::jwks))
        .route("/fhir/_services/smart/Launch", web::post().to(launch_service::launch))
        .route("/patients/{id}/launch", web::get().to(link_launch::open))
        .route("/authorize", web::get().to(authorize::by_address))
        .route("/authorize", web::post().to(authorize::by_form))
        .route("/authorize/choice", web::post().to(authorize::choice))
        .route("/token", web::post().to(token::token))
        .route("/introspect", web::post().to(inspection::introspect))
        .route("/revoke", web::post().to(inspection::revoke));
}
