//! Each area of the EHR says in its own manner that a request came to nothing, and no area does what another site's page
//! asks for.

use super::stage::Stage;
use serde_json::{Value, json};

/// What a page in a browser sends along.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// Status, `Allow`, content type and body.
struct Said(u16, String, String, String);

async fn asked(stage: &Stage, method: &str, path: &str, headers: Headers<'_>, body: String) -> Said {
    let client = awc::Client::builder().disable_redirects().finish();
    let mut request = client.request(method.parse().expect("a method"), format!("{}{path}", stage.page));
    for header in headers {
        request = request.insert_header(*header);
    }
    let mut answer = request.send_body(body).await.expect("an answer");
    let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().expect("text")).to_owned();
    let (allow, kind) = (header("allow"), header("content-type"));
    let text = String::from_utf8(answer.body().await.expect("a body").to_vec()).expect("text");
    Said(answer.status().as_u16(), allow, kind, text)
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.3).unwrap_or_else(|_| panic!("{} {}", self.0, self.3))
    }

    /// In the manner of the area that the path is of.
    #[track_caller]
    fn is_of_its_area(&self, path: &str) {
        match path.split('/').nth(1) {
            Some("control") => assert!(self.json()["error"].is_string() && self.2 == "application/json", "{path}"),
            Some("fhir") => {
                assert_eq!(
                    (&self.json()["resourceType"], &*self.2),
                    (&json!("OperationOutcome"), "application/fhir+json")
                );
            }
            Some("token" | "introspect" | "revoke") => assert_eq!(self.json()["error"], "invalid_request", "{path}"),
            _ => {
                assert!(self.3.starts_with("<!DOCTYPE html>") && self.2.starts_with("text/html"), "{path}: {}", self.3)
            }
        }
    }
}

#[actix_web::test]
async fn an_unknown_address_and_a_wrong_method_are_told_in_the_manner_of_the_area() {
    let stage = Stage::start().await;
    for (method, path, status, allow) in [
        ("GET", "/control/nope", 404, ""),
        ("GET", "/control/fire", 405, "POST"),
        ("POST", "/control/exchanges", 405, "GET, DELETE"),
        ("GET", "/control/drafts/sign", 405, "POST"),
        ("PATCH", "/control/drafts/Condition/x", 405, "PUT, DELETE"),
        ("GET", "/control/exchanges/abc", 404, ""),
        ("GET", "/control/exchanges/-1/body", 404, ""),
        ("GET", "/control/exchanges?kind=%FF&kind=%", 400, ""),
        ("GET", "/fhir/Patient/ann/_history", 404, ""),
        ("POST", "/fhir/Observation", 405, "GET"),
        ("DELETE", "/fhir/Patient/ann", 405, "GET"),
        ("PUT", "/fhir/Patient/_search", 405, "GET, POST"),
        ("POST", "/fhir", 405, "GET"),
        ("GET", "/fhir/_services/smart/Launch", 405, "POST"),
        ("GET", "/token", 405, "POST"),
        ("PUT", "/introspect", 405, "POST"),
        ("GET", "/revoke", 405, "POST"),
        ("GET", "/nope", 404, ""),
        ("GET", "/exchanges/abc", 404, ""),
        ("GET", "/controls", 404, ""),
    ] {
        let said = asked(&stage, method, path, &[], String::new()).await;
        assert_eq!((said.0, &*said.1), (status, allow), "{method} {path}: {}", said.3);
        said.is_of_its_area(path);
    }
}

#[actix_web::test]
async fn a_body_that_is_too_long_is_refused_in_the_manner_of_the_area() {
    let stage = Stage::start().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (method, path, kind) in [
        ("PUT", "/control/desk", ("content-type", "application/json")),
        ("POST", "/control/fire", ("content-type", "application/json")),
        ("POST", "/token", form),
        ("POST", "/introspect", form),
        ("POST", "/fhir/_services/smart/Launch", ("content-type", "application/json")),
        ("POST", "/behavior", form),
    ] {
        let said = asked(&stage, method, path, &[kind], "x".repeat(300_000)).await;
        assert_eq!(said.0, 413, "{path}: {}", said.3);
        said.is_of_its_area(path);
        assert!(said.3.contains("too long"), "{path}: {}", said.3);
    }
    assert_eq!(stage.get("/control").await["patient"], "ann");
}

#[actix_web::test]
async fn a_form_of_another_origin_is_refused_where_the_browser_tells_nothing_else() {
    let stage = Stage::start().await;
    let own = stage.page.clone();
    let by_name = own.replace("127.0.0.1", "localhost");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let host = by_name.strip_prefix("http://").expect("an address").to_owned();
    let cases: [(Headers, u16); 9] = [
        (&[("origin", "http://evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "")], 403),
        (&[("origin", "http://127.0.0.1:1")], 403),
        (&[("origin", &by_name)], 403),
        (&[("origin", &by_name), ("host", &host)], 303),
        (&[("origin", &own)], 303),
        (&[("origin", &own), ("sec-fetch-site", "cross-site")], 403),
        (&[], 303),
    ];
    for (headers, status) in cases {
        stage.put("/control/behavior", json!({"profile": "plain"})).await;
        let sent = [headers, &[form]].concat();
        let said = asked(&stage, "POST", "/behavior", &sent, "profile=epic&fhir=well".to_owned()).await;
        assert_eq!(said.0, status, "{headers:?}: {}", said.3);
        let profile = if status == 303 { "epic" } else { "plain" };
        assert_eq!(stage.get("/control").await["profile"], profile, "{headers:?}");
        let fired = [headers, &[("content-type", "application/json")]].concat();
        let said = asked(&stage, "PUT", "/control/faults", &fired, "{}".to_owned()).await;
        assert_eq!(said.0, if status == 303 { 200 } else { 403 }, "{headers:?}: {}", said.3);
    }
    // Without this, a browser hides the origin of the page's own forms too.
    let page = awc::Client::default().get(format!("{}/behavior", stage.page)).send().await.expect("a page");
    assert_eq!(page.headers().get("referrer-policy").expect("a policy"), "same-origin");
}
