//! Who is calling: a token that an EHR signed in, a configured client out (CDS Hooks, "Security and Safety").
//!
//! Owns reading and verifying tokens, the keys of clients, the memory of tokens already used, and our own keys, by which
//! we show EHRs who we are; apart from them, the access tokens of our own API ([`AccessTrust`]), which other servers vouch
//! for by keys that no call of an EHR is verified with, and our SMART app's talks with EHRs' authorization servers
//! ([`smart_client`]). Everything in a token is hostile until its signature is verified by a key that the settings lead to;
//! nothing in it chooses where that key comes from. Knows no routes and no statuses, and never logs or stores a token.

mod access;
mod access_token;
mod fetch;
mod key_set;
mod key_source;
mod own_keys;
mod refusal;
mod replay;
mod scopes;
pub mod smart_client;
mod token;
pub mod token_endpoint;

pub use access::{Access, AccessTrust};
pub use access_token::AccessToken;
pub use own_keys::{KeyFolder, KeyKind, KeyName, OwnKey, OwnKeys, OwnKeysError, PassingKeys, Signature};
pub use refusal::{Denied, Refusal};
pub use replay::AdmitError;
pub use scopes::{Interaction, Level, Scopes};

use crate::platform::database::Database;
use crate::platform::settings::{self, CdsClient, Mode, Settings, SettingsError};
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use key_source::Keys;
use std::sync::Arc;
use token::{Claims, Kind};

/// The algorithms of a setting.
fn algorithms(key: &str, names: &[String]) -> Result<Vec<Algorithm>, SettingsError> {
    let known = |name: &String| {
        name.parse().map_err(|_| settings::unusable(key, name, "it is not known", "name algorithms of the example"))
    };
    names.iter().map(known).collect()
}

/// Every configured client with its keys.
pub struct Trust {
    clients: Vec<Client>,
    public_url: Option<String>,
    /// Development: calls that claim no configured issuer are anonymous.
    anonymous: bool,
    replay: replay::Replay,
}

/// One client, ready to verify.
struct Client {
    settings: Arc<CdsClient>,
    algorithms: Vec<Algorithm>,
    keys: Keys,
}

/// A call whose token was verified, but not yet whether it is used for the first time: see [`Trust::admit`].
pub struct Verified {
    pub client: Arc<CdsClient>,
    /// `sub`, as far as the token has one.
    pub subject: Option<String>,
    /// What makes the token the only one of its issuer.
    pub jti: String,
    /// Seconds since 1970.
    pub expires: f64,
}

impl Trust {
    /// Reads key files; key sets by URL are fetched at their first use.
    ///
    /// # Errors
    /// A key file that cannot be read or is no JWK Set.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let anonymous = settings.server.mode == Mode::Development;
        Self::of(&settings.cds_clients, settings.server.public_url.clone(), anonymous)
    }

    /// Only these clients. `anonymous`: calls that claim none of them are let in as nobody's.
    ///
    /// # Errors
    /// A key file that cannot be read or is no JWK Set.
    pub fn of(clients: &[CdsClient], public_url: Option<String>, anonymous: bool) -> Result<Self, SettingsError> {
        let clients: Vec<Client> = clients.iter().map(Client::new).collect::<Result<_, _>>()?;
        for client in clients.iter().filter(|client| public_url.is_none() && client.settings.audiences.is_empty()) {
            let name = &client.settings.name;
            tracing::warn!(name, "no token of this client can be accepted: set `server.public_url` or its `audiences`");
        }
        Ok(Self { clients, public_url, anonymous, replay: replay::Replay::default() })
    }

    /// Verifies the token of a call to `path` (without a final slash); `None`: an anonymous call that development
    /// accepts. Runs on a web worker, because it may fetch keys.
    ///
    /// # Errors
    /// Why the call has to be refused. The caller must not be told.
    pub async fn verify(
        &self,
        authorization: &[&[u8]],
        path: &str,
        now: Timestamp,
    ) -> Result<Option<Verified>, Denied> {
        let known = |header: &&[u8]| token::claimed_issuer(header).is_some_and(|issuer| self.client(&issuer).is_some());
        if self.anonymous && !authorization.iter().any(known) {
            return Ok(None);
        }
        let bearer = token::bearer(authorization)?;
        let issuer = token::issuer(bearer)?;
        let client = self.client(&issuer).ok_or(Refusal::UnknownIssuer)?;
        let verified = client.verify(bearer, self.public_url.as_deref(), path, now).await;
        verified.map(Some).map_err(|refusal| refusal.of(&client.settings.name))
    }

    /// Remembers that the token was used, in the database that all replicas share.
    ///
    /// # Errors
    /// When it was used before, or when the database does not answer.
    pub async fn admit(&self, database: &Database, verified: &Verified, now: Timestamp) -> Result<(), AdmitError> {
        // What the client was allowed ends with the token, not with the tolerance for clocks behind it.
        if verified.client.allow_jti_reuse && token::seconds(now) < verified.expires {
            return Ok(());
        }
        self.replay.admit(database, verified, now).await
    }

    fn client(&self, issuer: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.settings.issuer == issuer)
    }
}

impl Client {
    fn new(client: &CdsClient) -> Result<Self, SettingsError> {
        let algorithms = algorithms("cds_client.algorithms", &client.algorithms)?;
        let keys = Keys::new("cds_client", &client.name, &client.keys)?;
        Ok(Self { settings: Arc::new(client.clone()), algorithms, keys })
    }

    async fn verify(
        &self,
        bearer: &str,
        public_url: Option<&str>,
        path: &str,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let header = token::header(bearer, Kind::Call, &self.algorithms)?;
        if let Some(jku) = &header.jku
            && self.keys.url() != Some(jku)
        {
            return Err(Refusal::ForeignKeyUrl);
        }
        let key = self.keys.find(header.kid.as_deref()).await?;
        if !key.verifies(header.algorithm) {
            return Err(Refusal::KeyNotForAlgorithm);
        }
        let claims: Claims = token::claims(bearer, &key.key, header.algorithm)?;
        let expires = claims.expiry(now)?;
        let addressed_here = |audience: &str| {
            let here = public_url.and_then(|url| audience.strip_prefix(url)) == Some(path);
            here || self.settings.audiences.iter().any(|known| known == audience)
        };
        if !claims.audience()?.any(addressed_here) {
            return Err(Refusal::Audience);
        }
        let tenants = &self.settings.tenants;
        if !tenants.is_empty() && !claims.tenant.as_ref().is_some_and(|tenant| tenants.contains(tenant)) {
            return Err(Refusal::Tenant);
        }
        let subject = claims.sub.clone();
        Ok(Verified { client: self.settings.clone(), subject, jti: claims.jti()?, expires })
    }
}
