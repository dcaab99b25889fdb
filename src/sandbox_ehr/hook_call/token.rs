//! The token of one call (CDS Hooks, "Trusting CDS Clients"), with what an EHR may have typed in by hand.

use crate::platform::clock;
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::twin::{Jku, Switches};
use crate::trust::{KeyName, Signature};
use serde_json::{Value, json};

/// How far before `iat` the token is good already, where `nbf` says so.
const BEFORE: i64 = 300;

/// A token for `url`, and what it says; `None` where it cannot be signed.
pub fn token_of_call(ehr: &SandboxEhr, url: &str, switches: &Switches, expired: bool) -> Option<(String, Value)> {
    let now = clock::now().as_second() + switches.clock_skew_seconds;
    let issued = if expired { now - switches.token_seconds - 3600 } else { now };
    let mut claims = json!({
        "iss": switches.issuer.as_deref().unwrap_or(&ehr.page_base),
        "aud": switches.audience.as_deref().unwrap_or(url),
        "iat": issued, "exp": issued + switches.token_seconds, "jti": uuid::Uuid::new_v4().to_string(),
    });
    if let Some(subject) = &switches.subject {
        claims["sub"] = subject.clone().into();
    }
    if switches.nbf {
        claims["nbf"] = (issued - BEFORE).into();
    }
    let signature = match switches.signature.as_deref() {
        Some("RS384") => Signature::Rs384,
        Some("ES384") => Signature::Es384,
        _ => ehr.signature,
    };
    let name = if switches.base64_kid { KeyName::Base64 } else { KeyName::Plain };
    let jku = match switches.jku {
        Jku::Own => Some(ehr.keys_address()),
        Jku::Epic => Some(format!("{}/api/epic/2019/Security/Open/PublicKeys/sandbox", ehr.page_base)),
        Jku::None => None,
    };
    let signed = ehr.keys().sign_as(signature, name, jku.as_deref(), &claims);
    let token = signed.inspect_err(|error| tracing::error!(%error, "a hook call could not be signed")).ok()?;
    let header = token.split('.').next().and_then(decoded).unwrap_or_default();
    Some((token, json!({"header": header, "claims": claims})))
}

fn decoded(part: &str) -> Option<Value> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}
