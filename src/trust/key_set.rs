//! A JWK Set (RFC 7517) as verification needs it: by `kid`, each key usable or with the reason why not.
//!
//! A key that cannot be used hinders no other key. Keys without `kid` are left out: a token must name its key.

use super::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The shortest RSA modulus that is believed, in bits.
const SHORTEST_RSA: usize = 2048;

/// The keys of one client.
#[derive(Default)]
pub struct KeySet {
    keys: BTreeMap<String, Result<Arc<Key>, Refusal>>,
}

/// One public key.
pub struct Key {
    pub key: DecodingKey,
    /// What keys of its kind can verify.
    algorithms: &'static [Algorithm],
    /// The only algorithm that its owner uses it with, if it says so.
    only: Option<KeyAlgorithm>,
}

impl Key {
    /// Whether this key may verify this algorithm.
    pub fn verifies(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm) && self.only.is_none_or(|only| only == KeyAlgorithm::from(algorithm))
    }
}

impl KeySet {
    /// Reads a JWK Set; `None` when the document is none.
    pub fn read(document: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = serde_json::from_slice(document).ok()?;
        let mut keys = BTreeMap::new();
        for entry in document.keys {
            let Some(kid) = entry.get("kid").and_then(Value::as_str).map(str::to_string) else { continue };
            keys.entry(kid).and_modify(|known| *known = Err(Refusal::SharedKeyId)).or_insert_with(|| key(entry));
        }
        Some(Self { keys })
    }

    /// The key of this `kid`, or why there is none.
    pub fn find(&self, kid: &str) -> Result<Arc<Key>, Refusal> {
        self.keys.get(kid).cloned().unwrap_or(Err(Refusal::UnknownKey))
    }

    /// The key of this `kid`, or the only one where a token names none.
    pub fn find_or_sole(&self, kid: Option<&str>) -> Result<Arc<Key>, Refusal> {
        kid.map_or_else(|| self.sole(), |kid| self.find(kid))
    }

    /// The key of a token that names none: the only one there is, or why there is none.
    fn sole(&self) -> Result<Arc<Key>, Refusal> {
        let mut keys = self.keys.values();
        match (keys.next(), keys.next()) {
            (Some(key), None) => key.clone(),
            (None, _) => Err(Refusal::UnknownKey),
            (Some(_), Some(_)) => Err(Refusal::NoKeyId),
        }
    }

    /// How many keys can be used, and how many cannot.
    pub fn counts(&self) -> (usize, usize) {
        let usable = self.keys.values().filter(|key| key.is_ok()).count();
        (usable, self.keys.len() - usable)
    }
}

fn key(entry: Value) -> Result<Arc<Key>, Refusal> {
    let jwk: Jwk = serde_json::from_value(entry).map_err(|_| Refusal::UnknownKindOfKey)?;
    let common = &jwk.common;
    let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let verifies = common.key_operations.as_ref().is_none_or(|uses| uses.contains(&KeyOperations::Verify));
    if !signs || !verifies {
        return Err(Refusal::KeyNotForSignatures);
    }
    let algorithms: &'static [Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if !is_long_enough(&key.n) => return Err(Refusal::ShortKey),
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::RS384, Algorithm::PS256, Algorithm::PS384],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return Err(Refusal::UnknownKindOfKey),
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        AlgorithmParameters::OctetKey(_) => return Err(Refusal::SymmetricKey),
        _ => return Err(Refusal::UnknownKindOfKey),
    };
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| Refusal::UnknownKindOfKey)?;
    Ok(Arc::new(Key { key, algorithms, only: common.key_algorithm }))
}

/// Whether an RSA modulus is long enough to be believed.
pub(super) fn is_long_enough(modulus: &str) -> bool {
    bits(modulus) >= SHORTEST_RSA
}

/// The length of a modulus in bits, leading zeros not counted.
fn bits(modulus: &str) -> usize {
    let bytes = URL_SAFE_NO_PAD.decode(modulus).unwrap_or_default();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros).map_or(0, |first| (bytes.len() - zeros) * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rsa(bytes: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0x80; bytes])
    }

    fn found(keys: Value, kid: &str) -> Result<Arc<Key>, Refusal> {
        KeySet::read(json!({"keys": keys}).to_string().as_bytes()).expect("a set").find(kid)
    }

    #[test]
    fn a_key_that_cannot_be_used_hinders_no_other() {
        let keys = json!([
            {"kid": "good", "kty": "RSA", "n": rsa(256), "e": "AQAB"},
            {"kid": "short", "kty": "RSA", "n": rsa(128), "e": "AQAB"},
            {"kid": "padded", "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([vec![0; 128], vec![0x80; 128]].concat()), "e": "AQAB"},
            {"kid": "secret", "kty": "oct", "k": "AAAA"},
            {"kid": "enc", "kty": "RSA", "n": rsa(256), "e": "AQAB", "use": "enc"},
            {"kid": "ops", "kty": "RSA", "n": rsa(256), "e": "AQAB", "key_ops": ["encrypt"]},
            {"kid": "new", "kty": "AKP", "pub": "AAAA"},
            {"kid": "p521", "kty": "EC", "crv": "P-521", "x": "AAAA", "y": "AAAA"},
            {"kid": "twice", "kty": "RSA", "n": rsa(256), "e": "AQAB"},
            {"kid": "twice", "kty": "oct", "k": "AAAA"},
            {"kty": "RSA", "n": rsa(256), "e": "AQAB"},
            "nonsense", 7
        ]);
        assert!(found(keys.clone(), "good").is_ok());
        for (kid, refusal) in [
            ("short", Refusal::ShortKey),
            ("padded", Refusal::ShortKey),
            ("secret", Refusal::SymmetricKey),
            ("enc", Refusal::KeyNotForSignatures),
            ("ops", Refusal::KeyNotForSignatures),
            ("new", Refusal::UnknownKindOfKey),
            ("p521", Refusal::UnknownKindOfKey),
            ("twice", Refusal::SharedKeyId),
            ("other", Refusal::UnknownKey),
        ] {
            assert_eq!(found(keys.clone(), kid).map(drop), Err(refusal), "{kid}");
        }
    }

    #[test]
    fn a_token_that_names_no_key_finds_one_only_where_there_is_one() {
        let set = |kids: &[&str]| {
            let keys: Vec<Value> =
                kids.iter().map(|kid| json!({"kid": kid, "kty": "RSA", "n": rsa(256), "e": "AQAB"})).collect();
            KeySet::read(json!({"keys": keys}).to_string().as_bytes()).expect("a set").sole().map(drop)
        };
        assert_eq!(set(&["a"]), Ok(()));
        assert_eq!(set(&[]), Err(Refusal::UnknownKey));
        assert_eq!(set(&["a", "b"]), Err(Refusal::NoKeyId));
        assert_eq!(set(&["a", "a"]), Err(Refusal::SharedKeyId));
    }

    #[test]
    fn a_key_keeps_to_its_kind_and_to_what_its_owner_says() {
        let any = found(json!([{"kid": "a", "kty": "RSA", "n": rsa(256), "e": "AQAB"}]), "a").expect("usable");
        assert!(any.verifies(Algorithm::RS384) && any.verifies(Algorithm::PS256));
        assert!(!any.verifies(Algorithm::HS256) && !any.verifies(Algorithm::ES384));
        let only = json!([{"kid": "a", "kty": "RSA", "n": rsa(256), "e": "AQAB", "alg": "RS384", "use": "sig"}]);
        let only = found(only, "a").expect("usable");
        assert!(only.verifies(Algorithm::RS384) && !only.verifies(Algorithm::RS256));
        let other = json!([{"kid": "a", "kty": "RSA", "n": rsa(256), "e": "AQAB", "alg": "RSA-OAEP"}]);
        assert!(!found(other, "a").expect("a key").verifies(Algorithm::RS384));
    }

    #[test]
    fn what_is_no_set_is_no_set() {
        for document in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>", r#"{"keys": [}"#] {
            assert!(KeySet::read(document.as_bytes()).is_none(), "{document}");
        }
    }
}
