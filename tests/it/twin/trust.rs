//! Who calls: the token of discovery, calls and feedback.

use super::stage::{CARD, Received, Stage};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Header and claims of a token that the published keys verify for this audience.
pub async fn verified(stage: &Stage, token: &str, audience: &str) -> (jsonwebtoken::Header, Value) {
    let header = jsonwebtoken::decode_header(token).expect("a header");
    let keys: JwkSet = serde_json::from_value(stage.get("/.well-known/jwks.json").await).expect("a key set");
    let kid = header.kid.clone().expect("a kid");
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("published")).expect("a key");
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[audience]);
    validation.validate_exp = false;
    (header.clone(), jsonwebtoken::decode::<Value>(token, &key, &validation).expect("a good token").claims)
}

async fn three(stage: &Stage) -> Vec<Received> {
    stage.service.shows(json!({}));
    stage.fire("patient-view").await;
    stage.post(&format!("/control/cards/{CARD}/dismiss"), json!({})).await;
    let all = stage.service.all();
    assert_eq!(all.len(), 3, "discovery, call, feedback");
    all
}

#[actix_web::test]
async fn ch_240_241_242_244_245_247_248_249_discovery_call_and_feedback_are_signed_for_their_address() {
    let stage = Stage::start().await;
    let host = stage.service.base.strip_suffix("/a/b").expect("a path").to_owned();
    for one in three(&stage).await {
        let (header, claims) = verified(&stage, one.token(), &format!("{host}{}", one.path)).await;
        assert!(matches!(header.alg, Algorithm::ES384 | Algorithm::RS384));
        assert_eq!(header.typ.as_deref(), Some("JWT"));
        assert_eq!(header.jku, Some(format!("{}/.well-known/jwks.json", stage.page)));
        assert_eq!(
            (&claims["iss"], claims["aud"].as_str()),
            (&json!(stage.page), Some(&*format!("{host}{}", one.path)))
        );
        assert!(claims["exp"].is_u64() && claims["iat"].is_u64() && claims["jti"].is_string(), "{claims}");
    }
}

#[actix_web::test]
async fn ch_243_250_251_keys_are_public_have_one_name_each_and_change() {
    let stage = Stage::start().await;
    let kids = |set: &Value| -> BTreeSet<String> {
        set["keys"].as_array().expect("keys").iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
    };
    let first = stage.get("/.well-known/jwks.json").await;
    assert_eq!(kids(&first).len(), first["keys"].as_array().map_or(0, Vec::len));
    let secret = |key: &Value| ["d", "p", "q", "dp", "dq", "qi", "k"].iter().any(|member| key.get(member).is_some());
    assert!(!first["keys"].as_array().expect("keys").iter().any(secret));
    stage.post("/control/keys/rotate", json!({})).await;
    let both = stage.get("/.well-known/jwks.json").await;
    assert!(kids(&both).is_superset(&kids(&first)) && kids(&both).len() == 2 * kids(&first).len());
    stage.fire("patient-view").await;
    let signer = jsonwebtoken::decode_header(stage.service.last().token()).expect("a header").kid.expect("a kid");
    assert!(!kids(&first).contains(&signer), "the new key signs");
    stage.post("/control/keys/rotate", json!({})).await;
    assert!(kids(&stage.get("/.well-known/jwks.json").await).is_disjoint(&kids(&first)));
}

#[actix_web::test]
async fn ch_246_no_token_is_used_twice() {
    let stage = Stage::start().await;
    for _ in 0..50 {
        stage.fire("patient-view").await;
    }
    let all = stage.service.all();
    let claims = |one: &Received| {
        use base64::Engine as _;
        let part = one.token().split('.').nth(1).expect("claims").to_owned();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")["jti"].as_str().expect("a jti").to_owned()
    };
    assert_eq!((all.len(), all.iter().map(claims).collect::<BTreeSet<_>>().len()), (100, 100));
}
