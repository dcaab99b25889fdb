//! Hook calls as a CDS service receives them, and the app that a card's link opens. The service is this file's.

use super::app::{Request, redeeming, text};
use super::twin::Twin;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use prodrome::trust::Signature;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use url::Url;

/// Path, Authorization header and body of what came, in order.
type Received = Arc<Mutex<Vec<(String, String, Value)>>>;

const CARD: &str = "4e0a3a1e-8b0f-4a52-9d57-3f1b7a0a9e21";

/// A service whose one card links to the app `public`, to an app that nobody registered, and to a page.
fn service() -> (String, Received) {
    let received = Received::default();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let kept = received.clone();
    let server = HttpServer::new(move || {
        let kept = kept.clone();
        let take = move |request: HttpRequest, body: web::Bytes| {
            let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let came = (request.path().to_owned(), header.unwrap_or_default().to_owned(), body);
            kept.lock().expect("no panic").push(came);
            let link =
                |url: &str, what: &str| json!({"label": "see", "url": url, "type": what, "appContext": "why & how"});
            let links = [
                link(&format!("{}?tab=2", super::twin::LAUNCH), "smart"),
                link("https://unknown.example/launch", "smart"),
                link("https://page.example/", "absolute"),
            ];
            let card =
                json!({"uuid": CARD, "summary": "s", "indicator": "info", "source": {"label": "l"}, "links": links});
            let discovery = json!({"services": [{"id": "a", "hook": "patient-view", "description": "d"}]});
            let answer = if request.method() == "GET" { discovery } else { json!({"cards": [card]}) };
            async move { HttpResponse::Ok().json(answer) }
        };
        App::new().default_service(web::to(take))
    });
    actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).expect("a listener").run());
    (base, received)
}

/// The claims of a hook call's token, verified by the keys at the `jku` that it names.
async fn verified(twin: &Twin, authorization: &str, algorithm: Algorithm, service: &str) -> Value {
    let token = authorization.strip_prefix("Bearer ").expect("a token");
    let header = jsonwebtoken::decode_header(token).expect("a header");
    assert_eq!((header.alg, header.typ.as_deref()), (algorithm, Some("JWT")));
    assert_eq!(header.jku, Some(twin.url("/.well-known/jwks.json")));
    let keys: JwkSet = serde_json::from_value(twin.get("/.well-known/jwks.json").await.json()).expect("a key set");
    let key = DecodingKey::from_jwk(keys.find(&header.kid.expect("a kid")).expect("published")).expect("a key");
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[service]);
    validation.set_issuer(&[&twin.page]);
    jsonwebtoken::decode::<Value>(token, &key, &validation).expect("a good token").claims
}

#[actix_web::test]
async fn calls_and_feedback_are_signed_and_bring_leave_to_read_this_patient() {
    for (signature, algorithm) in [(Signature::Es384, Algorithm::ES384), (Signature::Rs384, Algorithm::RS384)] {
        let (base, received) = service();
        let twin = Twin::calling(&base, signature);
        twin.switch(json!({"revokes_tokens": false})).await;
        let shown = twin.post("/patients/ann/open", &[]).await;
        assert!(shown.text().contains("<article"), "{}", shown.text());
        twin.post("/patients/ann/decisions", &[("card", CARD)]).await;
        let came = received.lock().expect("no panic").clone();
        let [discovery, call, feedback] = came.as_slice() else { panic!("{came:?}") };
        assert_eq!(discovery.0, "/cds-services");
        let mut ids = Vec::new();
        for (path, authorization, _) in [discovery, call, feedback] {
            let claims = verified(&twin, authorization, algorithm, &format!("{base}{path}")).await;
            assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(300));
            ids.push(text(&claims, "jti").to_owned());
        }
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert_eq!((call.0.as_str(), feedback.0.as_str()), ("/cds-services/a", "/cds-services/a/feedback"));
        let leave = &call.2["fhirAuthorization"];
        assert_eq!((&leave["patient"], &leave["scope"]), (&json!("ann"), &json!("patient/*.rs")));
        assert!(leave["subject"].is_string() && leave["expires_in"].as_u64() <= Some(60), "{leave}");
        assert_eq!(twin.fhir("Observation?patient=ann", text(leave, "access_token")).await.status, 200);
        assert_eq!(twin.fhir("Observation?patient=bob", text(leave, "access_token")).await.status, 403);
    }
}

#[actix_web::test]
async fn a_smart_link_opens_its_app_with_its_context() {
    let (base, _) = service();
    let twin = Twin::calling(&base, Signature::Es384);
    twin.switch(json!({"link_hosts": ["page.example"]})).await;
    let shown = twin.post("/patients/ann/open", &[]).await.text();
    let link = format!("/patients/ann/launch?card={CARD}&amp;link=0");
    assert!(shown.contains(&format!("<a href=\"{link}\" target=\"_blank\" rel=\"noopener noreferrer\">")), "{shown}");
    assert!(shown.contains("<a href=\"https://page.example/\""), "{shown}");
    let answer = twin.get(&link.replace("&amp;", "&")).await;
    let address = Url::parse(answer.header("location").expect("a redirection")).expect("an address");
    assert!(address.as_str().contains("iss=http%3A%2F%2F127.0.0.1"), "{address}");
    let given: BTreeMap<String, String> = address.query_pairs().into_owned().collect();
    assert_eq!((given["tab"].as_str(), given["iss"].as_str()), ("2", twin.url("/fhir").as_str()));
    let code = Request::launched(&twin, &given["launch"], "patient/*.rs").code(&twin).await;
    let response = twin.post("/token", &redeeming(&code)).await.json();
    assert_eq!((&response["appContext"], &response["patient"]), (&json!("why & how"), &json!("ann")));
    assert_eq!((&response["encounter"], &response["need_patient_banner"]), (&json!("ann-new"), &json!(true)));
}

#[actix_web::test]
async fn links_that_open_no_registered_app_open_nothing() {
    let (base, _) = service();
    let twin = Twin::calling(&base, Signature::Es384);
    let path = |patient: &str, card: &str, link: usize| format!("/patients/{patient}/launch?card={card}&link={link}");
    assert_eq!(twin.get(&path("ann", CARD, 0)).await.status, 404, "not on the screen yet");
    twin.post("/patients/ann/open", &[]).await;
    assert_eq!(twin.get(&path("ann", CARD, 0)).await.status, 303);
    for (patient, card, link) in
        [("ann", CARD, 1), ("ann", CARD, 2), ("ann", CARD, 3), ("bob", CARD, 0), ("ann", "x", 0)]
    {
        let answer = twin.get(&path(patient, card, link)).await;
        assert_eq!((answer.status, answer.header("location")), (404, None), "{patient} {card} {link}");
    }
}
