//! Who is calling. A handler that needs to know takes a [`Caller`], which exists only when the call may go on.
//!
//! This version serves development mode alone: calls are anonymous. It cannot verify tokens, so a token of a
//! configured issuer, which would have to verify, is refused rather than believed.

use super::problem::Problem;
use super::state::State;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};
use std::future::{Ready, ready};

/// A caller that may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The verified issuer; `None`: anonymous.
    pub issuer: Option<String>,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(state) = request.app_data::<Data<State>>() else { return ready(Err(Problem::Unauthorized)) };
        let claims_known_issuer = request
            .headers()
            .get_all(AUTHORIZATION)
            .filter_map(|value| claimed_issuer(value.to_str().ok()?))
            .any(|issuer| state.issuers.contains(&issuer));
        ready(if claims_known_issuer { Err(Problem::Unauthorized) } else { Ok(Self { issuer: None }) })
    }
}

/// The issuer that a bearer token claims, unverified.
fn claimed_issuer(header: &str) -> Option<String> {
    let (scheme, token) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.len() > 8 * 1024 {
        return None;
    }
    let claims = base64url(token.trim().split('.').nth(1)?)?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    Some(claims.get("iss")?.as_str()?.to_string())
}

/// Base64 with the URL alphabet, without padding (RFC 7515, section 2).
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut buffer, mut bits) = (0u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        buffer = (buffer << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claimed_issuer_is_read_without_trusting_it() {
        // {"alg":"none"} . {"iss":"https://ehr.example.org"}
        let header = "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2Voci5leGFtcGxlLm9yZyJ9.";
        assert_eq!(claimed_issuer(header).as_deref(), Some("https://ehr.example.org"));
        for other in ["Basic x", "Bearer", "Bearer a.!.c", "Bearer a.e30.c", ""] {
            assert_eq!(claimed_issuer(other), None, "{other}");
        }
    }
}
