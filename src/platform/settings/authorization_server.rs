//! `[[authorization_server]]`: whose access tokens our own API takes. Read and checked; verifying tokens is the business
//! of `trust`.

use super::SettingsError;
use super::cds_client::{ALGORITHMS, KeySource};
use super::layers::{Layers, only_known};
use std::path::PathBuf;
use toml::{Table, Value};

/// One server that gives access tokens.
#[derive(Clone, Debug)]
pub struct AuthorizationServer {
    pub name: String,
    pub issuer: String,
    /// What its tokens for us name as `aud`.
    pub audience: String,
    /// The FHIR server that its tokens are good for.
    pub fhir_server: Option<String>,
    /// For clients that ask where tokens are had.
    pub token_url: Option<String>,
    pub authorize_url: Option<String>,
    pub vouching: Vouching,
}

/// How it vouches for a token.
#[derive(Clone, Debug)]
pub enum Vouching {
    /// Tokens are JWTs that these keys sign.
    Keys { source: KeySource, algorithms: Vec<String> },
    /// It is asked about each token.
    Introspection(IntrospectionEndpoint),
}

/// Where it is asked, and as whom.
#[derive(Clone, Debug)]
pub struct IntrospectionEndpoint {
    pub url: String,
    pub client: IntrospectionClient,
}

/// How we show who asks.
#[derive(Clone, Debug)]
pub enum IntrospectionClient {
    /// HTTP Basic.
    Secret { id: String, file: PathBuf },
    /// `private_key_jwt`, by our own keys.
    Keys { id: String },
}

const KEYS: [&str; 12] = [
    "name",
    "issuer",
    "audience",
    "fhir_server",
    "jwks_file",
    "jwks_url",
    "algorithms",
    "introspection_url",
    "client_id",
    "client_secret_file",
    "token_url",
    "authorize_url",
];
/// RFC 9068 asks for RS256, SMART for the longer ones.
const DEFAULT_ALGORITHMS: [&str; 4] = ["RS256", "RS384", "ES256", "ES384"];

impl AuthorizationServer {
    pub(super) fn wants_our_keys(&self) -> bool {
        matches!(
            &self.vouching,
            Vouching::Introspection(IntrospectionEndpoint { client: IntrospectionClient::Keys { .. }, .. })
        )
    }
}

pub(super) fn read(layers: &Layers, public_url: Option<&str>) -> Result<Vec<AuthorizationServer>, SettingsError> {
    let mut servers: Vec<AuthorizationServer> = Vec::new();
    for table in layers.tables("authorization_server")? {
        let server = Entry { table: &table }.server(public_url)?;
        if servers.iter().any(|known| known.issuer == server.issuer) {
            let reason = "two authorization servers share an issuer";
            return Err(layers.unusable("authorization_server", reason, "give each issuer one table"));
        }
        servers.push(server);
    }
    Ok(servers)
}

struct Entry<'a> {
    table: &'a Table,
}

impl Entry<'_> {
    fn server(&self, public_url: Option<&str>) -> Result<AuthorizationServer, SettingsError> {
        only_known(self.table, "authorization_server", &KEYS)?;
        let ours = public_url.map(|url| format!("{url}/fhir"));
        let audience = self.text("audience")?.or(ours);
        Ok(AuthorizationServer {
            name: self.needed("name")?,
            issuer: self.needed("issuer")?,
            audience: audience
                .ok_or_else(|| self.wrong("audience", "there is no `server.public_url` to take it from"))?,
            fhir_server: self.text("fhir_server")?,
            token_url: self.text("token_url")?,
            authorize_url: self.text("authorize_url")?,
            vouching: self.vouching()?,
        })
    }

    fn vouching(&self) -> Result<Vouching, SettingsError> {
        let source = match (self.text("jwks_file")?, self.text("jwks_url")?, self.text("introspection_url")?) {
            (Some(file), None, None) => KeySource::File(file.into()),
            (None, Some(url), None) => KeySource::Url(url),
            (None, None, Some(url)) => return self.introspection(url),
            _ => {
                let reason = "exactly one of `jwks_file`, `jwks_url` and `introspection_url` is needed";
                return Err(self.wrong("jwks_url", reason));
            }
        };
        let algorithms = match self.table.get("algorithms") {
            None => DEFAULT_ALGORITHMS.map(str::to_owned).to_vec(),
            // What is no text is no name either.
            Some(Value::Array(names)) => {
                names.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect()
            }
            Some(_) => Vec::new(),
        };
        if algorithms.is_empty() || algorithms.iter().any(|name| !ALGORITHMS.contains(&name.as_str())) {
            return Err(self.wrong("algorithms", &format!("only {} are known", ALGORITHMS.join(", "))));
        }
        Ok(Vouching::Keys { source, algorithms })
    }

    fn introspection(&self, url: String) -> Result<Vouching, SettingsError> {
        let id = self.needed("client_id")?;
        let client = match self.text("client_secret_file")? {
            Some(file) => IntrospectionClient::Secret { id, file: file.into() },
            None => IntrospectionClient::Keys { id },
        };
        Ok(Vouching::Introspection(IntrospectionEndpoint { url, client }))
    }

    fn needed(&self, key: &str) -> Result<String, SettingsError> {
        self.text(key)?.ok_or_else(|| self.wrong(key, "it is missing"))
    }

    fn text(&self, key: &str) -> Result<Option<String>, SettingsError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok((!text.is_empty()).then(|| text.clone())),
            Some(_) => Err(self.wrong(key, "it is not a text")),
        }
    }

    fn wrong(&self, key: &str, reason: &str) -> SettingsError {
        let value = self.table.get(key).map_or_else(|| "(missing)".to_string(), Value::to_string);
        wrong(key, &value, reason, "see the example at the top of config/default.toml")
    }
}

/// The error of a value in a server's table.
pub(super) fn wrong(key: &str, value: &str, reason: &str, remedy: &str) -> SettingsError {
    SettingsError::Unusable {
        key: format!("authorization_server.{key}"),
        value: value.into(),
        origin: "[[authorization_server]]".into(),
        reason: reason.into(),
        remedy: remedy.into(),
    }
}
