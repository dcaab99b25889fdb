//! `/token`, `/introspect`, `/revoke`, and what tokens let be read.

use super::app::{Request, VERIFIER, redeeming, text, tokens};
use super::twin::{RESOURCE, Twin};
use crate::trust::ehr::unsigned;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;
use prodrome::platform::clock;
use prodrome::sandbox_ehr::Lives;
use serde_json::{Value, json};
use std::time::Duration;

const ASSERTION: (&str, &str) = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

fn error(name: &str) -> (u16, String) {
    (if name == "invalid_client" { 401 } else { 400 }, name.to_owned())
}

async fn code(twin: &Twin) -> String {
    Request::launched(twin, &twin.handle().await, "offline_access patient/*.rs").code(twin).await
}

/// The form of a client that says who it is in another way than by `client_id`.
fn nameless(code: &str) -> Vec<(&'static str, &str)> {
    redeeming(code).into_iter().filter(|(name, _)| *name != "client_id").collect()
}

/// What `/introspect` tells the client that has a secret.
async fn introspected(twin: &Twin, token: &str) -> Value {
    let answer = twin.with_secret("/introspect", &[("token", token)]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{}", answer.text());
    answer.json()
}

#[actix_web::test]
async fn a_code_used_twice_is_refused_and_ends_the_tokens_that_came_of_it() {
    let twin = Twin::start();
    let code = code(&twin).await;
    let first = twin.post("/token", &redeeming(&code)).await.json();
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    assert_eq!(twin.fhir("Patient/ann", access).await.status, 200);
    assert_eq!(twin.post("/token", &redeeming(&code)).await.error(), error("invalid_grant"));
    assert_eq!(twin.fhir("Patient/ann", access).await.status, 401);
    let form = [("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", refresh)];
    assert_eq!(twin.post("/token", &form).await.error(), error("invalid_grant"));
}

#[actix_web::test]
async fn a_code_is_for_its_verifier_its_address_and_its_client() {
    let twin = Twin::start();
    let other = VERIFIER.to_uppercase();
    for (name, value, expected) in [
        ("code_verifier", other.as_str(), "invalid_grant"),
        ("code_verifier", "short", "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("redirect_uri", "http://127.0.0.1:3000/callback/other?a=b", "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("client_id", "other", "invalid_grant"),
        ("client_id", "secret", "invalid_client"),
        ("client_id", "nobody", "invalid_client"),
        ("client_id", "", "invalid_client"),
        ("code", "made-up", "invalid_grant"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "", "invalid_request"),
    ] {
        let code = code(&twin).await;
        let mut form = redeeming(&code);
        form.retain(|(known, _)| *known != name);
        form.push((name, value));
        assert_eq!(twin.post("/token", &form).await.error(), error(expected), "{name} {value}");
    }
    let mut twice = vec![("client_id", "public")];
    let code = code(&twin).await;
    twice.extend(redeeming(&code));
    assert_eq!(twin.post("/token", &twice).await.error(), error("invalid_request"));
}

#[actix_web::test]
async fn codes_and_tokens_end() {
    let short = Twin::living(Lives { code: Duration::ZERO, ..Lives::default() });
    let code = code(&short).await;
    assert_eq!(short.post("/token", &redeeming(&code)).await.error(), error("invalid_grant"));
    let short = Twin::living(Lives { access: Duration::ZERO, ..Lives::default() });
    let response = tokens(&short, "patient/*.rs").await;
    assert_eq!(short.fhir("Patient/ann", text(&response, "access_token")).await.status, 401);
    assert_eq!(introspected(&short, text(&response, "access_token")).await, json!({"active": false}));
}

#[actix_web::test]
async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_family() {
    let twin = Twin::start();
    let first = tokens(&twin, "openid offline_access patient/*.rs").await;
    let refresh = async |token: &str, scope: &str| {
        let form =
            [("grant_type", "refresh_token"), ("client_id", "public"), ("refresh_token", token), ("scope", scope)];
        twin.post("/token", &form).await
    };
    let stolen = text(&first, "refresh_token");
    // Too much is asked for: refused, and the token is still good.
    assert_eq!(refresh(stolen, "patient/*.rs user/*.rs").await.error(), error("invalid_scope"));
    let second = refresh(stolen, "patient/Observation.rs").await.json();
    assert_eq!((&second["scope"], &second["patient"]), (&json!("patient/Observation.rs"), &json!("ann")));
    assert!(second["expires_in"].is_u64());
    let third = refresh(text(&second, "refresh_token"), "").await.json();
    assert_eq!(third["scope"], "launch openid offline_access patient/*.rs", "narrower once, not for ever");
    assert_eq!(twin.fhir("Patient/ann", text(&third, "access_token")).await.status, 200);
    assert_eq!(refresh(stolen, "").await.error(), error("invalid_grant"));
    assert_eq!(twin.fhir("Patient/ann", text(&third, "access_token")).await.status, 401);
    assert_eq!(refresh(text(&third, "refresh_token"), "").await.error(), error("invalid_grant"));
    let other = tokens(&twin, "offline_access").await;
    let form =
        [("grant_type", "refresh_token"), ("client_id", "other"), ("refresh_token", text(&other, "refresh_token"))];
    assert_eq!(twin.post("/token", &form).await.error(), error("invalid_grant"), "another client's");
}

#[actix_web::test]
async fn each_client_shows_who_it_is_in_its_own_way() {
    let twin = Twin::start();
    let code = async |client: &str| {
        let request = Request::standalone(&twin, "openid user/*.rs").but("client_id", client);
        let page = request.send(&twin).await.text();
        let chosen =
            page.split_once("name=\"request\" value=\"").expect("a request").1.split_once('"').expect("an end").0;
        let form = [("request", chosen), ("user", "sandbox"), ("answer", "allow")];
        super::app::returned(&twin.post("/authorize/choice", &form).await)["code"].clone()
    };
    let of_secret = code("secret").await;
    let pairs = nameless(&of_secret);
    let wrong = format!("Basic {}", STANDARD.encode("secret:guess"));
    assert_eq!(twin.post_with("/token", &wrong, &pairs).await.error(), error("invalid_client"));
    assert_eq!(twin.with_secret("/token", &pairs).await.status, 200);
    let of_signing = code("signing").await;
    let mut pairs = nameless(&of_signing);
    let assertion = twin.assertion("signing");
    pairs.extend([ASSERTION, ("client_assertion", assertion.as_str())]);
    assert_eq!(twin.with_secret("/token", &pairs).await.error(), error("invalid_request"), "two ways at once");
    assert_eq!(twin.post("/token", &pairs).await.status, 200);
    assert_eq!(twin.post("/token", &pairs).await.error(), error("invalid_client"), "an assertion used before");
}

#[actix_web::test]
async fn only_clients_with_keys_get_tokens_for_themselves() {
    let twin = Twin::start();
    let form = [("grant_type", "client_credentials"), ("scope", "system/*.rs")];
    assert_eq!(twin.with_secret("/token", &form).await.error(), error("unauthorized_client"));
    let (backend, signing) = (twin.assertion("backend"), twin.assertion("signing"));
    let signed = |assertion| [form[0], form[1], ASSERTION, ("client_assertion", assertion)];
    let answer = twin.post("/token", &signed(backend.as_str())).await.json();
    assert_eq!((&answer["scope"], &answer["expires_in"]), (&json!("system/*.rs"), &json!(300)));
    assert_eq!(twin.fhir("Observation?patient=bob", text(&answer, "access_token")).await.json()["total"], 1);
    assert_eq!(twin.post("/token", &signed(signing.as_str())).await.error(), error("invalid_scope"));
}

#[actix_web::test]
async fn an_assertion_that_is_not_right_in_every_part_is_nobodys() {
    let twin = Twin::start();
    let (key, kid) = twin.private_key();
    let now = prodrome::platform::clock::now().as_second();
    let ask = async |header: Value, claims: Value| {
        let message = unsigned(&header.to_string(), &claims.to_string());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::ES384).expect("a signature");
        let assertion = format!("{message}.{}", if header["alg"] == "none" { "" } else { &signature });
        let form = [("grant_type", "client_credentials"), ("scope", "system/*.rs"), ASSERTION];
        let form: Vec<_> = form.into_iter().chain([("client_assertion", assertion.as_str())]).collect();
        twin.post("/token", &form).await
    };
    let header = json!({"alg": "ES384", "typ": "JWT", "kid": kid});
    let claims = || {
        json!({"iss": "backend", "sub": "backend", "aud": twin.url("/token"), "iat": now, "exp": now + 120,
               "jti": uuid::Uuid::new_v4().to_string()})
    };
    assert_eq!(ask(header.clone(), claims()).await.status, 200);
    for (member, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS384")),
        ("alg", json!("RS384")),
        ("alg", json!("ES256")),
        ("kid", json!("another")),
        ("jku", json!("https://evil.example/jwks")),
        ("typ", json!("at+jwt")),
    ] {
        let mut header = header.clone();
        header[member] = value;
        assert_eq!(ask(header.clone(), claims()).await.error(), error("invalid_client"), "{header}");
    }
    for (member, value) in [
        ("exp", json!(now + 3600)),
        ("exp", json!(now - 120)),
        ("aud", json!(twin.url("/introspect"))),
        ("aud", json!(twin.page)),
        ("sub", json!("signing")),
        ("iss", json!("nobody")),
        ("jti", json!("")),
    ] {
        let mut claims = claims();
        claims[member] = value;
        assert_eq!(ask(header.clone(), claims.clone()).await.error(), error("invalid_client"), "{claims}");
    }
}

#[actix_web::test]
async fn a_token_for_observations_of_one_patient_reads_nothing_else() {
    let twin = Twin::start();
    let response = tokens(&twin, "patient/Observation.rs").await;
    let token = text(&response, "access_token");
    for (path, status) in [
        ("Observation/ann-o", 200),
        ("Observation?patient=ann", 200),
        ("Condition/ann-c", 403),
        ("Condition?patient=ann", 403),
        ("Patient/ann", 403),
        ("Observation/bob-o", 404),
        ("Observation?patient=bob", 403),
        ("Observation?patient=ann&subject=bob", 403),
        ("Practitioner/sandbox", 403),
    ] {
        assert_eq!(twin.fhir(path, token).await.status, status, "{path}");
    }
    let read_only = tokens(&twin, "patient/Observation.r").await;
    assert_eq!(twin.fhir("Observation?patient=ann", text(&read_only, "access_token")).await.status, 403);
    let user = tokens(&twin, "user/Observation.rs").await;
    assert_eq!(twin.fhir("Observation/bob-o", text(&user, "access_token")).await.status, 200);
    assert_eq!(twin.fhir("Patient/ann", "made-up").await.status, 401);
    assert_eq!(twin.get(&format!("/fhir/Observation/ann-o?access_token={token}")).await.status, 401, "in the address");
    let id_token = tokens(&twin, "openid patient/*.rs").await;
    assert_eq!(twin.fhir("Patient/ann", text(&id_token, "id_token")).await.status, 401, "an id_token");
}

#[actix_web::test]
async fn introspection_tells_those_who_may_know_what_a_token_is_good_for() {
    let twin = Twin::start();
    let response = tokens(&twin, "openid fhirUser offline_access patient/*.rs").await;
    let token = text(&response, "access_token");
    let told = introspected(&twin, token).await;
    for (member, value) in [
        ("active", json!(true)),
        ("client_id", json!("public")),
        ("scope", response["scope"].clone()),
        ("patient", json!("ann")),
        ("iss", json!(twin.page)),
        ("aud", json!([format!("{}/fhir", twin.page), RESOURCE])),
        ("fhirUser", json!(format!("{}/fhir/Practitioner/sandbox", twin.page))),
    ] {
        assert_eq!(told[member], value, "{member} of {told}");
    }
    let life = told["exp"].as_i64().expect("a time") - told["iat"].as_i64().expect("a time");
    assert!(life == 3600 && told["sub"].is_string(), "{told}");
    for unknown in ["made-up", text(&response, "refresh_token"), text(&response, "id_token")] {
        assert_eq!(introspected(&twin, unknown).await, json!({"active": false}));
    }
    let public = twin.post("/introspect", &[("client_id", "public"), ("token", token)]).await;
    assert_eq!(public.error(), error("invalid_client"), "keeps no secret");
    let bearer = format!("Bearer {token}");
    assert_eq!(twin.post_with("/introspect", &bearer, &[("token", token)]).await.status, 401, "a user's token");
    let assertion = twin.assertion("backend");
    let form =
        [("grant_type", "client_credentials"), ("scope", "system/*.rs"), ASSERTION, ("client_assertion", &assertion)];
    let system = twin.post("/token", &form).await.json();
    let bearer = format!("Bearer {}", text(&system, "access_token"));
    assert_eq!(twin.post_with("/introspect", &bearer, &[("token", token)]).await.json()["active"], true);
}

#[actix_web::test]
async fn an_assertion_names_the_token_endpoint_or_the_address_where_it_is_used_once() {
    let twin = Twin::start();
    let response = tokens(&twin, "patient/*.rs").await;
    let token = text(&response, "access_token");
    let send = async |path: &str, assertion: &str| {
        twin.post(path, &[ASSERTION, ("client_assertion", assertion), ("token", token)]).await
    };
    for (path, audience, status) in [
        ("/introspect", "/introspect", 200),
        ("/introspect", "/token", 200),
        ("/introspect", "/revoke", 401),
        ("/introspect", "/fhir", 401),
        ("/introspect", "", 401),
        ("/revoke", "/introspect", 401),
        ("/revoke", "/revoke", 200),
    ] {
        let assertion = twin.keys.assertion("signing", &twin.url(audience), clock::now()).expect("signed");
        let answer = send(path, &assertion).await;
        assert_eq!(answer.status, status, "{path} {audience}: {}", answer.text());
        assert!(path == "/revoke" || status != 200 || answer.json()["active"] == true);
        assert_eq!(send(path, &assertion).await.status, 401, "{path} {audience}: a second time");
    }
}

#[actix_web::test]
async fn a_client_ends_its_own_tokens_and_nobody_elses() {
    let twin = Twin::start();
    let response = tokens(&twin, "offline_access patient/*.rs").await;
    let (access, refresh) = (text(&response, "access_token"), text(&response, "refresh_token"));
    let revoke =
        async |client: &str, token: &str| twin.post("/revoke", &[("client_id", client), ("token", token)]).await;
    assert_eq!(revoke("other", access).await.status, 200);
    assert_eq!(revoke("other", refresh).await.status, 200);
    assert_eq!(twin.fhir("Patient/ann", access).await.status, 200, "another client asked");
    assert_eq!(revoke("public", refresh).await.status, 200);
    assert_eq!(twin.fhir("Patient/ann", access).await.status, 401);
    assert_eq!(revoke("nobody", refresh).await.error(), error("invalid_client"));
}
