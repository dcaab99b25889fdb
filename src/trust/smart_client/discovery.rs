//! Where an EHR's authorization server is (SMART App Launch 2.2, "Conformance"), fetched below the registered FHIR base and
//! nowhere else.
//!
//! The first answer pins the addresses, unless the settings did: codes and secrets go where an administrator saw fit, and an
//! EHR that suddenly names another place is not followed there before the next start.

use crate::platform::settings::{self, Ehr};
use crate::trust::fetch::{Document, FetchError, document};
use serde::Deserialize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use url::Url;

/// How long an answer is kept that says nothing of it.
const KEPT: Duration = Duration::from_secs(600);
/// How long it is kept at most, whatever it says.
const LONGEST_KEPT: Duration = Duration::from_secs(3600);
/// After a failure nothing is asked for so long.
const PAUSE: Duration = Duration::from_secs(5);

/// Why a launch cannot go on with this EHR.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DiscoveryError {
    #[error("the EHR's SMART configuration cannot be had: {0}")]
    Away(#[from] FetchError),
    #[error("the EHR's SMART configuration is misshapen, lacks an endpoint, or names one that must not be called")]
    Misshapen,
    #[error(
        "the EHR's SMART configuration names another {0} than the one pinned; if that is right, change the settings or \
         start the server again"
    )]
    Changed(&'static str),
}

/// What an EHR says of itself, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Of `id_token`s; `None`: there are none.
    pub issuer: Option<String>,
    /// Where the issuer's keys are.
    pub jwks_url: Option<String>,
    pub authorization: String,
    pub token: String,
    /// Where tokens are ended before their time; `None`: they end by themselves.
    pub revocation: Option<String>,
    /// It understands only scopes of version 1.
    pub only_v1: bool,
    /// Its answers to the browser name the issuer (RFC 9207).
    pub names_issuer: bool,
}

#[derive(Deserialize)]
struct Said {
    issuer: Option<String>,
    jwks_uri: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    capabilities: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

/// The answer in force, or what went wrong lately, and until when that holds.
type Held = Option<(Result<Arc<Endpoints>, DiscoveryError>, Instant)>;

/// Discovery at one EHR.
pub struct Discovery {
    base: String,
    /// Addresses without TLS, and on this machine, may be called.
    plain: bool,
    pins: Pins,
    /// What the first answer said.
    first: OnceLock<Arc<Endpoints>>,
    /// Locked while it is fetched, so that launches at once fetch once.
    held: Mutex<Held>,
}

/// What the settings pin.
struct Pins {
    issuer: Option<String>,
    authorization: Option<String>,
    token: Option<String>,
}

impl Discovery {
    pub fn new(ehr: &Ehr, plain: bool) -> Self {
        let pins = Pins {
            issuer: ehr.issuer.clone(),
            authorization: ehr.authorization_endpoint.clone(),
            token: ehr.token_endpoint.clone(),
        };
        Self { base: ehr.fhir_server.clone(), plain, pins, first: OnceLock::new(), held: Mutex::default() }
    }

    /// What holds now, fetched where nothing does.
    ///
    /// # Errors
    /// When it cannot be had, or is not what was pinned.
    pub async fn endpoints(&self) -> Result<Arc<Endpoints>, DiscoveryError> {
        let mut held = self.held.lock().await;
        if let Some((known, until)) = &*held
            && Instant::now() < *until
        {
            return known.clone();
        }
        let fetched = document(&format!("{}/.well-known/smart-configuration", self.base), "application/json").await;
        let (found, kept) = match fetched {
            Ok(document) => (self.pinned(&document), kept(document.cache_control.as_deref())),
            Err(error) => (Err(error.into()), PAUSE),
        };
        let kept = if found.is_ok() { kept } else { PAUSE };
        *held = Some((found.clone(), Instant::now() + kept));
        found
    }

    /// What a document says, where it agrees with what is pinned; else nothing of it is used.
    fn pinned(&self, document: &Document) -> Result<Arc<Endpoints>, DiscoveryError> {
        let mut found = self.read(&document.body)?;
        let first = self.first.get();
        let expected = |first: Option<&String>, pin: &Option<String>| pin.clone().or_else(|| first.cloned());
        let issuer = expected(first.and_then(|first| first.issuer.as_ref()), &self.pins.issuer);
        let authorization = expected(first.map(|first| &first.authorization), &self.pins.authorization);
        let token = expected(first.map(|first| &first.token), &self.pins.token);
        let differs = |expected: &Option<String>, said: &str| expected.as_deref().is_some_and(|known| known != said);
        if issuer.is_some() && issuer != found.issuer || first.is_some_and(|first| first.issuer != found.issuer) {
            return Err(DiscoveryError::Changed("`issuer`"));
        }
        if differs(&authorization, &found.authorization) {
            return Err(DiscoveryError::Changed("`authorization_endpoint`"));
        }
        if differs(&token, &found.token) {
            return Err(DiscoveryError::Changed("`token_endpoint`"));
        }
        if first.is_some_and(|first| first.jwks_url != found.jwks_url) {
            return Err(DiscoveryError::Changed("`jwks_uri`"));
        }
        match first.map(|first| &first.revocation) {
            // One that appears later was seen by nobody: it is used from the next start on.
            Some(None) => found.revocation = None,
            Some(known) if found.revocation.is_some() && *known != found.revocation => {
                return Err(DiscoveryError::Changed("`revocation_endpoint`"));
            }
            _ => {}
        }
        let found = Arc::new(found);
        self.first.get_or_init(|| found.clone());
        Ok(found)
    }

    fn read(&self, body: &[u8]) -> Result<Endpoints, DiscoveryError> {
        let said: Said = serde_json::from_slice(body).map_err(|_| DiscoveryError::Misshapen)?;
        let address = |said: Option<String>| match said {
            None => Ok(None),
            Some(text) => self.address(text).map(Some),
        };
        let needed = |said: Option<String>| address(said)?.ok_or(DiscoveryError::Misshapen);
        let capabilities = said.capabilities.unwrap_or_default();
        let can = |name: &str| capabilities.iter().any(|known| known == name);
        Ok(Endpoints {
            issuer: said.issuer,
            jwks_url: address(said.jwks_uri)?,
            authorization: needed(said.authorization_endpoint)?,
            token: needed(said.token_endpoint)?,
            // Nothing depends on it: one that must not be called is as good as none.
            revocation: address(said.revocation_endpoint).ok().flatten(),
            only_v1: !capabilities.is_empty() && !can("permission-v2"),
            names_issuer: said.authorization_response_iss_parameter_supported.unwrap_or(false),
        })
    }

    /// An address that may be called; old servers write some relative to the FHIR base.
    fn address(&self, said: String) -> Result<String, DiscoveryError> {
        let absolute = match Url::parse(&said) {
            Ok(_) => said,
            Err(_) => {
                let base = Url::parse(&format!("{}/", self.base)).map_err(|_| DiscoveryError::Misshapen)?;
                base.join(&said).map_err(|_| DiscoveryError::Misshapen)?.into()
            }
        };
        let callable = settings::is_callable(&absolute, self.plain);
        callable.then_some(absolute).ok_or(DiscoveryError::Misshapen)
    }
}

/// How long an answer with this `Cache-Control` is kept.
fn kept(cache_control: Option<&str>) -> Duration {
    let Some(said) = cache_control else { return KEPT };
    let mut words = said.split(',').map(|word| word.trim().to_ascii_lowercase());
    if words.clone().any(|word| word == "no-store" || word == "no-cache") {
        return Duration::ZERO;
    }
    let seconds = words.find_map(|word| word.strip_prefix("max-age=")?.parse().ok());
    seconds.map_or(KEPT, Duration::from_secs).min(LONGEST_KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::settings::AppAuthentication;
    use serde_json::{Value, json};

    fn discovery(issuer: Option<&str>, token: Option<&str>) -> Discovery {
        let ehr = Ehr {
            name: "ehr".into(),
            fhir_server: "https://ehr.example.org/r4".into(),
            client_id: "us".into(),
            authentication: AppAuthentication::Public,
            scopes: vec![],
            issuer: issuer.map(str::to_owned),
            authorization_endpoint: None,
            token_endpoint: token.map(str::to_owned),
            id_token_algorithms: vec![],
        };
        Discovery::new(&ehr, false)
    }

    fn said() -> Value {
        json!({"issuer": "https://ehr.example.org", "jwks_uri": "https://ehr.example.org/jwks",
               "authorization_endpoint": "https://ehr.example.org/authorize",
               "token_endpoint": "https://ehr.example.org/token",
               "revocation_endpoint": "https://ehr.example.org/revoke", "capabilities": ["permission-v1", "permission-v2"]})
    }

    fn told(discovery: &Discovery, said: &Value) -> Result<Arc<Endpoints>, DiscoveryError> {
        discovery.pinned(&Document { body: said.to_string().into_bytes(), cache_control: None })
    }

    #[test]
    fn the_first_answer_pins_every_address_and_another_one_is_not_followed() {
        for name in ["issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "revocation_endpoint"] {
            let discovery = discovery(None, None);
            let first = told(&discovery, &said()).expect("endpoints");
            let mut other = said();
            other[name] = "https://evil.example/x".into();
            let refused = told(&discovery, &other).expect_err("changed").to_string();
            assert!(refused.contains(name), "{refused}");
            assert_eq!(told(&discovery, &said()).expect("as before"), first);
        }
    }

    #[test]
    fn what_the_settings_pin_holds_from_the_first_answer_on() {
        let pinned = discovery(Some("https://ehr.example.org"), Some("https://ehr.example.org/token"));
        assert!(told(&pinned, &said()).is_ok());
        assert!(matches!(
            told(&discovery(None, Some("https://ehr.example.org/other")), &said()),
            Err(DiscoveryError::Changed("`token_endpoint`"))
        ));
        let mut silent = said();
        silent.as_object_mut().expect("an object").remove("issuer");
        let pinned = discovery(Some("https://ehr.example.org"), None);
        assert!(matches!(told(&pinned, &silent), Err(DiscoveryError::Changed("`issuer`"))));
    }

    #[test]
    fn relative_addresses_are_those_of_the_base_and_dangerous_ones_are_refused() {
        let mut relative = said();
        relative["token_endpoint"] = "oauth/token".into();
        let found = told(&discovery(None, None), &relative).expect("endpoints");
        assert_eq!(found.token, "https://ehr.example.org/r4/oauth/token");
        for bad in ["http://ehr.example.org/token", "https://127.0.0.1/token", "https://localhost/t", "file:///etc/x"] {
            let mut dangerous = said();
            dangerous["token_endpoint"] = bad.into();
            assert!(matches!(told(&discovery(None, None), &dangerous), Err(DiscoveryError::Misshapen)), "{bad}");
        }
    }

    #[test]
    fn where_tokens_are_ended_is_not_needed_and_not_learnt_later() {
        let with = |revocation: Value| {
            let mut with = said();
            with["revocation_endpoint"] = revocation;
            with
        };
        for unusable in [Value::Null, "http://ehr.example.org/revoke".into(), "https://127.0.0.1/revoke".into()] {
            let discovery = discovery(None, None);
            assert_eq!(told(&discovery, &with(unusable)).expect("endpoints").revocation, None);
            assert_eq!(told(&discovery, &said()).expect("endpoints").revocation, None, "it was not there at first");
        }
        let discovery = discovery(None, None);
        let first = told(&discovery, &said()).expect("endpoints");
        assert_eq!(first.revocation.as_deref(), Some("https://ehr.example.org/revoke"));
        assert_eq!(told(&discovery, &with(Value::Null)).expect("endpoints").revocation, None);
        assert_eq!(told(&discovery, &said()).expect("endpoints"), first);
    }

    #[test]
    fn an_answer_is_kept_as_long_as_it_says_and_an_hour_at_most() {
        assert_eq!(kept(None), KEPT);
        assert_eq!(kept(Some("public, max-age=60")), Duration::from_secs(60));
        assert_eq!(kept(Some("max-age=86400")), LONGEST_KEPT);
        assert_eq!(kept(Some("No-Store")), Duration::ZERO);
    }
}
