//! `[server.tls]`: certificate, key and, for mutual TLS, the authority of clients, read from PEM files.
//!
//! TLS 1.2 and 1.3 only. Files are read once, at the start; a renewed certificate takes a restart.

use crate::platform::settings::{self, SettingsError, Tls};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;

const CERTIFICATE: &str = "server.tls.cert_file";
const KEY: &str = "server.tls.key_file";
const AUTHORITY: &str = "server.tls.client_ca_file";

/// What the listener needs to speak TLS.
///
/// # Errors
/// A file that cannot be read, or that holds something else, names its setting.
pub fn configuration(tls: &Tls) -> Result<ServerConfig, SettingsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let certificates = certificates(CERTIFICATE, &tls.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key_file)
        .map_err(|error| unusable(KEY, &tls.key_file, &error, "give the PEM file of an unencrypted private key"))?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(CERTIFICATE, &tls.cert_file, &error, "use another build of this program"))?;
    let builder = match &tls.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => builder.with_client_cert_verifier(client_verifier(file, provider)?),
    };
    builder.with_single_cert(certificates, key).map_err(|error| {
        unusable(KEY, &tls.key_file, &error, "give the key that belongs to the first certificate of `cert_file`")
    })
}

fn client_verifier(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, SettingsError> {
    let remedy = "give the PEM file of the authority that signs the certificates of clients";
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(AUTHORITY, file)? {
        authorities.add(certificate).map_err(|error| unusable(AUTHORITY, file, &error, remedy))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider).build();
    verifier.map_err(|error| unusable(AUTHORITY, file, &error, remedy))
}

/// Every certificate of a file; at least one.
fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let remedy = "give a PEM file with certificates, the server's own first";
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(unusable(setting, file, &"it holds no certificate", remedy)),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(setting, file, &error, remedy)),
    }
}

fn unusable(setting: &str, file: &Path, reason: &dyn std::fmt::Display, remedy: &str) -> SettingsError {
    settings::unusable(setting, file.display().to_string(), &reason.to_string(), remedy)
}
