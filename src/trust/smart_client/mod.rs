//! Our SMART app at an EHR's authorization server (SMART App Launch 2.2): where the browser is sent, and how the code that it
//! brings back becomes a token and a verified user.
//!
//! Owns PKCE, the proof of who we are, pinned addresses and the checks of what comes. Knows no browser and no session.
//! Secrets go to the pinned endpoints for tokens and nowhere else; nothing here is logged.

mod discovery;
mod id_token;
mod proof;
mod token_response;

pub use discovery::{DiscoveryError, Endpoints};
pub use id_token::IdTokenRefusal;
pub use token_response::{RefreshToken, Tokens};

use super::key_source::Keys;
use super::own_keys::{OwnKeys, OwnKeysError};
use super::token_endpoint::{self, TokenEndpointError};
use crate::platform::clock;
use crate::platform::expiring::secret;
use crate::platform::settings::{self, Ehr, SettingsError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use discovery::Discovery;
use futures_util::future::join;
use id_token::Expected;
use jsonwebtoken::Algorithm;
use proof::Proof;
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use token_response::TokenResponse;
use url::Url;

/// Our app as one EHR knows it.
pub struct SmartClient {
    pub ehr: Ehr,
    /// Where this EHR sends codes; no other EHR has the same.
    pub redirect_uri: String,
    proof: Proof,
    algorithms: Vec<Algorithm>,
    discovery: Discovery,
    /// The issuer's keys, once it is known where they are.
    keys: OnceLock<Keys>,
}

/// Why a code does not become a token.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    #[error(transparent)]
    Keys(#[from] OwnKeysError),
    #[error(transparent)]
    Endpoint(#[from] TokenEndpointError),
    #[error("the id_token is refused: {0}")]
    IdToken(#[from] IdTokenRefusal),
}

/// A launch under way: what has to be known when the browser comes back. Cannot be printed.
pub struct Attempt {
    verifier: String,
    /// Where we asked who the user is.
    nonce: Option<String>,
    endpoints: Arc<Endpoints>,
}

impl Attempt {
    /// Whether an answer that names this issuer (RFC 9207), or none, may be the EHR's.
    pub fn may_come_from(&self, named: Option<&str>) -> bool {
        match named {
            Some(named) => self.endpoints.issuer.as_deref() == Some(named),
            None => !self.endpoints.names_issuer,
        }
    }
}

/// How an app comes to its patient.
#[derive(Clone, Copy)]
pub enum Launch<'a> {
    /// The EHR opened it, with its base as it wrote it and a handle.
    FromEhr { iss: &'a str, handle: &'a str },
    /// It was opened by itself; the EHR asks for the patient.
    Standalone,
}

/// What the EHR granted.
pub struct Granted {
    pub tokens: Tokens,
    pub scope: String,
    /// Ids as they came, not checked yet.
    pub patient: Option<String>,
    pub encounter: Option<String>,
    /// Whether the app says whose chart it is. Only an EHR that says it does so itself spares it that.
    pub need_patient_banner: bool,
    /// Not checked yet.
    pub app_context: Option<String>,
    /// `Practitioner/x`: who the user is, by a verified `id_token`. Says nothing of what may be read.
    pub fhir_user: Option<String>,
    /// Where the token was had, for renewing it.
    pub endpoints: Arc<Endpoints>,
}

impl SmartClient {
    /// `redirect_base`: below which redirect addresses are. `plain`: addresses without TLS, and on this machine, may be
    /// called.
    ///
    /// # Errors
    /// A secret that cannot be read, keys that are missing.
    pub fn new(
        ehr: &Ehr,
        redirect_base: &str,
        own_keys: Option<&Arc<OwnKeys>>,
        plain: bool,
    ) -> Result<Self, SettingsError> {
        let algorithms = ehr.id_token_algorithms.iter().map(|name| {
            let remedy = "name algorithms of the example";
            name.parse().map_err(|_| settings::unusable("ehr.id_token_algorithms", name, "it is not known", remedy))
        });
        Ok(Self {
            redirect_uri: format!("{redirect_base}/{}", ehr.name),
            proof: Proof::of(ehr, own_keys)?,
            algorithms: algorithms.collect::<Result<_, _>>()?,
            discovery: Discovery::new(ehr, plain),
            keys: OnceLock::new(),
            ehr: ehr.clone(),
        })
    }

    /// Whether this `iss` is the EHR's, apart from one final slash.
    pub fn is_at(&self, iss: &str) -> bool {
        iss.strip_suffix('/').unwrap_or(iss) == self.ehr.fhir_server
    }

    /// Where to send the browser, and what has to be known when it comes back with this `state`. Runs on a web worker,
    /// because it may ask the EHR where that is.
    ///
    /// # Errors
    /// When the EHR cannot be asked, or names other places than before.
    pub async fn begin(&self, launch: Launch<'_>, state: &str) -> Result<(String, Attempt), DiscoveryError> {
        let endpoints = self.discovery.endpoints().await?;
        let mut address = Url::parse(&endpoints.authorization).map_err(|_| DiscoveryError::Misshapen)?;
        let (scope, audience) = match launch {
            Launch::FromEhr { iss, .. } => ("launch", iss),
            Launch::Standalone => ("launch/patient", &*self.ehr.fhir_server),
        };
        let scopes = self.scopes(scope, &endpoints);
        let nonce = scopes.split(' ').any(|word| word == "openid").then(secret);
        let attempt = Attempt { verifier: secret(), nonce, endpoints };
        let mut query = address.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.ehr.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", &scopes)
            .append_pair("state", state)
            .append_pair("aud", audience)
            .append_pair("code_challenge", &challenge(&attempt.verifier))
            .append_pair("code_challenge_method", "S256");
        if let Some(nonce) = &attempt.nonce {
            query.append_pair("nonce", nonce);
        }
        if let Launch::FromEhr { handle, .. } = launch {
            query.append_pair("launch", handle);
        }
        drop(query);
        Ok((address.into(), attempt))
    }

    /// Makes a token of a code. Runs on a web worker, where the client library lives.
    ///
    /// # Errors
    /// When the EHR refuses the code, or says who the user is in a way that cannot be believed.
    pub async fn finish(&self, attempt: Attempt, code: &str) -> Result<Granted, FinishError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        let asked = Instant::now();
        let mut said = self.ask(&attempt.endpoints, &form).await?;
        let tokens = said.tokens(asked)?;
        let fhir_user = self.user(&attempt, &said, tokens.access.reveal()).await?;
        Ok(Granted {
            tokens,
            scope: said.scope.ok_or(TokenEndpointError::Misshapen)?,
            patient: said.patient,
            encounter: said.encounter,
            need_patient_banner: said.need_patient_banner.unwrap_or(true),
            app_context: said.app_context,
            fhir_user,
            endpoints: attempt.endpoints,
        })
    }

    /// Renews a token. A new refresh token takes the place of the old one, which is not used again.
    ///
    /// # Errors
    /// When the EHR refuses.
    pub async fn renew(&self, endpoints: &Endpoints, refresh: &RefreshToken) -> Result<Tokens, FinishError> {
        let asked = Instant::now();
        let form = [("grant_type", "refresh_token"), ("refresh_token", &*refresh.0)];
        let mut renewed = self.ask(endpoints, &form).await?.tokens(asked)?;
        renewed.refresh = renewed.refresh.or_else(|| Some(refresh.clone()));
        Ok(renewed)
    }

    /// Ends tokens before their time, where the EHR says how (RFC 7009): what renews, and the access token too, which not
    /// every server ends with it. Runs on a web worker, and takes two seconds at most.
    ///
    /// # Errors
    /// When the EHR refuses or does not answer; the tokens then end by themselves.
    pub async fn revoke(&self, endpoints: &Endpoints, tokens: &Tokens) -> Result<(), FinishError> {
        let Some(url) = &endpoints.revocation else { return Ok(()) };
        let refresh = async {
            match &tokens.refresh {
                Some(refresh) => self.end(url, &refresh.0, "refresh_token").await,
                None => Ok(()),
            }
        };
        let (refresh, access) = join(refresh, self.end(url, tokens.access.reveal(), "access_token")).await;
        refresh.and(access)
    }

    /// Words to ask for: those of the settings that the EHR understands, and how the app is launched.
    fn scopes(&self, launch: &str, endpoints: &Endpoints) -> String {
        let has_users = endpoints.issuer.is_some() && endpoints.jwks_url.is_some();
        let about_user = |word: &str| ["openid", "fhirUser", "profile"].contains(&word);
        let words = self.ehr.scopes.iter().filter(|word| has_users || !about_user(word));
        let words = words.map(|word| if endpoints.only_v1 { as_v1(word) } else { word.clone() });
        std::iter::once(launch.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// One request to the pinned token endpoint, showing who we are.
    async fn ask(&self, endpoints: &Endpoints, form: &[(&str, &str)]) -> Result<TokenResponse, FinishError> {
        let url = &endpoints.token;
        let proven = self.proof.add(&self.ehr.client_id, url, form)?;
        Ok(token_endpoint::ask(url, &proven.form(), proven.authorization).await?)
    }

    /// Ends one token at the pinned revocation endpoint.
    async fn end(&self, url: &str, token: &str, kind: &str) -> Result<(), FinishError> {
        let proven = self.proof.add(&self.ehr.client_id, url, &[("token", token), ("token_type_hint", kind)])?;
        Ok(token_endpoint::tell(url, &proven.form(), proven.authorization).await?)
    }

    /// The user, where we asked and there is an issuer that can vouch for one.
    async fn user(
        &self,
        attempt: &Attempt,
        said: &TokenResponse,
        access_token: &str,
    ) -> Result<Option<String>, FinishError> {
        let Endpoints { issuer, jwks_url, .. } = &*attempt.endpoints;
        let (Some(id_token), Some(nonce)) = (&said.id_token, &attempt.nonce) else { return Ok(None) };
        let (Some(issuer), Some(jwks_url)) = (issuer, jwks_url) else { return Ok(None) };
        let expected = Expected {
            issuer,
            client_id: &self.ehr.client_id,
            nonce,
            algorithms: &self.algorithms,
            access_token,
            fhir_server: &self.ehr.fhir_server,
        };
        let keys = self.keys.get_or_init(|| Keys::at(&self.ehr.name, jwks_url));
        Ok(id_token::user(id_token, keys, &expected, clock::now()).await?)
    }
}

/// The challenge of a verifier (RFC 7636, section 4.2).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A scope as servers of version 1 know it: to read is `read`, in whichever way.
fn as_v1(scope: &str) -> String {
    let Some((resource, "r" | "s" | "rs")) = scope.rsplit_once('.') else { return scope.to_owned() };
    format!("{resource}.read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let made = secret();
        assert!((43..=128).contains(&made.len()) && made != secret());
    }

    #[test]
    fn scopes_for_reading_are_told_to_old_servers_in_their_words() {
        for (scope, old) in [
            ("patient/*.rs", "patient/*.read"),
            ("patient/Observation.r", "patient/Observation.read"),
            ("user/Practitioner.read", "user/Practitioner.read"),
            ("openid", "openid"),
            ("patient/Task.cruds", "patient/Task.cruds"),
        ] {
            assert_eq!(as_v1(scope), old);
        }
    }
}
