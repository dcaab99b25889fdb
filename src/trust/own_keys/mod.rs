//! Our own keys: a folder of private keys, one of which signs, and what of them is published (RFC 7517).
//!
//! Owns making, choosing, retiring and using them. A private key is written once, readable by its owner alone, and never
//! leaves the folder: what is published is made of public members. Knows no EHR and sends nothing. Keys that pass with the
//! process ([`PassingKeys`]) are in no folder.

mod folder;
mod passing;
mod ring;

pub use folder::KeyFolder;
pub use passing::{KeyName, PassingKeys, Signature};
pub use ring::{KeyKind, OwnKey};

use jiff::Timestamp;
use ring::Ring;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a look into the folder holds, so that a rotation is seen without a new start.
const HOLDS: Duration = Duration::from_secs(10);
/// How long an assertion is good. The guide permits 300 s; less is enough, and clocks may differ.
const ASSERTION_SECONDS: i64 = 120;

/// Why our own keys cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum OwnKeysError {
    #[error("`{path}` cannot be used: {reason}")]
    File { path: String, reason: String },
    #[error("`{path}` holds no private key of P-384 or of RSA with at least 2048 bits, as PKCS#8 in PEM")]
    NotAKey { path: String },
    #[error("`{folder}` holds no keys; `prodrome keys new --folder {folder}` makes one")]
    Empty { folder: String },
    #[error("no key of `{folder}` signs; `prodrome keys rotate --folder {folder}` makes one that does")]
    NoSigner { folder: String },
    #[error("there is no key `{0}`; `prodrome keys list` shows those there are")]
    Unknown(String),
    #[error("`{0}` signs; `prodrome keys rotate` lets another key sign first")]
    Signs(String),
    #[error("the key could not be made or used: {0}")]
    Crypto(String),
}

/// The keys of a running server, looked at again every now and then.
pub struct OwnKeys {
    folder: KeyFolder,
    held: RwLock<(Arc<Ring>, Instant)>,
}

impl OwnKeys {
    /// Reads the folder.
    ///
    /// # Errors
    /// When it holds no keys, a file that is none, or none that signs.
    pub fn open(folder: &Path) -> Result<Self, OwnKeysError> {
        let folder = KeyFolder::new(folder);
        let ring = Arc::new(folder.read()?);
        ring.signer().ok_or_else(|| OwnKeysError::NoSigner { folder: folder.shown() })?;
        Ok(Self { folder, held: RwLock::new((ring, Instant::now())) })
    }

    /// The public halves of all keys, as a JWK Set.
    pub fn public(&self) -> Value {
        self.ring().public()
    }

    /// A fresh assertion that we are `client_id`, for the endpoint at `url` alone (RFC 7523; SMART App Launch 2.2,
    /// "Asymmetric client authentication").
    ///
    /// # Errors
    /// When no key signs.
    pub fn assertion(&self, client_id: &str, url: &str, now: Timestamp) -> Result<String, OwnKeysError> {
        let ring = self.ring();
        let signer = ring.signer().ok_or_else(|| OwnKeysError::NoSigner { folder: self.folder.shown() })?;
        let now = now.as_second();
        signer.sign(&json!({
            "iss": client_id, "sub": client_id, "aud": url,
            "iat": now, "exp": now + ASSERTION_SECONDS, "jti": Uuid::new_v4().to_string(),
        }))
    }

    /// What the folder holds. Where it cannot be read any more, what it held.
    fn ring(&self) -> Arc<Ring> {
        let (ring, looked) = self.held.read().unwrap_or_else(PoisonError::into_inner).clone();
        if looked.elapsed() < HOLDS {
            return ring;
        }
        let read = self.folder.read().map(Arc::new).unwrap_or_else(|error| {
            tracing::warn!(%error, "our own keys could not be read again; those read before are used");
            ring
        });
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = (read.clone(), Instant::now());
        read
    }
}
