//! What production asks of addresses: TLS on the way in, and TLS and no loopback on the way to clients.

use super::SettingsError;
use super::authorization_server;
use super::cds_client::{KeySource, wrong};
use super::layers::Layers;
use super::server::{Mode, Server};
use super::{Settings, Vouching};
use std::net::IpAddr;

/// Its private key is public, so that anyone can sign as this issuer.
const PUBLIC_SANDBOX: &str = "https://sandbox.cds-hooks.org";
/// What lifts the demands on addresses.
const REMEDY: &str =
    "write an https address of another machine, or set `server.allow_plain_http = true` in a closed network";

/// Checks what only all settings together show.
pub(super) fn check(layers: &Layers, settings: &Settings) -> Result<(), SettingsError> {
    let server = &settings.server;
    for client in &settings.cds_clients {
        let keys = match &client.keys {
            KeySource::Url(url) => Some(("jwks_url", url)),
            KeySource::File(_) => None,
        };
        let servers = client.fhir_servers.iter().map(|url| ("fhir_servers", url));
        let tokens = client.backend.as_ref().map(|backend| ("backend_token_url", &backend.token_url));
        for (key, url) in keys.into_iter().chain(servers).chain(tokens) {
            check_way_out(server, url).map_err(|(reason, remedy)| wrong(key, url, reason, remedy))?;
        }
        if server.mode == Mode::Production && client.issuer.trim_end_matches('/') == PUBLIC_SANDBOX {
            return Err(wrong(
                "issuer",
                &client.issuer,
                "the private key of this issuer is public, so anyone could call as it",
                "take this client out, or set `server.mode = \"development\"`",
            ));
        }
    }
    for one in &settings.authorization_servers {
        let asked = match &one.vouching {
            Vouching::Keys { source: KeySource::Url(url), .. } => Some(("jwks_url", url)),
            Vouching::Keys { source: KeySource::File(_), .. } => None,
            Vouching::Introspection(endpoint) => Some(("introspection_url", &endpoint.url)),
        };
        let others =
            [("fhir_server", &one.fhir_server), ("token_url", &one.token_url), ("authorize_url", &one.authorize_url)];
        let others = others.into_iter().filter_map(|(key, url)| Some((key, url.as_ref()?)));
        for (key, url) in asked.into_iter().chain(others) {
            check_way_out(server, url)
                .map_err(|(reason, remedy)| authorization_server::wrong(key, url, reason, remedy))?;
        }
    }
    check_way_in(layers, server)
}

/// An address that is called, or that others are told to call.
fn check_way_out(server: &Server, url: &str) -> Result<(), (&'static str, &'static str)> {
    let remedy = "write it like \"https://ehr.example.org/jwks\"";
    let address = Address::read(url).ok_or(("it is no http or https address", remedy))?;
    if server.mode == Mode::Production && !server.allow_plain_http {
        address.check_for_production().map_err(|reason| (reason, REMEDY))?;
    }
    Ok(())
}

fn check_way_in(layers: &Layers, server: &Server) -> Result<(), SettingsError> {
    let https = server.public_url.as_ref().is_some_and(|url| url.starts_with("https://"));
    if server.mode == Mode::Production && !server.allow_plain_http && server.tls.is_none() && !https {
        return Err(layers.unusable(
            "server.mode",
            "production needs TLS: there is neither [server.tls] nor an https `server.public_url`",
            "set one of them, or `server.allow_plain_http = true` in a closed network, or `server.mode = \"development\"`",
        ));
    }
    Ok(())
}

/// Whether an address that an EHR told may be called. `plain`: without TLS, or on this machine.
pub fn is_callable(url: &str, plain: bool) -> bool {
    Address::read(url).is_some_and(|address| plain || address.check_for_production().is_ok())
}

/// An absolute http or https address without user, fragment and blanks.
pub(super) struct Address<'a> {
    https: bool,
    host: &'a str,
}

impl<'a> Address<'a> {
    pub(super) fn read(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?']).next()?;
        let port = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let host = port.map_or(authority, |at| &authority[..at]);
        let strange = |letter: char| letter.is_whitespace() || letter.is_control() || "@#\\\"<>".contains(letter);
        let fits = matches!(scheme, "http" | "https") && !host.is_empty() && !rest.contains(strange);
        fits.then_some(Self { https: scheme == "https", host })
    }

    pub(super) fn check_for_production(&self) -> Result<(), &'static str> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let here = match bare.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback() || ip.to_canonical().is_unspecified(),
            Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
        };
        match (self.https, here) {
            (false, _) => Err("production needs TLS on the way to a client"),
            (true, true) => Err("in production no client is on this machine"),
            (true, false) => Ok(()),
        }
    }
}
