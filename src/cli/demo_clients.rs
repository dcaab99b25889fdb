//! The clients that the demo's sandbox EHR knows: our own SMART app, one to try things with, and those that arguments name.

use crate::platform::settings::KeySource;
use crate::sandbox_ehr::{Authentication, Registration, RegistrationError, read_registrations};
use std::path::Path;

/// What the server's app is registered as.
pub const APP: &str = "prodrome-app";
/// The server's name for this EHR; part of the app's redirect address.
pub const REGISTRATION: &str = "demo";

/// All of them. `cds` is the address of the demo's server, `backend_jwks` the keys of a backend service, `file` registers
/// more.
///
/// # Errors
/// A file that registers nobody.
pub fn all(cds: &str, backend_jwks: Option<&str>, file: Option<&Path>) -> Result<Vec<Registration>, RegistrationError> {
    let mut clients = vec![own_app(cds), public_app()];
    clients.extend(backend_jwks.map(backend_service));
    if let Some(file) = file {
        clients.extend(read_registrations(file)?);
    }
    Ok(clients)
}

/// The app that the server's cards open.
fn own_app(cds: &str) -> Registration {
    Registration {
        client_id: APP.to_owned(),
        authentication: Authentication::Keys(KeySource::Url(format!("{cds}/.well-known/jwks.json"))),
        redirect_uris: vec![format!("{cds}/smart/callback/{REGISTRATION}")],
        launch_url: Some(format!("{cds}/smart/launch")),
        scope: "launch launch/patient launch/encounter openid fhirUser online_access patient/*.rs user/*.rs".to_owned(),
    }
}

/// An app on this machine, without keys or secret: for whoever writes one.
pub fn public_app() -> Registration {
    Registration {
        client_id: "test-app".to_owned(),
        authentication: Authentication::Public,
        redirect_uris: ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:3000/callback")).into(),
        launch_url: Some("http://127.0.0.1:3000/launch".to_owned()),
        scope: "launch launch/patient launch/encounter openid fhirUser profile online_access offline_access \
                patient/*.rs user/*.rs"
            .to_owned(),
    }
}

/// A backend service that may read every patient.
fn backend_service(jwks: &str) -> Registration {
    let keys = match jwks.split_once("://") {
        Some(_) => KeySource::Url(jwks.to_owned()),
        None => KeySource::File(jwks.into()),
    };
    Registration::backend("prodrome-backend", keys, "system/*.rs")
}
