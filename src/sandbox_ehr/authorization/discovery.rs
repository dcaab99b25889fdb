//! What others may know beforehand: where things are, what is understood, and the public keys.
//!
//! Scripts of any origin may read it, as SMART asks.

use super::super::SandboxEhr;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, HeaderName};
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

/// Lets scripts of any origin read an answer; none carries cookies.
pub const ANY_ORIGIN: (HeaderName, &str) = (ACCESS_CONTROL_ALLOW_ORIGIN, "*");

type Ehr = web::Data<SandboxEhr>;

fn scopes() -> Value {
    json!([
        "openid",
        "fhirUser",
        "profile",
        "launch",
        "launch/patient",
        "launch/encounter",
        "online_access",
        "offline_access",
        "patient/*.rs",
        "user/*.rs",
        "system/*.rs"
    ])
}

/// SMART App Launch 2.2, "Conformance".
pub async fn smart_configuration(ehr: Ehr) -> HttpResponse {
    let server = &ehr.authorization;
    HttpResponse::Ok().json(json!({
        "issuer": server.issuer,
        "jwks_uri": ehr.keys_address(),
        "authorization_endpoint": server.endpoint("authorize"),
        "token_endpoint": server.endpoint("token"),
        "introspection_endpoint": server.endpoint("introspect"),
        "revocation_endpoint": server.endpoint("revoke"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "scopes_supported": scopes(),
        "capabilities": [
            "launch-ehr", "launch-standalone", "authorize-post",
            "client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
            "sso-openid-connect", "context-banner",
            "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient", "context-standalone-encounter",
            "permission-offline", "permission-online", "permission-patient", "permission-user",
            "permission-v1", "permission-v2",
        ],
    }))
}

/// OpenID Connect Discovery 1.0, section 3.
pub async fn openid_configuration(ehr: Ehr) -> HttpResponse {
    let server = &ehr.authorization;
    HttpResponse::Ok().insert_header(ANY_ORIGIN).json(json!({
        "issuer": server.issuer,
        "jwks_uri": ehr.keys_address(),
        "authorization_endpoint": server.endpoint("authorize"),
        "token_endpoint": server.endpoint("token"),
        "introspection_endpoint": server.endpoint("introspect"),
        "revocation_endpoint": server.endpoint("revoke"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": scopes(),
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "fhirUser", "profile"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

/// The public halves of the keys that sign `id_token`s and hook calls, which may be kept for five minutes.
pub async fn jwks(ehr: Ehr) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ANY_ORIGIN)
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .json(ehr.published_keys())
}
