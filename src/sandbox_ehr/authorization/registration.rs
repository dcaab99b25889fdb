//! What is told of a client beforehand, in code or in a file.

use crate::platform::settings::KeySource;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A client that this EHR is to know.
#[derive(Clone, Debug)]
pub struct Registration {
    pub client_id: String,
    pub authentication: Authentication,
    /// Where codes may be sent; compared letter by letter. None: a backend service.
    pub redirect_uris: Vec<String>,
    /// Where the EHR opens the app, without a query.
    pub launch_url: Option<String>,
    /// What it may ask for, as a list of scopes.
    pub scope: String,
}

/// How it shows who it is.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// By assertions signed with a key whose public half is at an address (preferred) or in a file.
    Keys(KeySource),
    /// By a secret (`client_secret_basic`).
    Secret(String),
    /// Not at all: an app that can keep no secret.
    Public,
}

impl Registration {
    /// A backend service, which has keys and no user.
    pub fn backend(client_id: &str, keys: KeySource, scope: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            authentication: Authentication::Keys(keys),
            redirect_uris: Vec::new(),
            launch_url: None,
            scope: scope.to_owned(),
        }
    }
}

/// Why a file registers nobody.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    #[error("`{file}` cannot be read: {reason}")]
    Unreadable { file: PathBuf, reason: std::io::Error },
    #[error("`{file}` is no list of [[client]] tables: {reason}")]
    Misshapen { file: PathBuf, reason: String },
    #[error("`{file}`: client `{client}` has more than one of `jwks_url`, `jwks_file` and `secret`; keep one")]
    SeveralMethods { file: PathBuf, client: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    client: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client_id: String,
    jwks_url: Option<String>,
    jwks_file: Option<PathBuf>,
    secret: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    launch_url: Option<String>,
    scope: String,
}

/// Reads `[[client]]` tables: `client_id`, `scope`, and as far as there are such `redirect_uris`, `launch_url` and one of
/// `jwks_url`, `jwks_file` and `secret`; with none of the three the client is public.
///
/// # Errors
/// A file that cannot be read or says something else.
pub fn read_registrations(file: &Path) -> Result<Vec<Registration>, RegistrationError> {
    let text =
        std::fs::read_to_string(file).map_err(|reason| RegistrationError::Unreadable { file: file.into(), reason })?;
    let document: Document = toml::from_str(&text)
        .map_err(|error| RegistrationError::Misshapen { file: file.into(), reason: error.message().to_owned() })?;
    document.client.into_iter().map(|entry| entry.registration(file)).collect()
}

impl Entry {
    fn registration(self, file: &Path) -> Result<Registration, RegistrationError> {
        let Self { client_id, jwks_url, jwks_file, secret, redirect_uris, launch_url, scope } = self;
        let authentication = match (jwks_url, jwks_file, secret) {
            (Some(url), None, None) => Authentication::Keys(KeySource::Url(url)),
            (None, Some(path), None) => Authentication::Keys(KeySource::File(path)),
            (None, None, Some(secret)) => Authentication::Secret(secret),
            (None, None, None) => Authentication::Public,
            _ => return Err(RegistrationError::SeveralMethods { file: file.into(), client: client_id }),
        };
        Ok(Registration { client_id, authentication, redirect_uris, launch_url, scope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Registration>, RegistrationError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        read_registrations(file.path())
    }

    #[test]
    fn a_file_registers_clients_of_each_kind() {
        let clients = read(
            "[[client]]\nclient_id = 'a'\nredirect_uris = ['https://a.example/cb']\nscope = 'launch patient/*.rs'\n\
             [[client]]\nclient_id = 'b'\nsecret = 's'\nscope = ''\n\
             [[client]]\nclient_id = 'c'\njwks_url = 'https://c.example/jwks'\nscope = 'system/*.rs'\n",
        )
        .expect("clients");
        assert!(matches!(clients[0].authentication, Authentication::Public));
        assert!(matches!(&clients[1].authentication, Authentication::Secret(secret) if secret == "s"));
        assert!(matches!(clients[2].authentication, Authentication::Keys(KeySource::Url(_))));
    }

    #[test]
    fn what_is_misspelt_or_says_two_things_is_refused_with_its_name() {
        for (text, named) in [
            ("[[client]]\nclient_id = 'a'\nscope = ''\nredirect_uri = 'https://a.example'", "redirect_uri"),
            ("[[client]]\nclient_id = 'twice'\nscope = ''\nsecret = 's'\njwks_file = 'f'", "twice"),
            ("[[client]]\nclient_id = 'a'", "scope"),
        ] {
            let error = read(text).expect_err("refused").to_string();
            assert!(error.contains(named) && !error.contains("'s'"), "{error}");
        }
    }
}
