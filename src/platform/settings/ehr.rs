//! `[[ehr]]` and `[smart]`: the EHRs at which our SMART app is registered. Read and checked; talking to them is the
//! business of `trust`.

use super::SettingsError;
use super::addresses::Address;
use super::layers::{Layers, only_known};
use super::server::{Mode, Server};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What our app is registered as at one EHR (SMART App Launch 2.2, "Register App with EHR").
#[derive(Clone, Debug)]
pub struct Ehr {
    /// Part of the redirect address, which is this EHR's alone.
    pub name: String,
    /// The FHIR base address, without a final slash: the only `iss` of this EHR.
    pub fhir_server: String,
    pub client_id: String,
    pub authentication: AppAuthentication,
    /// Words of leave to ask for, without those of launching.
    pub scopes: Vec<String>,
    /// What is pinned beforehand; the rest is pinned by the first discovery.
    pub issuer: Option<String>,
    pub authorization_endpoint: Option<String>,
    pub token_endpoint: Option<String>,
    /// What may sign an `id_token`.
    pub id_token_algorithms: Vec<String>,
}

/// How our app shows the EHR who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppAuthentication {
    /// By a signature of our own keys.
    PrivateKeyJwt,
    /// By the secret in this file.
    ClientSecretBasic(PathBuf),
    /// Not at all.
    Public,
}

/// `[smart]`
#[derive(Clone, Debug, Default)]
pub struct Smart {
    /// Origins of EHRs that may show our pages in a frame.
    pub frame_ancestors: Vec<String>,
}

const KEYS: [&str; 10] = [
    "name",
    "fhir_server",
    "client_id",
    "authentication",
    "client_secret_file",
    "scopes",
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "id_token_algorithms",
];
/// Who the user is, and reading the one patient.
const SCOPES: &str = "openid fhirUser patient/*.rs";
const ALGORITHMS: [&str; 4] = ["RS256", "RS384", "ES256", "ES384"];
const LONGEST_NAME: usize = 64;

pub(super) fn smart(layers: &Layers) -> Result<Smart, SettingsError> {
    Ok(Smart { frame_ancestors: super::server::origins(layers, "smart.frame_ancestors")? })
}

/// Reads every table, and checks what they need of other settings.
pub(super) fn read(layers: &Layers, server: &Server, keys: Option<&Path>) -> Result<Vec<Ehr>, SettingsError> {
    let mut ehrs: Vec<Ehr> = Vec::new();
    for table in layers.tables("ehr")? {
        let entry = Entry { table: &table, plain: server.mode == Mode::Development || server.allow_plain_http };
        let ehr = entry.ehr()?;
        if ehrs.iter().any(|known| known.name == ehr.name || known.fhir_server == ehr.fhir_server) {
            return Err(entry.wrong("name", "another table has this `name` or `fhir_server`"));
        }
        ehrs.push(ehr);
    }
    if ehrs.is_empty() {
        return Ok(ehrs);
    }
    let https = server.public_url.as_ref().map(|url| url.starts_with("https://"));
    match https {
        None => Err(layers.unusable(
            "server.public_url",
            "[[ehr]] needs it: EHRs send browsers to an address below it",
            "write the address that browsers call, such as \"https://cds.example.org\"",
        )),
        Some(false) if server.mode == Mode::Production => Err(layers.unusable(
            "server.public_url",
            "codes of [[ehr]] would travel, and cookies be kept, without TLS",
            "write an https address, or set `server.mode = \"development\"`",
        )),
        Some(_) if keys.is_none() && ehrs.iter().any(|ehr| ehr.authentication == AppAuthentication::PrivateKeyJwt) => {
            let remedy = "make keys with `prodrome keys new --folder keys` and name their folder";
            Err(layers.unusable("keys.folder", "an [[ehr]] with `private_key_jwt` needs our own keys", remedy))
        }
        Some(_) => Ok(ehrs),
    }
}

struct Entry<'a> {
    table: &'a Table,
    /// Addresses without TLS, and on this machine, are permitted.
    plain: bool,
}

impl Entry<'_> {
    fn ehr(&self) -> Result<Ehr, SettingsError> {
        only_known(self.table, "ehr", &KEYS)?;
        let missing = |key: &'static str| move || self.wrong(key, "it is missing");
        let fhir_server = self.address("fhir_server")?.ok_or_else(missing("fhir_server"))?;
        Ok(Ehr {
            name: self.name()?,
            fhir_server: fhir_server.strip_suffix('/').unwrap_or(&fhir_server).to_owned(),
            client_id: self.text("client_id")?.ok_or_else(missing("client_id"))?,
            authentication: self.authentication()?,
            scopes: self.scopes()?,
            issuer: self.address("issuer")?,
            authorization_endpoint: self.address("authorization_endpoint")?,
            token_endpoint: self.address("token_endpoint")?,
            id_token_algorithms: self.algorithms()?,
        })
    }

    fn name(&self) -> Result<String, SettingsError> {
        let name = self.text("name")?.ok_or_else(|| self.wrong("name", "it is missing"))?;
        let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if letters && name.len() <= LONGEST_NAME {
            return Ok(name);
        }
        Err(self.wrong("name", "it is part of an address: only a to z, 0 to 9 and `-`, at most 64"))
    }

    fn authentication(&self) -> Result<AppAuthentication, SettingsError> {
        match (self.text("authentication")?.as_deref(), self.text("client_secret_file")?) {
            (None | Some("client_secret_basic"), Some(file)) => Ok(AppAuthentication::ClientSecretBasic(file.into())),
            (Some("client_secret_basic"), None) => Err(self.wrong("client_secret_file", "the secret is missing")),
            (_, Some(_)) => Err(self.wrong("client_secret_file", "a secret is for `client_secret_basic` alone")),
            (None | Some("private_key_jwt"), None) => Ok(AppAuthentication::PrivateKeyJwt),
            (Some("public"), None) => Ok(AppAuthentication::Public),
            (Some(_), None) => {
                Err(self
                    .wrong("authentication", "it is none of \"private_key_jwt\", \"client_secret_basic\", \"public\""))
            }
        }
    }

    /// How an app is launched decides about `launch` and its kind, so that they are not asked for here.
    fn scopes(&self) -> Result<Vec<String>, SettingsError> {
        let text = self.text("scopes")?.unwrap_or_else(|| SCOPES.into());
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if words.iter().any(|word| word == "launch" || word.starts_with("launch/")) {
            return Err(self.wrong("scopes", "words of launching are added as each launch needs them"));
        }
        if words.iter().any(|word| word.contains(['"', '\\']) || !word.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(self.wrong("scopes", "a scope has only visible ASCII letters, no quotation mark, no backslash"));
        }
        Ok(words)
    }

    fn algorithms(&self) -> Result<Vec<String>, SettingsError> {
        let Some(value) = self.table.get("id_token_algorithms") else { return Ok(vec!["RS256".into()]) };
        let texts = value.as_array().and_then(|items| items.iter().map(|i| i.as_str().map(str::to_string)).collect());
        let names: Vec<String> = texts.unwrap_or_default();
        if names.is_empty() || names.iter().any(|name| !ALGORITHMS.contains(&name.as_str())) {
            return Err(self.wrong("id_token_algorithms", &format!("only {} are known", ALGORITHMS.join(", "))));
        }
        Ok(names)
    }

    /// An address as written.
    fn address(&self, key: &str) -> Result<Option<String>, SettingsError> {
        let Some(url) = self.text(key)? else { return Ok(None) };
        let address = Address::read(&url).filter(|_| !url.contains('?'));
        let address = address.ok_or_else(|| self.wrong(key, "it is no http or https address without a query"))?;
        if !self.plain {
            address.check_for_production().map_err(|reason| self.wrong(key, reason))?;
        }
        Ok(Some(url))
    }

    fn text(&self, key: &str) -> Result<Option<String>, SettingsError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "it is not a text")),
        }
    }

    fn wrong(&self, key: &str, reason: &str) -> SettingsError {
        SettingsError::Unusable {
            key: format!("ehr.{key}"),
            value: self.table.get(key).map_or_else(|| "(missing)".to_string(), Value::to_string),
            origin: "[[ehr]]".into(),
            reason: reason.into(),
            remedy: "see the example in config/default.toml".into(),
        }
    }
}
