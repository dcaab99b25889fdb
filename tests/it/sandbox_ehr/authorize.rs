//! `/authorize` and the launches before it.

use super::app::{NONCE, Request, STATE, redeeming, returned, text, tokens};
use super::twin::{LAUNCH, Twin};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use prodrome::sandbox_ehr::Lives;
use serde_json::{Value, json};
use std::time::Duration;

const ALL: &str = "openid fhirUser offline_access patient/*.rs";

#[actix_web::test]
async fn an_app_that_the_ehr_launches_gets_a_token_with_its_context_and_reads_the_chart() {
    let twin = Twin::start();
    let parameters = json!({"patient": "ann", "encounter": "ann-old", "appContext": "card \"7\"", "intent": "show",
                            "need_patient_banner": false, "smart_messaging_origin": "https://sandbox.example.org"});
    let launched = twin.launch(&json!({"launchUrl": format!("{LAUNCH}?x=1"), "parameters": parameters})).await.json();
    let request = Request::launched(&twin, text(&launched, "launch_id"), ALL);
    let back = returned(&request.send(&twin).await);
    assert_eq!((back["state"].as_str(), back["iss"].as_str()), (STATE, twin.page.as_str()));
    let answer = twin.post("/token", &redeeming(&back["code"])).await;
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    let response = answer.json();
    for (member, value) in [
        ("token_type", json!("Bearer")),
        ("expires_in", json!(3600)),
        ("scope", json!(format!("launch {ALL}"))),
        ("patient", json!("ann")),
        ("encounter", json!("ann-old")),
        ("intent", json!("show")),
        ("need_patient_banner", json!(false)),
        ("appContext", json!("card \"7\"")),
    ] {
        assert_eq!(response[member], value, "{member} of {response}");
    }
    let chart = twin.fhir("Observation?patient=ann", text(&response, "access_token")).await.json();
    assert_eq!(chart["total"], 1, "{chart}");
}

#[actix_web::test]
async fn the_id_token_is_verified_by_the_published_keys_and_names_the_user() {
    let twin = Twin::start();
    let response = tokens(&twin, ALL).await;
    let id_token = text(&response, "id_token");
    let issuer = twin.get("/fhir/.well-known/smart-configuration").await.json()["issuer"].clone();
    let discovered = twin.get("/.well-known/openid-configuration").await.json();
    assert_eq!((&discovered["issuer"], issuer.as_str()), (&issuer, Some(twin.page.as_str())));
    let keys = text(&discovered, "jwks_uri").strip_prefix(&twin.page).expect("an address of the page").to_owned();
    let keys: JwkSet = serde_json::from_value(twin.get(&keys).await.json()).expect("a key set");
    let header = jsonwebtoken::decode_header(id_token).expect("a header");
    let key = keys.find(header.kid.as_deref().expect("a kid")).expect("a published key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["public"]);
    validation.set_issuer(&[&twin.page]);
    let key = DecodingKey::from_jwk(key).expect("a key");
    let claims = jsonwebtoken::decode::<Value>(id_token, &key, &validation).expect("a good id_token").claims;
    assert_eq!(claims["nonce"], NONCE);
    let user = text(&claims, "fhirUser").strip_prefix(&format!("{}/fhir/", twin.page)).expect("of this EHR").to_owned();
    let practitioner = twin.fhir(&user, text(&response, "access_token")).await;
    assert_eq!((practitioner.status, &practitioner.json()["resourceType"]), (200, &json!("Practitioner")));
    assert_eq!(twin.fhir("Practitioner/sandbox-2", text(&response, "access_token")).await.status, 403);
    assert!(tokens(&twin, "patient/*.rs").await.get("id_token").is_none());
}

#[actix_web::test]
async fn an_app_of_a_tenant_has_to_name_the_tenants_address_and_is_told_of_it() {
    let twin = Twin::start();
    let (first, second) = (twin.handle().await, twin.handle().await);
    twin.switch(json!({"tenant": "t-1"})).await;
    let back = returned(&Request::launched(&twin, &first, ALL).send(&twin).await);
    assert_eq!((back["error"].as_str(), back.get("code")), ("invalid_request", None), "the address of no tenant");
    let base = format!("{}/fhir/t-1", twin.page);
    let back = returned(&Request::launched(&twin, &second, ALL).but("aud", &base).send(&twin).await);
    let response = twin.post("/token", &redeeming(&back["code"])).await.json();
    let token = text(&response, "access_token");
    assert_eq!(twin.fhir("t-1/Observation?patient=ann", token).await.json()["total"], 1);
    assert_eq!(twin.fhir("Observation?patient=ann", token).await.status, 403);
    let told = twin.with_secret("/introspect", &[("token", token)]).await.json();
    assert_eq!((&told["aud"][0], &told["fhirUser"]), (&json!(base), &json!(format!("{base}/Practitioner/sandbox"))));
}

#[actix_web::test]
async fn an_app_that_starts_by_itself_gets_the_patient_that_somebody_chose() {
    let twin = Twin::start();
    let request = Request::standalone(&twin, "launch/patient launch/encounter patient/*.rs");
    let page =
        twin.post("/authorize", &request.0.iter().map(|(name, value)| (*name, &**value)).collect::<Vec<_>>()).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.contains("form-action 'self' http://127.0.0.1:3000;"), "{policy}");
    let page = page.text();
    let chosen = page.split_once("name=\"request\" value=\"").expect("a request").1.split_once('"').expect("an end").0;
    assert!(page.contains("<label for=\"patient\"") && page.contains("value=\"bob\""), "{page}");
    let form = [("request", chosen), ("user", "sandbox-2"), ("patient", "bob"), ("answer", "allow")];
    let back = returned(&twin.post("/authorize/choice", &form).await);
    let response = twin.post("/token", &redeeming(&back["code"])).await.json();
    assert_eq!((&response["patient"], &response["encounter"]), (&json!("bob"), &json!("bob-new")));
    assert_eq!(twin.post("/authorize/choice", &form).await.status, 400, "answered before");
}

#[actix_web::test]
async fn a_user_who_says_no_sends_the_app_away_without_a_code() {
    let twin = Twin::start();
    let page = Request::standalone(&twin, "launch/patient patient/*.rs").send(&twin).await.text();
    let chosen = page.split_once("name=\"request\" value=\"").expect("a request").1.split_once('"').expect("an end").0;
    let back = returned(&twin.post("/authorize/choice", &[("request", chosen), ("answer", "deny")]).await);
    assert_eq!((back["error"].as_str(), back["state"].as_str(), back.get("code")), ("access_denied", STATE, None));
}

#[actix_web::test]
async fn an_address_that_is_not_registered_to_the_letter_gets_no_redirection() {
    let twin = Twin::start();
    for wrong in [
        "http://127.0.0.1:3000/callback/",
        "http://127.0.0.1:3000/callback?a=b",
        "http://127.0.0.1:3000/callback#a",
        "http://127.0.0.1:3000/Callback",
        "http://127.0.0.1:3000/x/../callback",
        "http://127.0.0.1:3000/*",
        "http://127.0.0.1:3001/callback",
        "http://127.0.0.1/callback",
        "https://127.0.0.1:3000/callback",
        "http://user@127.0.0.1:3000/callback",
        "https://evil.example/",
        "",
    ] {
        let answer = Request::launched(&twin, &twin.handle().await, ALL).but("redirect_uri", wrong).send(&twin).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{wrong}");
    }
    let stranger = Request::standalone(&twin, ALL).but("client_id", "stranger").send(&twin).await;
    assert_eq!((stranger.status, stranger.header("location")), (400, None));
    let twice = format!("/authorize?{}&client_id=other", Request::standalone(&twin, ALL).query());
    assert_eq!(twin.get(&twice).await.status, 400);
    // The query of a registered address stays.
    let other = "http://127.0.0.1:3000/callback/other?a=b";
    let back =
        returned(&Request::launched(&twin, &twin.handle().await, ALL).but("redirect_uri", other).send(&twin).await);
    assert!(back["a"] == "b" && back.contains_key("code"), "{back:?}");
}

#[actix_web::test]
async fn a_request_without_pkce_aud_state_or_leave_is_told_to_the_app() {
    let twin = Twin::start();
    let slash = format!("{}/fhir/", twin.page);
    for (name, value, error) in [
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("aud", "https://fhir.example.org", "invalid_request"),
        ("aud", slash.as_str(), "invalid_request"),
        ("aud", "", "invalid_request"),
        ("state", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "launch system/*.rs patient/observation.rs patient/Observation.dus", "granted"),
        ("scope", "patient/*.rs", "invalid_request"),
        ("launch", "made-up", "invalid_request"),
        ("launch", "", "invalid_request"),
    ] {
        let answer = Request::launched(&twin, &twin.handle().await, ALL).but(name, value).send(&twin).await;
        let back = returned(&answer);
        match error {
            "granted" => {
                let response = twin.post("/token", &redeeming(&back["code"])).await.json();
                assert_eq!(response["scope"], "launch", "{response}");
            }
            error => {
                assert_eq!((back.get("error"), back.get("code")), (Some(&error.to_owned()), None), "{name} {value}")
            }
        }
    }
    let nothing = returned(&Request::standalone(&twin, "system/*.rs").send(&twin).await);
    assert_eq!(nothing["error"], "invalid_scope");
}

#[actix_web::test]
async fn a_launch_handle_is_for_one_use_by_its_own_app_and_soon() {
    let twin = Twin::start();
    let handle = twin.handle().await;
    Request::launched(&twin, &handle, ALL).code(&twin).await;
    let again = returned(&Request::launched(&twin, &handle, ALL).send(&twin).await);
    assert_eq!(again["error"], "invalid_request", "used");
    let other = Request::launched(&twin, &twin.handle().await, ALL).but("client_id", "other").send(&twin).await;
    assert_eq!(returned(&other)["error"], "invalid_request", "another app's");
    let over = Twin::living(Lives { launch: Duration::ZERO, ..Lives::default() });
    let over = returned(&Request::launched(&over, &over.handle().await, ALL).send(&over).await);
    assert_eq!(over["error"], "invalid_request", "over");
}

#[actix_web::test]
async fn the_launch_service_serves_registered_apps_and_known_patients() {
    let twin = Twin::start();
    for (body, status) in [
        (json!({"launchUrl": LAUNCH, "parameters": {"patient": "bob"}}), 200),
        (json!({"launch_url": LAUNCH, "parameters": {"patient": "bob", "encounter": "bob-new"}}), 200),
        (json!({"launchUrl": "https://evil.example/launch", "parameters": {"patient": "bob"}}), 400),
        (json!({"launchUrl": LAUNCH, "parameters": {"patient": "nobody"}}), 400),
        (json!({"launchUrl": LAUNCH, "parameters": {"patient": "bob", "encounter": "ann-new"}}), 400),
        (json!({"launchUrl": LAUNCH, "parameters": {"patient": "bob", "appContext": "x".repeat(5000)}}), 400),
        (json!({"launchUrl": LAUNCH}), 400),
        (json!([]), 400),
    ] {
        let answer = twin.launch(&body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert_eq!(answer.json().get("launch_id").is_some(), status == 200);
    }
}

#[actix_web::test]
async fn scopes_are_granted_as_far_as_registered_and_told() {
    let twin = Twin::letting("launch openid patient/Observation.rs patient/Condition.r");
    for (asked, granted) in [
        ("patient/*.rs", "launch patient/Observation.rs patient/Condition.r"),
        ("patient/*.read", "launch patient/Observation.read patient/Condition.r"),
        ("patient/Observation.cruds user/*.rs fhirUser offline_access", "launch patient/Observation.rs"),
    ] {
        let response = tokens(&twin, asked).await;
        assert_eq!(response["scope"], granted, "{asked}");
        assert_eq!(response.get("refresh_token"), None);
    }
}

#[actix_web::test]
async fn discovery_names_addresses_that_answer_and_no_plain_pkce() {
    let twin = Twin::start();
    let smart = twin.get("/fhir/.well-known/smart-configuration").await.json();
    assert_eq!(smart["code_challenge_methods_supported"], json!(["S256"]));
    for capability in ["launch-ehr", "launch-standalone", "authorize-post", "sso-openid-connect", "permission-v2"] {
        assert!(smart["capabilities"].as_array().expect("a list").contains(&json!(capability)), "{capability}");
    }
    for (name, post) in [
        ("authorization_endpoint", false),
        ("jwks_uri", false),
        ("token_endpoint", true),
        ("introspection_endpoint", true),
        ("revocation_endpoint", true),
    ] {
        let path = text(&smart, name).strip_prefix(&twin.page).expect("an address of the page").to_owned();
        let answer = if post { twin.post(&path, &[]).await } else { twin.get(&path).await };
        assert!([200, 400, 401].contains(&answer.status), "{name}: {}", answer.status);
    }
    assert_eq!(smart["token_endpoint"], json!(twin.url("/token")));
}
