//! Forged and foreign `id_token`s (items 11 to 13): none opens a session. The list of claims one by one is a test of the
//! module itself; here whole tokens come from a token endpoint.

use super::browser::Browser;
use super::ehr_of_tests::{Server, TestEhr, public_key, rsa, signed, tokens};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// A token with any header at all, signed by `sign`.
fn made(header: &Value, claims: &Value, sign: impl FnOnce(&str) -> String) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    format!("{message}.{}", sign(&message))
}

fn hs256(key: &[u8], claims: &Value) -> String {
    let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(key)).expect("signed")
}

fn rs(algorithm: Algorithm, kid: &str, claims: &Value) -> String {
    let header = Header { kid: Some(kid.into()), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, &rsa()).expect("signed")
}

fn but(claims: &Value, name: &str, value: Value) -> String {
    let mut claims = claims.clone();
    claims[name] = value;
    signed(&claims)
}

/// Claims in, a token out that must not open anything.
type Forgery = Box<dyn Fn(&Value) -> String>;

#[actix_web::test]
async fn no_forged_or_foreign_id_token_opens_a_session() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    let public = public_key().to_string();
    let forgeries: Vec<(&str, Forgery)> = vec![
        ("alg none", Box::new(|claims| made(&json!({"alg": "none", "kid": "k1"}), claims, |_| String::new()))),
        ("HS256 with the public key", Box::new(move |claims| hs256(public.as_bytes(), claims))),
        ("an algorithm that was not registered", Box::new(|claims| rs(Algorithm::RS384, "k1", claims))),
        ("an unknown kid", Box::new(|claims| rs(Algorithm::RS256, "k2", claims))),
        (
            "a key of its own",
            Box::new(|claims| {
                let header = json!({"alg": "RS256", "kid": "mine", "jwk": public_key(), "jku": "http://127.0.0.1:9/k"});
                let signature = |message: &str| {
                    jsonwebtoken::crypto::sign(message.as_bytes(), &rsa(), Algorithm::RS256).expect("signed")
                };
                made(&header, claims, signature)
            }),
        ),
        (
            "a changed signature",
            Box::new(|claims| {
                let token = signed(claims);
                let (message, _) = token.rsplit_once('.').expect("parts");
                format!("{message}.{}", URL_SAFE_NO_PAD.encode([7; 256]))
            }),
        ),
        ("another aud", Box::new(|claims| but(claims, "aud", json!("other-app")))),
        ("two audiences and no azp", Box::new(|claims| but(claims, "aud", json!(["app", "other-app"])))),
        ("another azp", Box::new(|claims| but(claims, "azp", json!("other-app")))),
        ("another nonce", Box::new(|claims| but(claims, "nonce", json!("n")))),
        ("no nonce", Box::new(|claims| but(claims, "nonce", Value::Null))),
        ("another iss", Box::new(|claims| but(claims, "iss", json!("https://evil.example")))),
        ("over", Box::new(|claims| but(claims, "exp", json!(claims["iat"].as_i64().expect("a time") - 60)))),
        ("the hash of another token", Box::new(|claims| but(claims, "at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")))),
        ("no JWT", Box::new(|_| "nonsense".into())),
    ];
    for (name, forge) in forgeries {
        let sent = server.launch(&browser, &ehr.fhir()).await;
        let mut answer = tokens();
        answer["id_token"] = forge(&ehr.claims(&sent.parameter("nonce"))).into();
        ehr.answers(200, answer);
        let query = [("code", "c"), ("state", &*sent.parameter("state"))];
        let back = server.come_back(&browser, "north", &query).await;
        assert_eq!(back.status, 502, "{name}: {}", back.text);
        server.patient(&browser).await.says(403, "No patient is open here");
    }
}

#[actix_web::test]
async fn a_token_that_names_no_key_is_verified_by_the_only_one() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    for (header, status) in [(Header::new(Algorithm::RS256), 303), (Header { typ: None, ..Header::default() }, 502)] {
        let sent = server.launch(&browser, &ehr.fhir()).await;
        let claims = ehr.claims(&sent.parameter("nonce"));
        let key = if status == 303 { rsa() } else { EncodingKey::from_secret(public_key().to_string().as_bytes()) };
        let mut answer = tokens();
        answer["id_token"] = jsonwebtoken::encode(&header, &claims, &key).expect("signed").into();
        ehr.answers(200, answer);
        let query = [("code", "c"), ("state", &*sent.parameter("state"))];
        assert_eq!(server.come_back(&browser, "north", &query).await.status, status, "{:?}", header.alg);
    }
}

#[actix_web::test]
async fn a_good_id_token_says_who_looks_and_a_user_of_another_server_is_nobody() {
    let (ehr, browser) = (TestEhr::start(), Browser::default());
    let server = Server::at(&[("north", &ehr.fhir(), "")]).await;
    for (user, shown) in [
        ("Practitioner/u-1".to_owned(), true),
        (format!("{}/Practitioner/u-1", ehr.fhir()), true),
        ("http://127.0.0.1:9/fhir/Practitioner/u-1".to_owned(), false),
        ("Device/u-1".to_owned(), false),
    ] {
        let sent = server.launch(&browser, &ehr.fhir()).await;
        let mut claims = ehr.claims(&sent.parameter("nonce"));
        claims["fhirUser"] = user.clone().into();
        let mut answer = tokens();
        answer["id_token"] = signed(&claims).into();
        ehr.answers(200, answer);
        let query = [("code", "c"), ("state", &*sent.parameter("state"))];
        assert_eq!(server.come_back(&browser, "north", &query).await.status, 303, "{user}");
        let page = server.patient(&browser).await;
        assert_eq!((page.status, page.text.contains("u-1")), (200, shown), "{user}: {}", page.text);
    }
}
