//! Tokens that lie. Every one gets the same bare 401, the log has the cause, and the next good call is answered.

use super::ehr::{CALL, Ehr, PUBLIC_URL, call_as, call_with, now, production, unsigned};
use crate::web::app::TestApp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

async fn app_of(ehr: &Ehr) -> TestApp {
    production(&[ehr.in_file()]).start().await
}

/// Good header and claims with one member changed; `null` takes it out.
fn changed(mut good: Value, member: &str, to: Value) -> Value {
    let members = good.as_object_mut().expect("an object");
    match to {
        Value::Null => drop(members.remove(member)),
        value => drop(members.insert(member.into(), value)),
    }
    good
}

/// Sends tokens with one claim changed.
async fn refuses_claims(ehr: &Ehr, app: &TestApp, cases: Vec<(&str, Value, &str)>) {
    for (claim, value, cause) in cases {
        let token = ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), claim, value));
        ehr.refused(&call_with(app, &token).await, cause);
    }
    ehr.calls(app).await;
}

/// Sends tokens with one header member changed.
async fn refuses_headers(ehr: &Ehr, app: &TestApp, cases: Vec<(&str, Value, &str)>) {
    for (member, value, cause) in cases {
        let token = ehr.sign(&changed(ehr.header(), member, value), &ehr.claims(CALL));
        ehr.refused(&call_with(app, &token).await, cause);
    }
    ehr.calls(app).await;
}

#[actix_web::test]
async fn ch_257_rs384_and_es384_tokens_are_accepted() {
    let (rsa, ec) = (Ehr::rs384(), Ehr::es384());
    let app = production(&[rsa.in_file(), ec.in_file()]).start().await;
    for _ in 0..2 {
        rsa.calls(&app).await;
        ec.calls(&app).await;
    }
}

#[actix_web::test]
async fn ch_255_unsigned_tokens_are_refused() {
    let ehr = Ehr::rs384();
    let app = app_of(&ehr).await;
    for algorithm in ["none", "NONE", "None", "nOnE"] {
        let header = changed(ehr.header(), "alg", algorithm.into()).to_string();
        let message = unsigned(&header, &ehr.claims(CALL).to_string());
        ehr.refused(&call_with(&app, &format!("{message}.")).await, "`alg` is unknown");
        ehr.refused(&call_with(&app, &ehr.sign_text(&header, &ehr.claims(CALL).to_string())).await, "`alg` is unknown");
    }
    let message = unsigned(&ehr.header().to_string(), &ehr.claims(CALL).to_string());
    ehr.refused(&call_with(&app, &format!("{message}.")).await, "signature");
    ehr.calls(&app).await;
}

#[actix_web::test]
async fn ch_256_the_public_key_is_no_secret_to_sign_with() {
    let ehr = Ehr::rs384();
    let app = app_of(&ehr).await;
    let jwk = ehr.jwk("k1");
    let modulus = jwk["n"].as_str().expect("a modulus").to_string();
    let secrets =
        [modulus.clone().into_bytes(), URL_SAFE_NO_PAD.decode(&modulus).expect("bytes"), jwk.to_string().into()];
    for (algorithm, secret) in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512].into_iter().zip(secrets) {
        let header = changed(ehr.header(), "alg", json!(algorithm)).to_string();
        let message = unsigned(&header, &ehr.claims(CALL).to_string());
        let key = EncodingKey::from_secret(&secret);
        let signature = crypto::sign(message.as_bytes(), &key, algorithm).expect("a signature");
        ehr.refused(&call_with(&app, &format!("{message}.{signature}")).await, "not among the client's algorithms");
    }
    ehr.calls(&app).await;
}

#[actix_web::test]
async fn a_key_of_one_kind_verifies_no_algorithm_of_another() {
    let ehr = Ehr::es384().with(r#"algorithms = ["ES384", "RS384", "ES256"]"#);
    let app = app_of(&ehr).await;
    refuses_headers(
        &ehr,
        &app,
        vec![
            ("alg", "RS384".into(), "does not fit the token's `alg`"),
            ("alg", "ES256".into(), "does not fit the token's `alg`"),
            ("alg", "PS384".into(), "not among the client's algorithms"),
        ],
    )
    .await;
}

#[actix_web::test]
async fn ch_258_bad_signatures_are_refused() {
    let (ehr, other) = (Ehr::rs384(), Ehr::es384());
    let app = app_of(&ehr).await;
    let token = ehr.token(CALL);
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let (header, _) = message.split_once('.').expect("a token");
    let forged_claims = URL_SAFE_NO_PAD.encode(ehr.claims(CALL).to_string());
    let flipped = format!("{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let as_ehr = other.sign(&ehr.header(), &ehr.claims(CALL));
    for forged in [format!("{message}.{flipped}"), format!("{header}.{forged_claims}.{signature}"), as_ehr] {
        ehr.refused(&call_with(&app, &forged).await, "signature");
    }
    assert_eq!(call_with(&app, &token).await.status, 200, "a forgery used up the token that it copied");
}

#[actix_web::test]
async fn ch_270_keys_that_a_token_brings_along_are_ignored() {
    let (ehr, attacker) = (Ehr::rs384(), Ehr::es384());
    let ehr = ehr.with(r#"algorithms = ["ES384", "RS384"]"#);
    let app = app_of(&ehr).await;
    let mut header = attacker.header();
    header["jwk"] = attacker.jwk("k1");
    header["x5u"] = "http://127.0.0.1:9/x".into();
    ehr.refused(&call_with(&app, &attacker.sign(&header, &ehr.claims(CALL))).await, "does not fit the token's `alg`");
    ehr.calls(&app).await;
}

#[actix_web::test]
async fn ch_259_ch_272_tokens_for_another_address_are_refused_and_the_host_header_says_nothing() {
    let ehr = Ehr::rs384();
    let app = app_of(&ehr).await;
    let own = |host: &str| format!("{host}{CALL}");
    let elsewhere = [
        own("https://evil.example"),
        own(&format!("http://{}", app.running.address)),
        own("http://cds.example.org"),
        format!("{PUBLIC_URL}{CALL}-evil"),
        format!("{PUBLIC_URL}{CALL}/"),
        format!("{PUBLIC_URL}{CALL}/feedback"),
        format!("{PUBLIC_URL}/cds-services"),
        format!("{PUBLIC_URL}/cds-services/another"),
        PUBLIC_URL.to_string(),
        String::new(),
    ];
    refuses_claims(&ehr, &app, elsewhere.into_iter().map(|aud| ("aud", aud.into(), "`aud`")).collect()).await;
    let token = ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), "aud", own("https://evil.example").into()));
    let headers = [
        ("content-type", "application/json"),
        ("authorization", &*format!("Bearer {token}")),
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
    ];
    ehr.refused(&app.post_with(CALL, &headers, super::ehr::body()).await, "`aud`");
}

#[actix_web::test]
async fn ch_260_an_audience_may_be_one_of_several() {
    let ehr = Ehr::rs384();
    let app = app_of(&ehr).await;
    let here = format!("{PUBLIC_URL}{CALL}");
    for audience in [json!([here]), json!(["https://other.example", here])] {
        let token = ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), "aud", audience));
        assert_eq!(call_with(&app, &token).await.status, 200);
    }
    refuses_claims(&ehr, &app, vec![("aud", json!([]), "`aud`"), ("aud", json!([7]), "wrong type")]).await;
}

#[actix_web::test]
async fn ch_261_ch_271_times_are_checked_with_a_minute_of_tolerance() {
    let ehr = Ehr::rs384();
    let app = app_of(&ehr).await;
    let mut late = ehr.claims(CALL);
    (late["iat"], late["exp"]) = ((now() - 300).into(), (now() - 30).into());
    assert_eq!(call_with(&app, &ehr.sign(&ehr.header(), &late)).await.status, 200, "the tolerance was not kept");
    refuses_claims(
        &ehr,
        &app,
        vec![
            ("exp", (now() - 600).into(), "expired"),
            ("exp", (now() + 24 * 3600).into(), "longer than an hour"),
            ("exp", json!(9.0e99), "outside the calendar"),
            ("exp", (now() + 300).to_string().into(), "wrong type"),
            ("iat", (now() + 200).into(), "future"),
            ("iat", true.into(), "wrong type"),
            ("nbf", (now() + 200).into(), "future"),
        ],
    )
    .await;
}

#[actix_web::test]
async fn ch_263_a_token_without_a_required_part_is_refused() {
    let ehr = Ehr::rs384();
    let app = app_of(&ehr).await;
    refuses_claims(
        &ehr,
        &app,
        vec![
            ("aud", Value::Null, "no `aud`"),
            ("exp", Value::Null, "no `exp`"),
            ("iat", Value::Null, "no `iat`"),
            ("jti", Value::Null, "no `jti`"),
            ("jti", "".into(), "empty or longer"),
            ("jti", "x".repeat(257).into(), "empty or longer"),
            ("jti", 7.into(), "wrong type"),
        ],
    )
    .await;
    refuses_headers(
        &ehr,
        &app,
        vec![
            ("alg", Value::Null, "`alg` is unknown"),
            ("kid", Value::Null, "no `kid`"),
            ("kid", "".into(), "no `kid`"),
            ("kid", "../../etc/passwd".into(), "no key of the client"),
            ("kid", "k1' or '1'='1".into(), "no key of the client"),
            ("typ", Value::Null, "`typ`"),
            ("typ", "at+jwt".into(), "`typ`"),
            ("crit", json!(["exp"]), "`crit`"),
            ("jku", "https://evil.example/jwks".into(), "`jku`"),
        ],
    )
    .await;
    let twice = format!(r#"{{"iss": "{}", "iss": "{}"}}"#, ehr.issuer, ehr.issuer);
    assert_eq!(call_with(&app, &ehr.sign_text(&ehr.header().to_string(), &twice)).await.status, 401);
    for jti in ["x".repeat(256), "\u{0}\u{1F642}' --".into()] {
        let token = ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), "jti", jti.into()));
        assert_eq!(call_with(&app, &token).await.status, 200);
    }
    let lower_case = ehr.sign(&changed(ehr.header(), "typ", "jwt".into()), &ehr.claims(CALL));
    assert_eq!(call_with(&app, &lower_case).await.status, 200);
}

#[actix_web::test]
async fn ch_264_a_tenant_is_checked_where_tenants_are_configured() {
    let ehr = Ehr::rs384().with(r#"tenants = ["north", "south"]"#);
    let app = app_of(&ehr).await;
    let north = ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), "tenant", "north".into()));
    assert_eq!(call_with(&app, &north).await.status, 200);
    for (tenant, cause) in [(Value::Null, "`tenant`"), ("west".into(), "`tenant`"), (json!(["north"]), "wrong type")] {
        let token = ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), "tenant", tenant));
        ehr.refused(&call_with(&app, &token).await, cause);
    }
}

#[actix_web::test]
async fn ch_254_ch_265_ch_275_what_is_no_token_of_a_known_issuer_gets_the_same_answer() {
    let (ehr, stranger) = (Ehr::rs384(), Ehr::es384());
    let app = app_of(&ehr).await;
    let forged = ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), "exp", 1.into()));
    let expected = super::ehr::bare(&call_with(&app, &forged).await);
    assert_eq!(expected.0, 401);
    let long = format!("Bearer {}", ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), "x", "x".repeat(8192).into())));
    let tokens = [
        format!("Bearer {}", stranger.token(CALL)),
        format!("Basic {}", ehr.token(CALL)),
        format!("Token {}", ehr.token(CALL)),
        format!("Bearer {}, Bearer {}", ehr.token(CALL), ehr.token(CALL)),
        format!("Bearer {}=", ehr.token(CALL)),
        "Bearer 2YotnFZFEjr1zCsicMWpAA".into(),
        "Bearer a.b.c.d.e".into(),
        "Bearer".into(),
        long,
    ];
    for authorization in tokens {
        assert_eq!(super::ehr::bare(&call_as(&app, &authorization).await), expected, "{authorization:.30}");
    }
    let in_query = format!("{CALL}?access_token={}", ehr.token(CALL));
    assert_eq!(super::ehr::bare(&app.post(&in_query, "{}").await), expected, "a token in the query was read");
    ehr.calls(&app).await;
}

#[actix_web::test]
async fn ch_266_no_token_reaches_the_log_or_the_database() {
    let ehr = Ehr::rs384();
    let app = app_of(&ehr).await;
    let good = ehr.token(CALL);
    let forged = ehr.sign(&ehr.header(), &changed(ehr.claims(CALL), "exp", 1.into()));
    assert_eq!(call_with(&app, &good).await.status, 200);
    ehr.refused(&call_with(&app, &forged).await, "expired");
    app.running.close_database().await;
    let mut kept = crate::web::logs::read();
    kept.push_str(&app.database.everything().await);
    for part in good.split('.').chain(forged.split('.')).filter(|part| part.len() > 60) {
        assert!(!kept.contains(part), "a part of a token was kept");
    }
}
