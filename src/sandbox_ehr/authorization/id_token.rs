//! Who the user is, for an app that asks (OpenID Connect Core 1.0, section 2; SMART App Launch 2.2, "Scopes for requesting
//! identity data"). Signed with RS256, which every client knows. Says nothing of what may be read.

use super::super::SandboxEhr;
use super::scopes::has;
use super::tokens::Grant;
use super::user_address;
use crate::trust::Signature;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

/// From `iat` to `exp`, in seconds.
const LIFE: i64 = 300;

/// An `id_token` where `openid` was granted and there is a user.
pub fn id_token(
    ehr: &SandboxEhr,
    grant: &Grant,
    access_token: &str,
    nonce: Option<&str>,
    now: Timestamp,
) -> Option<String> {
    let user = grant.user.filter(|_| has(&grant.scope, "openid"))?;
    let now = now.as_second();
    let half = Sha256::digest(access_token).into_iter().take(16).collect::<Vec<u8>>();
    let mut claims = json!({
        "iss": ehr.authorization.issuer, "sub": user.subject, "aud": grant.client,
        "iat": now, "exp": now + LIFE, "at_hash": URL_SAFE_NO_PAD.encode(half),
    });
    for asked in ["fhirUser", "profile"].into_iter().filter(|asked| has(&grant.scope, asked)) {
        claims[asked] = user_address(ehr, user).into();
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    let signed = ehr.keys().sign(Signature::Rs256, None, &claims);
    signed.inspect_err(|error| tracing::error!(%error, "an id_token could not be signed")).ok()
}
