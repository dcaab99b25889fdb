//! An `id_token`, verified (OpenID Connect Core 1.0, section 3.1.3.7): who the user is, and nothing of what may be read.
//!
//! Algorithms are those of the settings, keys those that the pinned issuer publishes; what the token says of either is only
//! compared.

use crate::trust::Refusal;
use crate::trust::key_source::Keys;
use crate::trust::token::{self, Audience, Kind};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha384};

/// Of what a user may be, in the guide's words.
const KINDS: [&str; 5] = ["Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"];
const LONGEST_ID: usize = 64;

/// Why an `id_token` is refused. Holds no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenRefusal {
    #[error(transparent)]
    Token(#[from] Refusal),
    #[error("its `iss` is not the pinned issuer")]
    Issuer,
    #[error("its `aud` is not our `client_id`")]
    Audience,
    #[error("it is for several audiences, or for another party (`azp`)")]
    AuthorizedParty,
    #[error("its `nonce` is not the one we sent")]
    Nonce,
    #[error("its `at_hash` is not of the access token that came along")]
    AccessToken,
}

/// What a good one says.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub algorithms: &'a [Algorithm],
    /// The token that came along.
    pub access_token: &'a str,
    /// The FHIR base to which users belong.
    pub fhir_server: &'a str,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<Audience>,
    azp: Option<String>,
    exp: Option<f64>,
    iat: Option<f64>,
    nbf: Option<f64>,
    nonce: Option<String>,
    at_hash: Option<String>,
    #[serde(rename = "fhirUser")]
    fhir_user: Option<String>,
    profile: Option<String>,
}

/// Verifies a token; the user's reference (`Practitioner/x`) where it names one of this FHIR server. Runs on a web worker,
/// because it may fetch keys.
pub async fn user(
    id_token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Option<String>, IdTokenRefusal> {
    let header = token::header(id_token, Kind::Id, expected.algorithms)?;
    let key = keys.find(header.kid.as_deref()).await?;
    if !key.verifies(header.algorithm) {
        return Err(Refusal::KeyNotForAlgorithm.into());
    }
    let claims: Claims = token::claims(id_token, &key.key, header.algorithm)?;
    claims.check(expected, header.algorithm, now)?;
    let user = claims.fhir_user.or(claims.profile);
    Ok(user.and_then(|user| reference(&user, expected.fhir_server)))
}

impl Claims {
    fn check(&self, expected: &Expected<'_>, algorithm: Algorithm, now: Timestamp) -> Result<(), IdTokenRefusal> {
        if self.iss.as_deref() != Some(expected.issuer) {
            return Err(IdTokenRefusal::Issuer);
        }
        let audiences = self.aud.as_ref().ok_or(Refusal::Missing("aud"))?.named();
        if !audiences.iter().any(|audience| audience == expected.client_id) {
            return Err(IdTokenRefusal::Audience);
        }
        let party = self.azp.as_deref();
        if party.is_some_and(|party| party != expected.client_id) || (audiences.len() > 1 && party.is_none()) {
            return Err(IdTokenRefusal::AuthorizedParty);
        }
        let expires = self.exp.ok_or(Refusal::Missing("exp"))?;
        let issued = self.iat.ok_or(Refusal::Missing("iat"))?;
        token::check_times(expires, issued, self.nbf.unwrap_or(issued), now)?;
        let nonce = self.nonce.as_deref().unwrap_or_default();
        if verify_slices_are_equal(nonce.as_bytes(), expected.nonce.as_bytes()).is_err() {
            return Err(IdTokenRefusal::Nonce);
        }
        match &self.at_hash {
            Some(hash) if *hash != half_hash(algorithm, expected.access_token) => Err(IdTokenRefusal::AccessToken),
            _ => Ok(()),
        }
    }
}

/// The left half of a token's hash, by the hash of the signature's algorithm.
fn half_hash(algorithm: Algorithm, access_token: &str) -> String {
    let hash: Vec<u8> = match algorithm {
        Algorithm::RS384 | Algorithm::ES384 => Sha384::digest(access_token).to_vec(),
        _ => Sha256::digest(access_token).to_vec(),
    };
    URL_SAFE_NO_PAD.encode(hash.get(..hash.len() / 2).unwrap_or_default())
}

/// A user of this FHIR server, however the claim writes it; `None` for whatever else it names, which is not followed.
fn reference(claim: &str, fhir_server: &str) -> Option<String> {
    let below = claim.strip_prefix(fhir_server).and_then(|rest| rest.strip_prefix('/'));
    let (kind, id) = below.unwrap_or(claim).split_once('/')?;
    let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    let fits = KINDS.contains(&kind) && letters && (1..=LONGEST_ID).contains(&id.len());
    fits.then(|| format!("{kind}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: i64 = 1_777_881_600;
    const BASE: &str = "https://ehr.example.org/r4";

    fn checked(change: impl FnOnce(&mut Value)) -> Result<(), IdTokenRefusal> {
        let mut claims = json!({"iss": "https://ehr.example.org", "aud": "us", "iat": NOW, "exp": NOW + 300,
                                "nonce": "n", "at_hash": half_hash(Algorithm::RS256, "t")});
        change(&mut claims);
        let claims: Claims = serde_json::from_value(claims).expect("claims");
        let expected = Expected {
            issuer: "https://ehr.example.org",
            client_id: "us",
            nonce: "n",
            algorithms: &[Algorithm::RS256],
            access_token: "t",
            fhir_server: BASE,
        };
        claims.check(&expected, Algorithm::RS256, Timestamp::from_second(NOW).expect("a time"))
    }

    #[test]
    fn every_claim_of_the_list_is_held() {
        assert_eq!(checked(|_| {}), Ok(()));
        assert_eq!(checked(|claims| drop(claims.as_object_mut().expect("claims").remove("at_hash"))), Ok(()));
        assert_eq!(checked(|claims| claims["azp"] = "us".into()), Ok(()));
        assert_eq!(
            checked(|claims| {
                claims["aud"] = json!(["us", "other"]);
                claims["azp"] = "us".into();
            }),
            Ok(())
        );
        for (name, value, refusal) in [
            ("iss", json!("https://ehr.example.org/"), IdTokenRefusal::Issuer),
            ("aud", json!("other"), IdTokenRefusal::Audience),
            ("aud", json!([]), IdTokenRefusal::Audience),
            ("aud", json!(["us", "other"]), IdTokenRefusal::AuthorizedParty),
            ("azp", json!("other"), IdTokenRefusal::AuthorizedParty),
            ("exp", json!(NOW - 60), Refusal::Expired.into()),
            ("exp", json!(null), Refusal::Missing("exp").into()),
            ("iat", json!(null), Refusal::Missing("iat").into()),
            ("iat", json!(NOW + 61), Refusal::Future.into()),
            ("nonce", json!("other"), IdTokenRefusal::Nonce),
            ("nonce", json!(null), IdTokenRefusal::Nonce),
            ("at_hash", json!(half_hash(Algorithm::RS384, "t")), IdTokenRefusal::AccessToken),
        ] {
            assert_eq!(checked(|claims| claims[name] = value.clone()), Err(refusal), "{name}: {value}");
        }
    }

    #[test]
    fn a_user_is_one_of_this_server_or_nobody() {
        for claim in ["Practitioner/p-1", "https://ehr.example.org/r4/Practitioner/p-1"] {
            assert_eq!(reference(claim, BASE).as_deref(), Some("Practitioner/p-1"), "{claim}");
        }
        for claim in [
            "https://evil.example/r4/Practitioner/p-1",
            "https://ehr.example.org/r4evil/Practitioner/p-1",
            "https://ehr.example.org/Practitioner/p-1",
            "Device/p-1",
            "Practitioner/",
            "Practitioner/../Patient",
            "Practitioner/p/_history/1",
            "",
        ] {
            assert_eq!(reference(claim, BASE), None, "{claim}");
        }
    }
}
