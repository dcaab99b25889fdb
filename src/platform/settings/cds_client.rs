//! `[[cds_client]]`: who is known. Read and checked; verifying their tokens is the business of `trust`.

use super::SettingsError;
use super::layers::{Layers, only_known};
use std::path::PathBuf;
use std::sync::Arc;
use toml::{Table, Value};

/// One known caller.
#[derive(Clone, Debug)]
pub struct CdsClient {
    pub name: String,
    pub issuer: String,
    pub keys: KeySource,
    /// Beside `public_url` + path; they hold for every endpoint.
    pub audiences: Vec<String>,
    pub fhir_servers: Vec<String>,
    pub tenants: Vec<String>,
    pub quirks: Quirks,
    pub allow_jti_reuse: bool,
    pub algorithms: Vec<String>,
    /// Where tokens of our own are had for this client's FHIR servers; `None`: nowhere.
    pub backend: Option<Arc<Backend>>,
}

/// What we are registered as at an EHR's authorization server (SMART App Launch 2.2, "Backend Services").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backend {
    pub token_url: String,
    pub client_id: String,
    /// Scopes to ask for, separated by spaces.
    pub scope: String,
}

/// Where a client's public keys are.
#[derive(Clone, Debug)]
pub enum KeySource {
    File(PathBuf),
    Url(String),
}

/// Which vendor's habits to accept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quirks {
    #[default]
    None,
    Epic,
    Oracle,
}

const KEYS: [&str; 13] = [
    "name",
    "issuer",
    "jwks_file",
    "jwks_url",
    "audiences",
    "fhir_servers",
    "tenants",
    "quirks",
    "allow_jti_reuse",
    "algorithms",
    "backend_token_url",
    "backend_client_id",
    "backend_scope",
];
/// Reading and searching whatever the EHR lets us.
const BACKEND_SCOPE: &str = "system/*.rs";
pub(super) const ALGORITHMS: [&str; 7] = ["RS384", "ES384", "RS256", "ES256", "PS256", "PS384", "EdDSA"];

pub(super) fn read(layers: &Layers) -> Result<Vec<CdsClient>, SettingsError> {
    let mut clients: Vec<CdsClient> = Vec::new();
    for table in layers.tables("cds_client")? {
        let client = Entry { table: &table }.client()?;
        if clients.iter().any(|known| known.issuer == client.issuer) {
            return Err(layers.unusable("cds_client", "two clients share an issuer", "give each issuer one table"));
        }
        clients.push(client);
    }
    Ok(clients)
}

struct Entry<'a> {
    table: &'a Table,
}

impl Entry<'_> {
    fn client(&self) -> Result<CdsClient, SettingsError> {
        only_known(self.table, "cds_client", &KEYS)?;
        let keys = match (self.text("jwks_file")?, self.text("jwks_url")?) {
            (Some(file), None) => KeySource::File(file.into()),
            (None, Some(url)) => KeySource::Url(url),
            _ => return Err(self.wrong("jwks_url", "exactly one of `jwks_file` and `jwks_url` is needed")),
        };
        let algorithms = self.texts("algorithms")?.unwrap_or_else(|| vec!["RS384".into(), "ES384".into()]);
        if algorithms.is_empty() || algorithms.iter().any(|name| !ALGORITHMS.contains(&name.as_str())) {
            return Err(self.wrong("algorithms", &format!("only {} are known", ALGORITHMS.join(", "))));
        }
        Ok(CdsClient {
            name: self.text("name")?.ok_or_else(|| self.wrong("name", "it is missing"))?,
            issuer: self.text("issuer")?.ok_or_else(|| self.wrong("issuer", "it is missing"))?,
            keys,
            audiences: self.texts("audiences")?.unwrap_or_default(),
            fhir_servers: self.texts("fhir_servers")?.unwrap_or_default(),
            tenants: self.texts("tenants")?.unwrap_or_default(),
            quirks: self.quirks()?,
            allow_jti_reuse: match self.table.get("allow_jti_reuse") {
                None => false,
                Some(Value::Boolean(flag)) => *flag,
                Some(_) => return Err(self.wrong("allow_jti_reuse", "it is neither true nor false")),
            },
            algorithms,
            backend: self.backend()?.map(Arc::new),
        })
    }

    fn backend(&self) -> Result<Option<Backend>, SettingsError> {
        match (self.text("backend_token_url")?, self.text("backend_client_id")?, self.text("backend_scope")?) {
            (None, None, None) => Ok(None),
            (Some(token_url), Some(client_id), scope) => {
                Ok(Some(Backend { token_url, client_id, scope: scope.unwrap_or_else(|| BACKEND_SCOPE.into()) }))
            }
            (None, _, _) => Err(self.wrong("backend_token_url", "tokens cannot be asked for without an address")),
            (_, None, _) => Err(self.wrong("backend_client_id", "the EHR knows us by it")),
        }
    }

    fn quirks(&self) -> Result<Quirks, SettingsError> {
        match self.text("quirks")?.as_deref() {
            None | Some("none") => Ok(Quirks::None),
            Some("epic") => Ok(Quirks::Epic),
            Some("oracle") => Ok(Quirks::Oracle),
            Some(_) => Err(self.wrong("quirks", "it is none of \"none\", \"epic\", \"oracle\"")),
        }
    }

    fn text(&self, key: &str) -> Result<Option<String>, SettingsError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "it is not a text")),
        }
    }

    fn texts(&self, key: &str) -> Result<Option<Vec<String>>, SettingsError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let texts = value.as_array().and_then(|items| items.iter().map(|i| i.as_str().map(str::to_string)).collect());
        texts.map(Some).ok_or_else(|| self.wrong(key, "it is not a list of texts"))
    }

    fn wrong(&self, key: &str, reason: &str) -> SettingsError {
        let value = self.table.get(key).map_or_else(|| "(missing)".to_string(), Value::to_string);
        wrong(key, &value, reason, "see the example at the top of config/default.toml")
    }
}

/// The error of a value in a client's table.
pub(super) fn wrong(key: &str, value: &str, reason: &str, remedy: &str) -> SettingsError {
    SettingsError::Unusable {
        key: format!("cds_client.{key}"),
        value: value.into(),
        origin: "[[cds_client]]".into(),
        reason: reason.into(),
        remedy: remedy.into(),
    }
}
