//! Keys that must not be believed, beside one that may: a bad key hinders no good one.

use super::ehr::{CALL, Ehr, call_with, production};
use serde_json::{Value, json};

/// The modulus of an RSA key of 1,024 bits; nobody needs its private part, because it is refused before.
const SHORT_MODULUS: &str = "tuBwKm83_Zw6cAhspVUjmeHxW6sacIyQpkduYWzvSMC2ov1YWt6Vs4tQtB3wW2Z--MA44VTbLqr7-QF8Lp_SmC4WQWUurGZE5dD7oW9SwGKK8bTt-YguWReXhdUfPGyU8EjhozkMfqNww4QVOLgLPytNJhO0DLxR9e4H3SgeVMk";

fn named(ehr: &Ehr, kid: &str) -> Value {
    let mut header = ehr.header();
    header["kid"] = kid.into();
    header
}

#[actix_web::test]
async fn short_symmetric_foreign_and_doubled_keys_are_refused_beside_a_good_one() {
    let ehr = Ehr::rs384();
    let with = |kid: &str, member: &str, value: Value| {
        let mut jwk = ehr.jwk(kid);
        jwk[member] = value;
        jwk
    };
    let keys = json!({"keys": [
        ehr.jwk("k1"),
        {"kid": "short", "kty": "RSA", "n": SHORT_MODULUS, "e": "AQAB"},
        {"kid": "secret", "kty": "oct", "k": ehr.jwk("k1")["n"]},
        ehr.jwk("twice"),
        ehr.jwk("twice"),
        with("encrypts", "use", "enc".into()),
        with("wraps", "key_ops", json!(["wrapKey"])),
        with("rs256", "alg", "RS256".into()),
        {"kid": "new", "kty": "AKP", "pub": "AAAA"},
    ]});
    let app = production(&[ehr.in_file_of(&keys)]).start().await;
    for (kid, cause) in [
        ("short", "RSA below 2048 bits"),
        ("secret", "symmetric"),
        ("twice", "several keys"),
        ("encrypts", "not for signatures"),
        ("wraps", "not for signatures"),
        ("rs256", "does not fit"),
        ("new", "kind is not known"),
        ("absent", "no key of the client"),
    ] {
        let token = ehr.sign(&named(&ehr, kid), &ehr.claims(CALL));
        ehr.refused(&call_with(&app, &token).await, cause);
        ehr.calls(&app).await;
    }
}

#[actix_web::test]
async fn a_client_with_a_key_file_accepts_no_jku() {
    let ehr = Ehr::es384();
    let app = production(&[ehr.in_file()]).start().await;
    let mut header = ehr.header();
    header["jku"] = format!("{}/jwks", ehr.issuer).into();
    ehr.refused(&call_with(&app, &ehr.sign(&header, &ehr.claims(CALL))).await, "`jku`");
    ehr.calls(&app).await;
}
