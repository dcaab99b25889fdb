//! `[server]` and `[server.tls]`: where to listen, who may call, how much they may send.

use super::SettingsError;
use super::layers::Layers;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    pub bind: SocketAddr,
    /// The address that clients call, without a final slash.
    pub public_url: Option<String>,
    pub mode: Mode,
    pub allow_plain_http: bool,
    /// Bytes, after decompression.
    pub max_body: usize,
    /// For a request's head, from its first byte to its last.
    pub head_patience: Duration,
    /// For a request's body.
    pub body_patience: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    pub cors_origins: Vec<String>,
    pub discovery: Discovery,
    pub documentation_url: Option<String>,
    pub tls: Option<Tls>,
}

/// Whom the server trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only configured clients.
    Production,
    /// Anonymous calls too, and browsers of every origin.
    Development,
}

/// Who may read `/cds-services`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    Open,
    Signed,
}

/// `[server.tls]`
#[derive(Clone, Debug)]
pub struct Tls {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    pub client_ca_file: Option<PathBuf>,
}

pub(super) fn read(layers: &Layers) -> Result<Server, SettingsError> {
    let modes = [("production", Mode::Production), ("development", Mode::Development)];
    let discoveries = [("open", Discovery::Open), ("signed", Discovery::Signed)];
    Ok(Server {
        bind: bind(layers)?,
        public_url: address(layers, "server.public_url")?.map(|url| url.trim_end_matches('/').to_string()),
        mode: layers.choice("server.mode", &modes)?,
        allow_plain_http: layers.flag("server.allow_plain_http")?,
        max_body: layers.size("server.max_body")?,
        head_patience: layers.duration("server.head_patience")?,
        body_patience: layers.duration("server.body_patience")?,
        keep_alive: layers.duration("server.keep_alive")?,
        cors_origins: origins(layers, "server.cors_origins")?,
        discovery: layers.choice("server.discovery", &discoveries)?,
        documentation_url: address(layers, "server.documentation_url")?,
        tls: tls(layers)?,
    })
}

fn bind(layers: &Layers) -> Result<SocketAddr, SettingsError> {
    let key = "server.bind";
    let remedy = "write an address and a port, such as \"127.0.0.1:8080\"";
    let mut found = layers
        .text(key)?
        .to_socket_addrs()
        .map_err(|error| layers.unusable(key, &format!("it is no address to listen on ({error})"), remedy))?;
    found.next().ok_or_else(|| layers.unusable(key, "it names no address", remedy))
}

/// An absolute http or https address without query or fragment.
fn address(layers: &Layers, key: &str) -> Result<Option<String>, SettingsError> {
    let Some(url) = layers.optional_text(key)? else { return Ok(None) };
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let fits = host.is_some_and(|host| {
        !host.is_empty()
            && !host.starts_with('/')
            && !host.contains(['?', '#', '@', '"', '<', '>', '\\'])
            && !host.contains(char::is_whitespace)
    });
    if fits {
        return Ok(Some(url));
    }
    Err(layers.unusable(key, "it is no http or https address", "write it like \"https://cds.example.org\""))
}

/// A list of origins: scheme, host and port.
pub(super) fn origins(layers: &Layers, key: &str) -> Result<Vec<String>, SettingsError> {
    let origins = layers.texts(key)?;
    let fits = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        host.is_some_and(|host| {
            !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/*?#;,'\"".contains(&byte))
        })
    };
    if origins.iter().all(fits) {
        return Ok(origins);
    }
    let remedy = "write scheme, host and port only, such as [\"https://ehr.example.org\"]";
    Err(layers.unusable(key, "an entry is not an origin", remedy))
}

fn tls(layers: &Layers) -> Result<Option<Tls>, SettingsError> {
    let file = |key: &str| Ok::<_, SettingsError>(layers.optional_text(key)?.map(PathBuf::from));
    let client_ca_file = file("server.tls.client_ca_file")?;
    match (file("server.tls.cert_file")?, file("server.tls.key_file")?) {
        (Some(cert_file), Some(key_file)) => Ok(Some(Tls { cert_file, key_file, client_ca_file })),
        (Some(_), None) => Err(layers.unusable(
            "server.tls.key_file",
            "a certificate without its key cannot be used",
            "name the PEM file of the private key",
        )),
        (None, key) if key.is_some() || client_ca_file.is_some() => Err(layers.unusable(
            "server.tls.cert_file",
            "TLS needs a certificate",
            "name the PEM file of the certificate, or leave all of [server.tls] out",
        )),
        _ => Ok(None),
    }
}
