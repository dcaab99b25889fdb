//! The signature of a run: tokens as CDS Hooks asks for ("Trusting CDS Clients"), and drafts of tokens that say anything
//! at all. Owns the keys of the run and shows their public halves. Refuses to send, and to judge what comes of it.

use crate::platform::clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use uuid::Uuid;

/// Seconds from `iat` to `exp`.
const LIFE: i64 = 300;
/// What keys are called under an address that nobody registered.
pub(crate) const FOREIGN_KID: &str = "conform-foreign";

/// Why a key cannot sign. Never holds any of it.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is no private key on P-384 or of RSA in PEM (PKCS #8): make one with `openssl genpkey -algorithm EC -pkeyopt \
     ec_paramgen_curve:P-384 -out ehr.pem`"
)]
pub struct KeyError;

/// A private key and what it is called.
pub struct SigningKey {
    kid: String,
    /// ES384 for a key on P-384, RS384 for one of RSA.
    algorithm: Algorithm,
    key: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    /// Reads a PEM; without a `kid` the key is called after its algorithm.
    ///
    /// # Errors
    /// When nothing can be signed with it.
    pub fn read(pem: &[u8], kid: Option<&str>) -> Result<Self, KeyError> {
        let (algorithm, key) = match EncodingKey::from_ec_pem(pem) {
            Ok(key) => (Algorithm::ES384, key),
            Err(_) => (Algorithm::RS384, EncodingKey::from_rsa_pem(pem).map_err(|_| KeyError)?),
        };
        let public = Jwk::from_encoding_key(&key, algorithm).map_err(|_| KeyError)?;
        // A key on another curve is noticed here and not in the middle of a run.
        crypto::sign(b"", &key, algorithm).map_err(|_| KeyError)?;
        let kid = kid.map_or_else(|| format!("conform-{algorithm:?}").to_lowercase(), str::to_owned);
        Ok(Self { kid, algorithm, key, public })
    }

    /// The public half under a name.
    fn public(&self, kid: &str) -> Value {
        let mut jwk = json!(self.public);
        jwk["kid"] = kid.into();
        jwk["use"] = "sig".into();
        jwk
    }
}

/// The signing EHR.
pub struct Signer {
    issuer: String,
    /// What tokens are addressed to in place of the service's base URL.
    audience: Option<String>,
    key: SigningKey,
    others: Vec<SigningKey>,
}

/// A token before it is signed.
#[derive(Clone)]
pub(crate) struct Draft {
    pub header: Value,
    pub claims: Value,
}

impl Signer {
    pub fn new(issuer: &str, audience: Option<&str>, key: SigningKey, others: Vec<SigningKey>) -> Self {
        let audience = audience.map(|audience| audience.trim_end_matches('/').to_owned());
        Self { issuer: issuer.to_owned(), audience, key, others }
    }

    /// Every key, the one that signs by default first.
    fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.key).chain(&self.others)
    }

    /// The JWK Set that a service has to know.
    pub fn key_set(&self) -> Value {
        json!({"keys": self.keys().map(|key| key.public(&key.kid)).collect::<Vec<_>>()})
    }

    /// The same keys under a name that no service knows.
    pub(crate) fn foreign_key_set(&self) -> Value {
        json!({"keys": [self.key.public(FOREIGN_KID)]})
    }

    /// What a token for `path` below the service's `base` is addressed to.
    pub(crate) fn audience(&self, base: &str, path: &str) -> String {
        format!("{}{}", self.audience.as_deref().unwrap_or(base), path.trim_end_matches('/'))
    }

    /// A good token of a key, never the same.
    fn draft_of(&self, key: &SigningKey, audience: &str) -> Draft {
        let now = clock::now().as_second();
        Draft {
            header: json!({"alg": key.algorithm, "typ": "JWT", "kid": key.kid}),
            claims: json!({"iss": self.issuer, "aud": audience, "iat": now, "exp": now + LIFE,
                           "jti": Uuid::new_v4().to_string()}),
        }
    }

    pub(crate) fn draft(&self, audience: &str) -> Draft {
        self.draft_of(&self.key, audience)
    }

    pub(crate) fn sign(&self, draft: &Draft) -> String {
        sign_with(&self.key, draft)
    }

    /// A good token.
    pub(crate) fn token(&self, audience: &str) -> String {
        self.sign(&self.draft(audience))
    }

    /// A good token of every key, with its algorithm.
    pub(crate) fn tokens(&self, audience: &str) -> Vec<(Algorithm, String)> {
        self.keys().map(|key| (key.algorithm, sign_with(key, &self.draft_of(key, audience)))).collect()
    }

    /// The draft with a symmetric signature whose secret is the public key, as a service might keep it.
    pub(crate) fn sign_with_public_key(&self, draft: &Draft) -> Vec<String> {
        let public = self.key.public(&self.key.kid);
        let parts = ["n", "x"].into_iter().filter_map(|part| public[part].as_str()).map(str::to_owned);
        let secrets = parts.chain([public.to_string()]);
        let mut draft = draft.clone();
        draft.header["alg"] = "HS256".into();
        let signed = |secret: String| {
            let message = draft.message();
            let key = EncodingKey::from_secret(secret.as_bytes());
            let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).ok()?;
            Some(format!("{message}.{signature}"))
        };
        secrets.filter_map(signed).collect()
    }

    /// The signing key's public half under a name that no service knows.
    pub(crate) fn foreign_key(&self) -> Value {
        self.key.public(FOREIGN_KID)
    }
}

fn sign_with(key: &SigningKey, draft: &Draft) -> String {
    let message = draft.message();
    // It signed when it was read; without a signature the token is refused, which the report shows.
    let signature = crypto::sign(message.as_bytes(), &key.key, key.algorithm).unwrap_or_default();
    format!("{message}.{signature}")
}

impl Draft {
    /// What is signed.
    pub fn message(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P_384: &[u8] = include_bytes!("../../tests/fixtures/trust/p-384.pem");
    const RSA: &[u8] = include_bytes!("../../tests/fixtures/trust/rsa-2048.pem");

    fn signer() -> Signer {
        let key = |pem, kid| SigningKey::read(pem, kid).expect("a key");
        Signer::new("https://ehr.example", None, key(P_384, None), vec![key(RSA, Some("second"))])
    }

    #[test]
    fn the_key_set_holds_public_halves_alone_each_under_its_name() {
        let keys = signer().key_set();
        let of = |member: &str| [&keys["keys"][0][member], &keys["keys"][1][member]].map(|v| v.as_str().unwrap_or("-"));
        assert_eq!((of("kid"), of("kty")), (["conform-es384", "second"], ["EC", "RSA"]));
        for private in ["d", "p", "q", "k"] {
            assert_eq!(of(private), ["-", "-"]);
        }
    }

    #[test]
    fn every_key_signs_what_its_public_half_verifies() {
        let signer = signer();
        for ((algorithm, token), key) in signer.tokens("https://cds.example/x").iter().zip(signer.keys()) {
            let (message, signature) = token.rsplit_once('.').expect("a token");
            let public = jsonwebtoken::DecodingKey::from_jwk(&key.public).expect("a public key");
            assert!(crypto::verify(signature, message.as_bytes(), &public, *algorithm).expect("verifiable"));
        }
    }

    #[test]
    fn a_token_is_addressed_to_the_address_called_or_to_the_one_that_was_agreed() {
        let mut signer = signer();
        assert_eq!(signer.audience("http://h:1/t", "/cds-services/a/"), "http://h:1/t/cds-services/a");
        signer.audience = Some("https://cds.example".into());
        assert_eq!(signer.audience("http://h:1/t", "/cds-services/a"), "https://cds.example/cds-services/a");
    }

    #[test]
    fn what_is_no_key_is_refused_with_the_remedy() {
        let error = SigningKey::read(b"nonsense", None).map(drop).expect_err("no key");
        assert!(error.to_string().contains("openssl genpkey"));
    }
}
