//! The clients that this EHR knows, and how each shows who it is: a signed assertion (SMART App Launch 2.2, "Asymmetric
//! client authentication"), a secret, or nothing. Assertions are verified by `trust`, as tokens of hook calls are.

use super::form::Form;
use super::refused::Refused;
use super::registration::{Authentication, Registration};
use crate::platform::clock;
use crate::platform::expiring::Expiring;
use crate::platform::settings::{self, CdsClient, KeySource, Quirks, SettingsError};
use crate::trust::{Trust, Verified};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;
use url::Url;
use url::form_urlencoded;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead an assertion may expire, in seconds, and how far clocks may differ.
const LONGEST_ASSERTION: f64 = 300.0;
const SKEW: f64 = 60.0;
/// How long a used assertion is remembered: longer than any may be good.
const REMEMBERED: Duration = Duration::from_secs(600);

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Assertion,
    /// SHA-256 of its secret.
    Secret([u8; 32]),
    Public,
}

/// A registered client.
pub struct Client {
    pub id: String,
    /// Where codes may be sent, and nowhere else.
    pub redirect_uris: Vec<String>,
    /// Where the EHR opens it.
    pub launch_url: Option<String>,
    /// What it may ask for.
    pub scope: String,
    method: Method,
}

impl Client {
    /// Whether it can keep a secret.
    pub fn is_confidential(&self) -> bool {
        self.method != Method::Public
    }

    /// Whether it shows who it is by a signature, as backend services have to.
    pub fn signs(&self) -> bool {
        self.method == Method::Assertion
    }
}

/// Every registered client.
pub struct Clients {
    known: HashMap<String, Client>,
    trust: Trust,
    /// Assertions already used.
    used: Expiring<()>,
}

impl Clients {
    /// Those of the authorization server at `issuer`.
    pub fn new(registered: Vec<Registration>, issuer: &str) -> Result<Self, SettingsError> {
        let (mut known, mut signing) = (HashMap::new(), Vec::new());
        let token_endpoint = format!("{issuer}/token");
        for Registration { client_id, authentication, redirect_uris, launch_url, scope } in registered {
            for uri in &redirect_uris {
                check_redirect(uri)?;
            }
            let method = match authentication {
                Authentication::Keys(keys) => {
                    signing.push(signer(&client_id, keys, &token_endpoint));
                    Method::Assertion
                }
                Authentication::Secret(secret) => Method::Secret(Sha256::digest(secret).into()),
                Authentication::Public => Method::Public,
            };
            let client = Client { id: client_id.clone(), redirect_uris, launch_url, scope, method };
            if known.insert(client_id.clone(), client).is_some() {
                let remedy = "give each client an id of its own";
                return Err(settings::unusable("client_id", client_id, "two clients have it", remedy));
            }
        }
        Ok(Self { known, trust: Trust::of(&signing, Some(issuer.to_owned()), false)?, used: Expiring::default() })
    }

    pub fn find(&self, id: &str) -> Option<&Client> {
        self.known.get(id)
    }

    /// The app that is launched at this address, whatever query it has.
    pub fn launched_at(&self, address: &str) -> Option<&Client> {
        let place = address.split(['?', '#']).next();
        self.known.values().find(|client| client.launch_url.is_some() && client.launch_url.as_deref() == place)
    }

    /// Who makes this request to `path`. In one way only, the one that was registered.
    pub async fn authenticate(&self, headers: &HeaderMap, form: &Form, path: &str) -> Result<&Client, Refused> {
        let header = headers.get(AUTHORIZATION).map(|header| header.to_str().unwrap_or_default());
        let (assertion, named) = (form.get("client_assertion"), form.get("client_id"));
        let client = match (header, assertion) {
            (Some(_), Some(_)) => return Err(Refused::Request("a client shows in one way who it is")),
            (Some(header), None) => self.by_secret(header),
            (None, Some(assertion)) if form.get("client_assertion_type") == Some(ASSERTION_TYPE) => {
                self.by_assertion(assertion, path).await
            }
            (None, Some(_)) => None,
            (None, None) => named.and_then(|id| self.find(id)).filter(|client| client.method == Method::Public),
        };
        client.filter(|client| named.is_none_or(|named| named == client.id)).ok_or(Refused::Client)
    }

    /// HTTP Basic, both parts encoded as in a form (RFC 6749, section 2.3.1).
    fn by_secret(&self, header: &str) -> Option<&Client> {
        let (_, encoded) = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))?;
        let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        let decoded = |text: &str| form_urlencoded::parse(text.as_bytes()).next().map(|(text, _)| text.into_owned());
        let client = self.find(&decoded(id)?)?;
        let shown: [u8; 32] = Sha256::digest(decoded(secret)?).into();
        let is_it = |method| matches!(method, Method::Secret(known) if verify_slices_are_equal(&known, &shown).is_ok());
        Some(client).filter(|client| is_it(client.method))
    }

    /// An assertion that is good and used for the first time, addressed to the token endpoint or to where it is used: RFC
    /// 7523 asks for something that names this server, and clients differ.
    async fn by_assertion(&self, assertion: &str, path: &str) -> Option<&Client> {
        let now = clock::now();
        let header = format!("Bearer {assertion}");
        let verified: Verified = self.trust.verify(&[header.as_bytes()], path, now).await.ok()??;
        let Verified { client, subject, jti, expires } = verified;
        let own = subject.is_some_and(|subject| subject == client.issuer);
        let ahead = expires - now.as_millisecond() as f64 / 1000.0;
        if !own || ahead > LONGEST_ASSERTION + SKEW {
            return None;
        }
        let first = self.used.put(format!("{} {jti}", client.issuer), (), now + REMEMBERED, now).is_none();
        first.then(|| self.find(&client.issuer)).flatten()
    }
}

/// An assertion is a token whose issuer is the client and whose audience is the token endpoint, or the address called.
fn signer(client_id: &str, keys: KeySource, token_endpoint: &str) -> CdsClient {
    CdsClient {
        name: client_id.to_owned(),
        issuer: client_id.to_owned(),
        keys,
        audiences: vec![token_endpoint.to_owned()],
        fhir_servers: Vec::new(),
        tenants: Vec::new(),
        quirks: Quirks::None,
        allow_jti_reuse: false,
        algorithms: vec!["RS384".to_owned(), "ES384".to_owned()],
        backend: None,
    }
}

fn check_redirect(uri: &str) -> Result<(), SettingsError> {
    let usable = Url::parse(uri).is_ok_and(|url| url.fragment().is_none());
    let remedy = "give a whole address without `#`, such as https://app.example.org/callback";
    if usable { Ok(()) } else { Err(settings::unusable("redirect_uris", uri, "no code can be sent there", remedy)) }
}
