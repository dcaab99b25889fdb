//! How our app shows an EHR's authorization server who it is (SMART App Launch 2.2, "Client authentication"): by a
//! signature of our own keys, by a secret, or, where it can keep none, by its name alone. Cannot be printed.

use crate::platform::clock;
use crate::platform::settings::{self, AppAuthentication, Ehr, SettingsError};
use crate::trust::own_keys::{OwnKeys, OwnKeysError};
use crate::trust::token_endpoint::ASSERTION_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::sync::Arc;
use url::form_urlencoded;

/// The one way that is registered.
pub enum Proof {
    Keys(Arc<OwnKeys>),
    /// A whole Authorization header.
    Secret(String),
    Nothing,
}

/// A form that shows who sends it, and the header that goes with it.
pub struct Proven<'a> {
    form: Vec<(&'a str, String)>,
    pub authorization: Option<&'a str>,
}

impl Proof {
    /// As the settings say.
    ///
    /// # Errors
    /// A secret that cannot be read, keys that are missing.
    pub fn of(ehr: &Ehr, own_keys: Option<&Arc<OwnKeys>>) -> Result<Self, SettingsError> {
        Ok(match (&ehr.authentication, own_keys) {
            (AppAuthentication::PrivateKeyJwt, Some(keys)) => Self::Keys(keys.clone()),
            (AppAuthentication::PrivateKeyJwt, None) => {
                let remedy = "make keys with `prodrome keys new --folder keys` and name their folder";
                return Err(settings::unusable("keys.folder", "", "our own keys are needed", remedy));
            }
            (AppAuthentication::ClientSecretBasic(file), _) => Self::Secret(basic(&ehr.client_id, &secret_of(file)?)),
            (AppAuthentication::Public, _) => Self::Nothing,
        })
    }

    /// A form for this address. What is signed is good there alone, and once.
    ///
    /// # Errors
    /// When no key signs.
    pub fn add<'a>(&'a self, client_id: &str, url: &str, form: &[(&'a str, &str)]) -> Result<Proven<'a>, OwnKeysError> {
        let mut form: Vec<_> = form.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut authorization = None;
        match self {
            Self::Keys(keys) => {
                let assertion = keys.assertion(client_id, url, clock::now())?;
                form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
                form.push(("client_assertion", assertion));
            }
            Self::Secret(header) => authorization = Some(header.as_str()),
            Self::Nothing => form.push(("client_id", client_id.to_owned())),
        }
        Ok(Proven { form, authorization })
    }
}

impl Proven<'_> {
    pub fn form(&self) -> Vec<(&str, &str)> {
        self.form.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// A Basic header (RFC 6749, section 2.3.1): both parts encoded as a form has them.
fn basic(client_id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret))))
}

fn secret_of(file: &Path) -> Result<String, SettingsError> {
    let unusable = |reason: &str| {
        let remedy = "write the secret that the EHR gave for the app into a file, and nothing else";
        settings::unusable("ehr.client_secret_file", file.display().to_string(), reason, remedy)
    };
    let text = std::fs::read_to_string(file).map_err(|error| unusable(&error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("it is empty")),
        secret => Ok(secret.to_owned()),
    }
}
