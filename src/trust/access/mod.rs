//! Access tokens of our own API (SMART App Launch 2.2; RFC 9068, RFC 7662): a bearer token in, what it allows out.
//!
//! Each configured authorization server vouches for its tokens by keys ([`jwt`]) or by being asked ([`introspection`]).
//! Which of them: the unverified issuer chooses among the configured ones and nothing else; a token that names none goes to
//! the only one that can be asked. A token is never sent to a server that may not have given it, never logged, never kept
//! (the memory of answers holds hashes). Shares no keys with the tokens of CDS Hooks calls.

mod introspection;
mod jwt;

use super::refusal::{Denied, Refusal};
use super::scopes::Scopes;
use super::{OwnKeys, algorithms, token};
use crate::platform::settings::{AuthorizationServer, SettingsError, Vouching};
use introspection::Introspection;
use jiff::Timestamp;
use jwt::Jwt;
use std::sync::Arc;

/// What a verified access token allows.
#[derive(Clone)]
pub struct Access {
    /// Who vouches for it.
    pub server: Arc<AuthorizationServer>,
    pub client_id: String,
    pub scopes: Scopes,
    /// The patient in context, a bare id.
    pub patient: Option<String>,
    /// Seconds since 1970.
    pub expires: f64,
    /// The secret itself: for the server's own FHIR server and nothing else.
    pub token: String,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Access {{ server: {:?}, .. }}", self.server.name)
    }
}

/// What a token says, however it was found out.
#[derive(Clone, Debug)]
struct Said {
    client_id: String,
    scopes: Scopes,
    patient: Option<String>,
    expires: f64,
}

/// Every authorization server of the settings, ready to verify.
pub struct AccessTrust {
    servers: Vec<Server>,
}

struct Server {
    settings: Arc<AuthorizationServer>,
    vouching: Verifier,
}

enum Verifier {
    Keys(Jwt),
    Asking(Introspection),
}

impl AccessTrust {
    /// Reads key files and secrets; addresses are called at their first use.
    ///
    /// # Errors
    /// A file that cannot be read or holds no keys.
    pub fn new(servers: &[AuthorizationServer], own_keys: Option<&Arc<OwnKeys>>) -> Result<Self, SettingsError> {
        let server = |settings: &AuthorizationServer| {
            let vouching = match &settings.vouching {
                Vouching::Keys { source, algorithms: names } => {
                    let algorithms = algorithms("authorization_server.algorithms", names)?;
                    Verifier::Keys(Jwt::new(&settings.name, source, algorithms)?)
                }
                Vouching::Introspection(asked) => Verifier::Asking(Introspection::new(asked, own_keys.cloned())?),
            };
            Ok(Server { settings: Arc::new(settings.clone()), vouching })
        };
        Ok(Self { servers: servers.iter().map(server).collect::<Result<_, SettingsError>>()? })
    }

    /// Those whose tokens are taken.
    pub fn servers(&self) -> impl Iterator<Item = &AuthorizationServer> {
        self.servers.iter().map(|server| &*server.settings)
    }

    /// Verifies the token of a request. Runs on a web worker, because it may call out.
    ///
    /// # Errors
    /// Why the token is not taken. The caller must not be told.
    pub async fn verify(&self, authorization: &[&[u8]], now: Timestamp) -> Result<Access, Denied> {
        let bearer = token::bearer(authorization)?;
        if !is_token68(bearer) {
            return Err(Refusal::Characters.into());
        }
        let server = self.server_of(bearer)?;
        let settings = &server.settings;
        let said = match &server.vouching {
            Verifier::Keys(keys) => keys.verify(bearer, &settings.audience, now).await,
            Verifier::Asking(asking) => asking.verify(bearer, settings, now).await,
        };
        let said = said.map_err(|refusal| refusal.of(&settings.name))?;
        Ok(Access {
            server: settings.clone(),
            client_id: said.client_id,
            scopes: said.scopes,
            patient: said.patient,
            expires: said.expires,
            token: bearer.to_owned(),
        })
    }

    fn server_of(&self, bearer: &str) -> Result<&Server, Refusal> {
        if let Ok(issuer) = token::issuer(bearer) {
            return self.servers.iter().find(|one| one.settings.issuer == issuer).ok_or(Refusal::UnknownIssuer);
        }
        let mut asking = self.servers.iter().filter(|one| matches!(one.vouching, Verifier::Asking(_)));
        match (asking.next(), asking.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Refusal::NobodyToAsk),
        }
    }
}

/// The letters of RFC 6750, section 2.1.
fn is_token68(token: &str) -> bool {
    let bare = token.trim_end_matches('=');
    !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_letters_of_bearer_tokens_are_taken() {
        for good in ["a", "a.b-c_d~e+f/g==", "eyJ.eyJ.x"] {
            assert!(is_token68(good), "{good}");
        }
        for bad in ["", "=", "a=b", "a b", "a\"", "a%20", "ä", "a&b"] {
            assert!(!is_token68(bad), "{bad}");
        }
    }
}
