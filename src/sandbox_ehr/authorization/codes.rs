//! Authorization codes: for one try within a minute, by the client and for the redirect address that they were given for, by
//! who knows the verifier behind the challenge (RFC 7636, S256 alone).

use super::tokens::Grant;
use crate::platform::expiring::{Expiring, secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long a used code is remembered, so that a second use is seen as one: as long as its tokens may live.
const REMEMBERED: Duration = Duration::from_secs(8 * 3600);

/// The SHA-256 of a verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge(Vec<u8>);

impl Challenge {
    /// Reads a `code_challenge`.
    pub fn read(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok().filter(|hash| hash.len() == Sha256::output_size()).map(Self)
    }

    fn is_of(&self, verifier: &str) -> bool {
        let unreserved = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
        (43..=128).contains(&verifier.len())
            && verifier.chars().all(unreserved)
            && Sha256::digest(verifier)[..] == self.0[..]
    }
}

/// What a code stands for.
pub struct Code {
    pub redirect_uri: String,
    pub challenge: Challenge,
    pub nonce: Option<String>,
    pub grant: Arc<Grant>,
}

/// What came with a code.
pub struct Presented<'a> {
    pub client: &'a str,
    pub redirect_uri: &'a str,
    pub verifier: &'a str,
}

struct Given {
    code: Code,
    family: Uuid,
    expires: Timestamp,
    used: bool,
}

/// A code that was not good, and the family of tokens that has to end because it was used before.
#[derive(Debug, PartialEq, Eq)]
pub struct NotGood(pub Option<Uuid>);

/// What a good code gives.
pub struct Redeemed {
    pub grant: Arc<Grant>,
    pub nonce: Option<String>,
    /// Of the tokens that come of it.
    pub family: Uuid,
}

/// Every code that was given out.
#[derive(Default)]
pub struct Codes(Expiring<Given>);

impl Codes {
    pub fn give(&self, code: Code, life: Duration, now: Timestamp) -> String {
        let (secret, family) = (secret(), Uuid::new_v4());
        self.0.put(secret.clone(), Given { code, family, expires: now + life, used: false }, now + REMEMBERED, now);
        secret
    }

    /// Uses a code up, whatever comes of it.
    pub fn redeem(&self, code: &str, presented: &Presented, now: Timestamp) -> Result<Redeemed, NotGood> {
        let redeemed = self.0.with(code, now, |given| {
            if std::mem::replace(&mut given.used, true) {
                return Err(NotGood(Some(given.family)));
            }
            let Given { code, family, expires, .. } = given;
            let good = *expires > now
                && code.grant.client == presented.client
                && code.redirect_uri == presented.redirect_uri
                && code.challenge.is_of(presented.verifier);
            let redeemed = || Redeemed { grant: code.grant.clone(), nonce: code.nonce.clone(), family: *family };
            if good { Ok(redeemed()) } else { Err(NotGood(None)) }
        });
        redeemed.unwrap_or(Err(NotGood(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox_ehr::authorization::tokens::Context;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    const GOOD: Presented = Presented { client: "app", redirect_uri: "https://app.example/cb", verifier: VERIFIER };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn given(codes: &Codes) -> String {
        let grant = Arc::new(Grant::new("app", "launch", Context::default(), None));
        let challenge = Challenge::read(CHALLENGE).expect("a challenge");
        let code = Code { redirect_uri: GOOD.redirect_uri.into(), challenge, nonce: None, grant };
        codes.give(code, Duration::from_secs(60), at(0))
    }

    #[test]
    fn a_code_is_good_for_a_minute_and_a_second_use_names_the_tokens_to_end() {
        let codes = Codes::default();
        let code = given(&codes);
        let family = codes.redeem(&code, &GOOD, at(59)).map(|redeemed| redeemed.family).expect("good");
        assert_eq!(codes.redeem(&code, &GOOD, at(3600)).err(), Some(NotGood(Some(family))));
        assert_eq!(codes.redeem(&given(&codes), &GOOD, at(60)).err(), Some(NotGood(None)));
        assert_eq!(codes.redeem("made-up", &GOOD, at(1)).err(), Some(NotGood(None)));
    }

    #[test]
    fn a_code_is_for_its_client_its_address_and_its_verifier_and_for_one_try() {
        for wrong in [
            Presented { client: "other", ..GOOD },
            Presented { redirect_uri: "https://app.example/cb/", ..GOOD },
            Presented { verifier: CHALLENGE, ..GOOD },
            Presented { verifier: "", ..GOOD },
        ] {
            let codes = Codes::default();
            let code = given(&codes);
            assert_eq!(codes.redeem(&code, &wrong, at(1)).err(), Some(NotGood(None)));
            assert!(codes.redeem(&code, &GOOD, at(1)).is_err(), "a second try");
        }
    }

    #[test]
    fn a_challenge_is_the_hash_of_a_verifier_and_nothing_else() {
        let challenge = Challenge::read(CHALLENGE).expect("a challenge");
        assert!(challenge.is_of(VERIFIER));
        assert!(!challenge.is_of(&format!("{VERIFIER} ")) && !challenge.is_of(&VERIFIER[..42]));
        for text in ["", "abc", &format!("{CHALLENGE}="), &format!("{CHALLENGE}A")] {
            assert_eq!(Challenge::read(text), None, "{text}");
        }
    }
}
