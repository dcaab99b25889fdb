//! Keys that pass with the process: made when it starts, held in memory, never written. For the sandbox EHR, which nobody
//! has to know again.

use super::OwnKeysError;
use super::ring::{KeyKind, passing_rsa};
use jsonwebtoken::jwk::{Jwk, KeyOperations, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// What a token may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    Es384,
    Rs384,
    /// For `id_token`s alone: every OpenID client knows it.
    Rs256,
}

impl Signature {
    fn algorithm(self) -> Algorithm {
        match self {
            Self::Es384 => Algorithm::ES384,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs256 => Algorithm::RS256,
        }
    }
}

/// How a key is named in a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// Of letters that stand for themselves in an address.
    Plain,
    /// With `+` and `=`, as in base64: what decodes names as if they stood in an address breaks it.
    Base64,
}

struct Signer {
    name: KeyName,
    signature: Signature,
    kid: String,
    private: EncodingKey,
    public: Jwk,
}

impl Signer {
    fn new(signature: Signature, name: KeyName, private: EncodingKey) -> Result<Self, OwnKeysError> {
        let crypto = |error: jsonwebtoken::errors::Error| OwnKeysError::Crypto(error.to_string());
        let mut public = Jwk::from_encoding_key(&private, signature.algorithm()).map_err(crypto)?;
        let thumbprint = public.thumbprint(ThumbprintHash::SHA256).map_err(crypto)?;
        // One RSA key serves two algorithms; each entry of the published set is for one.
        let kid = match name {
            KeyName::Plain => format!("{thumbprint}.{:?}", signature.algorithm()),
            KeyName::Base64 => format!("+{}=", thumbprint.replace(['-', '_'], "+")),
        };
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_operations = Some(vec![KeyOperations::Verify]);
        Ok(Self { name, signature, kid, private, public })
    }
}

/// One key on P-384 and one of RSA, under names for each signature.
pub struct PassingKeys {
    signers: Vec<Signer>,
}

impl PassingKeys {
    /// Makes them.
    ///
    /// # Errors
    /// When the system gives no keys.
    pub fn make() -> Result<Self, OwnKeysError> {
        let crypto = |error: jsonwebtoken::errors::Error| OwnKeysError::Crypto(error.to_string());
        let curve = EncodingKey::from_ec_pem(KeyKind::Es384.make()?.as_bytes()).map_err(crypto)?;
        let rsa = EncodingKey::from_rsa_pem(passing_rsa()?.as_bytes()).map_err(crypto)?;
        let signers = [
            (Signature::Es384, KeyName::Plain, &curve),
            (Signature::Rs384, KeyName::Plain, &rsa),
            (Signature::Rs256, KeyName::Plain, &rsa),
            (Signature::Es384, KeyName::Base64, &curve),
            (Signature::Rs384, KeyName::Base64, &rsa),
        ];
        let signers = signers.into_iter().map(|(signature, name, key)| Signer::new(signature, name, key.clone()));
        Ok(Self { signers: signers.collect::<Result<_, _>>()? })
    }

    /// The public halves, as a JWK Set.
    pub fn public(&self) -> Value {
        json!({"keys": self.signers.iter().map(|signer| &signer.public).collect::<Vec<_>>()})
    }

    /// Signs claims as a JWT that names its key and, if told, the address (`jku`) where that is published.
    ///
    /// # Errors
    /// When the signature cannot be made.
    pub fn sign(&self, signature: Signature, jku: Option<&str>, claims: &Value) -> Result<String, OwnKeysError> {
        self.sign_as(signature, KeyName::Plain, jku, claims)
    }

    /// The same, under a name of this kind.
    ///
    /// # Errors
    /// When the signature cannot be made.
    pub fn sign_as(
        &self,
        signature: Signature,
        name: KeyName,
        jku: Option<&str>,
        claims: &Value,
    ) -> Result<String, OwnKeysError> {
        let signer = self.signers.iter().find(|signer| signer.signature == signature && signer.name == name);
        let signer = signer.ok_or_else(|| OwnKeysError::Crypto("there is no key for it".into()))?;
        let header =
            Header { kid: Some(signer.kid.clone()), jku: jku.map(str::to_owned), ..Header::new(signature.algorithm()) };
        jsonwebtoken::encode(&header, claims, &signer.private).map_err(|error| OwnKeysError::Crypto(error.to_string()))
    }
}
