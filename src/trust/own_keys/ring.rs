//! Keys in memory: made, named by their thumbprint, used to sign, shown by their public half.

use super::OwnKeysError;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// Letters of a line of PEM.
const PEM_LINE: usize = 64;

/// The two signatures that every SMART server may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSA with 3,072 bits and SHA-384, for servers that know no elliptic curves.
    Rs384,
}

impl KeyKind {
    /// As in `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es384 => "ES384",
            Self::Rs384 => "RS384",
        }
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::Es384 => Algorithm::ES384,
            Self::Rs384 => Algorithm::RS384,
        }
    }

    /// A new private key, as PKCS#8 in PEM.
    pub(super) fn make(self) -> Result<String, OwnKeysError> {
        let failed = |_| OwnKeysError::Crypto("the system gave no key".into());
        Ok(match self {
            Self::Es384 => {
                let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new());
                pem(made.map_err(failed)?.as_ref())
            }
            Self::Rs384 => rsa(KeySize::Rsa3072)?,
        })
    }
}

fn rsa(size: KeySize) -> Result<String, OwnKeysError> {
    let failed = |_| OwnKeysError::Crypto("the system gave no key".into());
    let made = KeyPair::generate(size).map_err(failed)?;
    Ok(pem(made.as_der().map_err(failed)?.as_ref()))
}

/// An RSA key of 2,048 bits, quick to make, for keys that pass with the process.
pub(super) fn passing_rsa() -> Result<String, OwnKeysError> {
    rsa(KeySize::Rsa2048)
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(PEM_LINE).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

/// One key, private half included. Cannot be printed.
pub struct OwnKey {
    /// Thumbprint of the public half (RFC 7638, SHA-256).
    pub kid: String,
    pub kind: KeyKind,
    /// The one that signs.
    pub signs: bool,
    private: EncodingKey,
    public: Jwk,
}

impl OwnKey {
    /// Reads PKCS#8 in PEM; `None` where it is no key of a known kind.
    pub(super) fn read(pem: &[u8]) -> Option<Self> {
        let (private, kind) = match EncodingKey::from_ec_pem(pem) {
            Ok(key) => (key, KeyKind::Es384),
            Err(_) => (EncodingKey::from_rsa_pem(pem).ok()?, KeyKind::Rs384),
        };
        let mut public = Jwk::from_encoding_key(&private, kind.algorithm()).ok()?;
        match &public.algorithm {
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {}
            AlgorithmParameters::RSA(key) if crate::trust::key_set::is_long_enough(&key.n) => {}
            _ => return None,
        }
        let kid = public.thumbprint(ThumbprintHash::SHA256).ok()?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_operations = Some(vec![KeyOperations::Verify]);
        Some(Self { kid, kind, signs: false, private, public })
    }

    /// Signs claims, naming this key.
    pub(super) fn sign(&self, claims: &Value) -> Result<String, OwnKeysError> {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(self.kind.algorithm()) };
        jsonwebtoken::encode(&header, claims, &self.private).map_err(|error| OwnKeysError::Crypto(error.to_string()))
    }
}

/// All keys of a folder, ordered by their names.
pub struct Ring {
    pub keys: Vec<OwnKey>,
}

impl Ring {
    pub fn signer(&self) -> Option<&OwnKey> {
        self.keys.iter().find(|key| key.signs)
    }

    pub fn find(&self, kid: &str) -> Result<&OwnKey, OwnKeysError> {
        self.keys.iter().find(|key| key.kid == kid).ok_or_else(|| OwnKeysError::Unknown(kid.to_owned()))
    }

    /// A JWK Set of public halves.
    pub fn public(&self) -> Value {
        json!({"keys": self.keys.iter().map(|key| &key.public).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_reads_back_under_its_thumbprint_and_publishes_nothing_private() {
        for (kind, members) in [
            (KeyKind::Es384, ["alg", "crv", "key_ops", "kid", "kty", "use", "x", "y"].as_slice()),
            (KeyKind::Rs384, &["alg", "e", "key_ops", "kid", "kty", "n", "use"]),
        ] {
            let key = OwnKey::read(kind.make().expect("a key").as_bytes()).expect("readable");
            assert_eq!((key.kind, key.kid.len()), (kind, 43));
            let set = Ring { keys: vec![key] }.public();
            let mut published: Vec<&str> =
                set["keys"][0].as_object().expect("an object").keys().map(String::as_str).collect();
            published.sort_unstable();
            assert_eq!(published, members);
            assert_eq!(set["keys"][0]["alg"], kind.as_str());
        }
    }

    #[test]
    fn what_is_no_private_key_is_not_read() {
        for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "{}"] {
            assert!(OwnKey::read(text.as_bytes()).is_none(), "{text}");
        }
    }
}
