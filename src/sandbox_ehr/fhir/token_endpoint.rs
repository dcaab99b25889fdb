//! `POST /token`: a backend service proves by a signed assertion who it is and gets a token (SMART App Launch 2.2,
//! "Backend Services"; RFC 7523). The assertion is verified by `trust`, as tokens of hook calls are.

use super::super::SandboxEhr;
use super::scope::Scopes;
use crate::platform::clock;
use crate::platform::settings::{CdsClient, KeySource, Quirks, SettingsError};
use crate::trust::{Trust, Verified};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, PRAGMA};
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead an assertion may expire, in seconds, and how far clocks may differ.
const LONGEST_ASSERTION: f64 = 300.0;
const SKEW: f64 = 60.0;
/// How long a backend service's token is good.
const LIFE: Duration = Duration::from_secs(300);

/// A backend service that this EHR knows.
pub struct Registration {
    pub client_id: String,
    /// Its public keys: an address (preferred) or a file.
    pub keys: KeySource,
    /// What it may ask for.
    pub scope: String,
}

/// The backend services that are registered.
pub struct BackendServices {
    trust: Trust,
    scopes: HashMap<String, Scopes>,
    /// Assertions already used and when they expire, in seconds since 1970.
    used: Mutex<HashMap<(String, String), f64>>,
}

impl BackendServices {
    /// Those that may call the token endpoint at `address`.
    pub fn new(registered: Vec<Registration>, address: &str) -> Result<Self, SettingsError> {
        let scopes = registered.iter().map(|one| (one.client_id.clone(), Scopes::parse(&one.scope))).collect();
        let clients: Vec<CdsClient> = registered.into_iter().map(|one| one.into_client(address)).collect();
        Ok(Self { trust: Trust::of(&clients, None, false)?, scopes, used: Mutex::default() })
    }

    /// The scopes of the service that this assertion is of; `None`: it is nobody's, or not good.
    async fn authenticate(&self, assertion: &str) -> Option<&Scopes> {
        let now = clock::now();
        let header = format!("Bearer {assertion}");
        let verified: Verified = self.trust.verify(&[header.as_bytes()], "", now).await.ok()??;
        let Verified { client, subject, jti, expires } = verified;
        let now = now.as_millisecond() as f64 / 1000.0;
        let own = subject.is_some_and(|subject| subject == client.issuer);
        if !own || expires - now > LONGEST_ASSERTION + SKEW {
            return None;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| *until + SKEW > now);
        let first = used.insert((client.issuer.clone(), jti), expires).is_none();
        first.then(|| self.scopes.get(&client.issuer)).flatten()
    }
}

impl Registration {
    /// An assertion is a token whose issuer is the service and whose audience is the token endpoint.
    fn into_client(self, address: &str) -> CdsClient {
        CdsClient {
            name: self.client_id.clone(),
            issuer: self.client_id,
            keys: self.keys,
            audiences: vec![address.to_owned()],
            fhir_servers: Vec::new(),
            tenants: Vec::new(),
            quirks: Quirks::None,
            allow_jti_reuse: false,
            algorithms: vec!["RS384".to_owned(), "ES384".to_owned()],
            backend: None,
        }
    }
}

/// The form of a token request; members that are missing are refused by name below.
#[derive(Deserialize)]
pub struct TokenRequest {
    grant_type: Option<String>,
    scope: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// Gives a token for the scopes that were asked for, as far as the service is registered for them.
pub async fn token(ehr: web::Data<SandboxEhr>, form: web::Form<TokenRequest>) -> HttpResponse {
    if form.grant_type.as_deref() != Some("client_credentials") {
        return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let assertion = form.client_assertion.as_deref();
    let assertion = assertion.filter(|_| form.client_assertion_type.as_deref() == Some(ASSERTION_TYPE));
    let registered = match assertion {
        Some(assertion) => ehr.services.authenticate(assertion).await,
        None => None,
    };
    let Some(registered) = registered else { return refused(StatusCode::UNAUTHORIZED, "invalid_client") };
    let scopes = Scopes::parse(form.scope.as_deref().unwrap_or_default()).within(registered);
    if scopes.is_empty() {
        return refused(StatusCode::BAD_REQUEST, "invalid_scope");
    }
    let scope = scopes.to_string();
    let access_token = ehr.tokens.give(scopes, None, LIFE);
    let answer =
        json!({"access_token": access_token, "token_type": "Bearer", "expires_in": LIFE.as_secs(), "scope": scope});
    HttpResponse::Ok().insert_header(NO_CACHE).json(answer)
}

const NO_CACHE: (HeaderName, &str) = (PRAGMA, "no-cache");

fn refused(status: StatusCode, error: &str) -> HttpResponse {
    HttpResponse::build(status).insert_header(NO_CACHE).json(json!({"error": error}))
}
