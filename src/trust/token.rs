//! One token: from the header to checked claims. Knows no client and no clock; it is told both.

use super::Refusal;
use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The longest token that is looked at, in bytes.
const MOST_BYTES: usize = 8 * 1024;
/// How far clocks may differ, in seconds.
pub const SKEW: f64 = 60.0;
/// The longest life of a token, from `iat` to `exp`, in seconds.
const LONGEST_LIFE: f64 = 3600.0;
/// The longest `jti`, in characters.
const LONGEST_ID: usize = 256;
/// The end of the calendar: the first second of the year 10000.
const LAST_SECOND: f64 = 253_402_300_800.0;

/// The token of a call: one header, scheme Bearer.
pub fn bearer<'a>(authorization: &[&'a [u8]]) -> Result<&'a str, Refusal> {
    let header = match authorization {
        [] => return Err(Refusal::NoToken),
        [header] => header,
        _ => return Err(Refusal::SeveralHeaders),
    };
    let token = after_scheme(header).ok_or(Refusal::NotBearer)?;
    if token.len() > MOST_BYTES { Err(Refusal::TooLong) } else { Ok(token) }
}

fn after_scheme(header: &[u8]) -> Option<&str> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The issuer that a token claims, unverified: good for choosing by whose keys to verify, and for nothing else.
pub fn issuer(token: &str) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    insecure_decode_claims::<Issuer>(token).map(|claims| claims.iss).map_err(|_| Refusal::NotJwt)
}

/// The issuer that an Authorization header claims, whatever else is wrong with it.
pub fn claimed_issuer(header: &[u8]) -> Option<String> {
    issuer(after_scheme(header)?).ok()
}

/// A checked header. Keys that it carries or points to (`jwk`, `x5u`, `x5c`) are not looked at.
pub struct Header {
    pub algorithm: Algorithm,
    /// `None` only where the kind of token permits it.
    pub kid: Option<String>,
    pub jku: Option<String>,
}

/// What a token is for. Each kind has a `typ` of its own, so that none passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Signs one CDS Hooks call.
    Call,
    /// An access token (RFC 9068).
    Access,
    /// Says who a user is (OpenID Connect); alone in that it need name neither its type nor, where its issuer has but one,
    /// its key.
    Id,
}

impl Kind {
    /// Names of its media type, with and without `application/`.
    fn of(self, typ: Option<&str>) -> bool {
        let names = match self {
            Self::Call | Self::Id => ["JWT", "application/jwt"],
            Self::Access => ["at+jwt", "application/at+jwt"],
        };
        typ.map_or(self == Self::Id, |typ| names.iter().any(|name| typ.eq_ignore_ascii_case(name)))
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::Call | Self::Id => Refusal::Type,
            Self::Access => Refusal::NoAccessToken,
        }
    }
}

/// Reads the header of a token of this kind that `algorithms` may sign.
pub fn header(token: &str, kind: Kind, algorithms: &[Algorithm]) -> Result<Header, Refusal> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Header)?;
    if !kind.of(header.typ.as_deref()) {
        return Err(kind.refusal());
    }
    if !algorithms.contains(&header.alg) {
        return Err(Refusal::Algorithm);
    }
    if header.crit.is_some() {
        return Err(Refusal::Critical);
    }
    let kid = header.kid.filter(|kid| !kid.is_empty());
    if kid.is_none() && kind != Kind::Id {
        return Err(Refusal::NoKeyId);
    }
    Ok(Header { algorithm: header.alg, kid, jku: header.jku })
}

/// What a token says, once its signature is verified.
#[derive(Deserialize)]
pub struct Claims {
    aud: Option<Audience>,
    exp: Option<f64>,
    iat: Option<f64>,
    nbf: Option<f64>,
    jti: Option<String>,
    pub sub: Option<String>,
    pub tenant: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Every one.
    pub fn named(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

/// Verifies the signature and reads the claims, which are not checked yet.
pub fn claims<T: DeserializeOwned>(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<T, Refusal> {
    let mut only_the_signature = Validation::new(algorithm);
    only_the_signature.required_spec_claims.clear();
    only_the_signature.validate_exp = false;
    only_the_signature.validate_aud = false;
    let decoded = jsonwebtoken::decode::<T>(token, key, &only_the_signature);
    decoded.map(|token| token.claims).map_err(|error| match error.kind() {
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => Refusal::Claims,
        _ => Refusal::Signature,
    })
}

impl Claims {
    /// Checks every time against the time of the call; when the token expires, in seconds since 1970.
    pub fn expiry(&self, now: Timestamp) -> Result<f64, Refusal> {
        let expires = self.exp.ok_or(Refusal::Missing("exp"))?;
        let issued = self.iat.ok_or(Refusal::Missing("iat"))?;
        let begins = self.nbf.unwrap_or(issued);
        check_times(expires, issued, begins, now)?;
        if expires - issued > LONGEST_LIFE { Err(Refusal::LongLived) } else { Ok(expires) }
    }

    /// Every audience that the token names.
    pub fn audience(&self) -> Result<impl Iterator<Item = &str>, Refusal> {
        Ok(self.aud.as_ref().ok_or(Refusal::Missing("aud"))?.named().iter().map(String::as_str))
    }

    /// What makes the token the only one of its kind.
    pub fn jti(self) -> Result<String, Refusal> {
        let jti = self.jti.ok_or(Refusal::Missing("jti"))?;
        if jti.is_empty() || jti.chars().nth(LONGEST_ID).is_some() { Err(Refusal::TokenId) } else { Ok(jti) }
    }
}

/// Whether a token is good now, apart from how long it lives.
pub fn check_times(expires: f64, issued: f64, begins: f64, now: Timestamp) -> Result<(), Refusal> {
    let now = seconds(now);
    if ![expires, issued, begins].iter().all(|time| (0.0..LAST_SECOND).contains(time)) {
        return Err(Refusal::Time);
    }
    if expires + SKEW <= now {
        return Err(Refusal::Expired);
    }
    if issued.max(begins) > now + SKEW { Err(Refusal::Future) } else { Ok(()) }
}

/// Seconds since 1970, as tokens count.
pub fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_777_881_600;

    fn times(claims: serde_json::Value) -> Result<(), Refusal> {
        let claims: Claims = serde_json::from_value(claims).expect("claims");
        claims.expiry(Timestamp::from_second(NOW).expect("a time")).map(drop)
    }

    #[test]
    fn times_are_held_to_the_second() {
        let token = |exp: i64, iat: i64| times(serde_json::json!({"exp": exp, "iat": iat}));
        assert_eq!(token(NOW + 300, NOW), Ok(()));
        assert_eq!(token(NOW - 59, NOW - 300), Ok(()));
        assert_eq!(token(NOW - 60, NOW - 300), Err(Refusal::Expired));
        assert_eq!(token(NOW + 300, NOW + 60), Ok(()));
        assert_eq!(token(NOW + 300, NOW + 61), Err(Refusal::Future));
        assert_eq!(token(NOW + 3600, NOW), Ok(()));
        assert_eq!(token(NOW + 3601, NOW), Err(Refusal::LongLived));
    }

    #[test]
    fn fractions_are_read_and_impossible_times_are_not() {
        let token = |json: &str| serde_json::from_str::<Claims>(json).map_err(|_| Refusal::Claims);
        let now = Timestamp::from_second(NOW).expect("a time");
        assert!(token(r#"{"exp": 1777881700.25, "iat": 1777881600.5}"#).and_then(|claims| claims.expiry(now)).is_ok());
        for (json, refusal) in [
            (r#"{"exp": 1e300, "iat": 1777881600}"#, Refusal::Time),
            (r#"{"exp": 1777881700, "iat": -1}"#, Refusal::Time),
            (r#"{"exp": "1777881700", "iat": 1777881600}"#, Refusal::Claims),
            (r#"{"exp": 1777881700, "iat": 1777881600, "nbf": 1777881700}"#, Refusal::Future),
            (r#"{"exp": 1777881700, "exp": 1777881701, "iat": 1777881600}"#, Refusal::Claims),
            (r#"{"iat": 1777881600}"#, Refusal::Missing("exp")),
        ] {
            assert_eq!(token(json).and_then(|claims| claims.expiry(now)).map(drop), Err(refusal), "{json}");
        }
    }

    #[test]
    fn the_claimed_issuer_is_read_without_trusting_it() {
        // {"alg":"none"} . {"iss":"https://ehr.example.org"}
        let header = b"Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2Voci5leGFtcGxlLm9yZyJ9.";
        assert_eq!(claimed_issuer(header).as_deref(), Some("https://ehr.example.org"));
        for other in [&b"Basic x"[..], b"Bearer", b"Bearer a.!.c", b"Bearer a.e30.c", b"", b"\xff \xff"] {
            assert_eq!(claimed_issuer(other), None, "{other:?}");
        }
    }

    #[test]
    fn one_header_with_one_bearer_token_is_read() {
        assert_eq!(bearer(&[b"bearer a.b.c"]), Ok("a.b.c"));
        assert_eq!(bearer(&[]), Err(Refusal::NoToken));
        assert_eq!(bearer(&[b"Bearer a", b"Bearer b"]), Err(Refusal::SeveralHeaders));
        assert_eq!(bearer(&[b"Basic a"]), Err(Refusal::NotBearer));
        let long = format!("Bearer {}", "a".repeat(MOST_BYTES + 1));
        assert_eq!(bearer(&[long.as_bytes()]), Err(Refusal::TooLong));
    }
}
