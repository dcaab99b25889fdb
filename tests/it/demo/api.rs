//! The API of the demo's server, called with tokens of its sandbox EHR and without any.

use super::page::{CHILD, ELDERLY, Page, SHIPPED, database};
use prodrome::platform::clock;
use prodrome::trust::{KeyFolder, KeyKind, OwnKeys};
use serde_json::{Value, json};
use url::Url;

// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://127.0.0.1:3000/callback";

fn client() -> awc::Client {
    awc::Client::builder().disable_redirects().disable_timeout().finish()
}

/// A token of `test-app`, launched by the sandbox EHR for this patient.
async fn launched(page: &Page, patient: &str) -> String {
    let body = json!({"launchUrl": "http://127.0.0.1:3000/launch", "parameters": {"patient": patient}});
    let answer = client().post(page.url("/fhir/_services/smart/Launch")).send_json(&body).await;
    let handle: Value = answer.expect("an answer").json().await.expect("a handle");
    let base = page.url("/fhir");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("response_type", "code"), ("client_id", "test-app"), ("redirect_uri", REDIRECT)])
        .extend_pairs([("launch", handle["launch_id"].as_str().expect("a handle")), ("scope", "launch patient/*.rs")])
        .extend_pairs([("state", "s"), ("aud", &*base)])
        .extend_pairs([("code_challenge", CHALLENGE), ("code_challenge_method", "S256")])
        .finish();
    let sent = client().get(page.url(&format!("/authorize?{query}"))).send().await.expect("an answer");
    let address = sent.headers().get("location").and_then(|value| value.to_str().ok()).expect("an address");
    let address = Url::parse(address).expect("an address");
    let code = address.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "test-app"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    given(page, &form).await
}

async fn given(page: &Page, form: &[(&str, &str)]) -> String {
    let mut answer = client().post(page.url("/token")).send_form(&form).await.expect("an answer");
    let tokens: Value = answer.json().await.expect("tokens");
    tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
}

async fn assess(page: &Page, token: Option<&str>, parameters: &[Value]) -> (u16, Value) {
    let request = client().post(format!("{}/fhir/$assess-risk", page.demo.cds));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    let mut answer = request.send_json(&body).await.expect("an answer");
    let text = answer.body().limit(16 << 20).await.expect("a whole body");
    (answer.status().as_u16(), serde_json::from_slice(&text).expect("JSON"))
}

fn chart(patient: &str) -> Value {
    let file = std::fs::File::open(format!("{SHIPPED}/{patient}.ndjson.zst")).expect("a shipped patient");
    let text = String::from_utf8(zstd::decode_all(file).expect("zstd")).expect("text");
    let entry: Vec<Value> = text
        .lines()
        .map(|line| json!({"resource": serde_json::from_str::<Value>(line).expect("a resource")}))
        .collect();
    json!({"name": "chart", "resource": {"resourceType": "Bundle", "type": "collection", "entry": entry}})
}

fn subject(answer: &Value) -> &str {
    answer["entry"][0]["resource"]["subject"]["reference"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[actix_web::test]
async fn a_token_of_the_sandbox_ehr_reads_its_own_patient_and_no_other() {
    let page = Page::start().await;
    let token = launched(&page, ELDERLY).await;
    let (status, answer) = assess(&page, Some(&token), &[]).await;
    assert_eq!((status, subject(&answer)), (200, &*format!("Patient/{ELDERLY}")), "read from the FHIR server");
    assert_eq!(assess(&page, Some(&token), &[chart(ELDERLY)]).await.0, 200, "sent");
    for other in [chart(CHILD), json!({"name": "patient", "valueId": CHILD})] {
        assert_eq!(assess(&page, Some(&token), &[other]).await.0, 403);
    }
    let callers = sqlx::query_scalar::<_, String>("select client from audit").fetch_all(&database(&page).await).await;
    let expected = format!("{} test-app", page.demo.page);
    assert_eq!(callers.expect("rows"), [expected.clone(), expected]);
}

#[actix_web::test]
async fn without_a_token_charts_are_taken_and_with_a_bad_one_nothing_is() {
    let page = Page::start().await;
    let (status, answer) = assess(&page, None, &[chart(CHILD)]).await;
    assert_eq!((status, subject(&answer)), (200, &*format!("Patient/{CHILD}")));
    let (status, _) = assess(&page, None, &[json!({"name": "patient", "valueId": CHILD})]).await;
    assert_eq!(status, 400, "nobody's right reads a record");
    let over = launched(&page, CHILD).await;
    let form = [("client_id", "test-app"), ("token", &*over)];
    let revoked = client().post(page.url("/revoke")).send_form(&form).await.expect("an answer");
    assert_eq!(revoked.status(), 200);
    for bad in [&*over, "made-up"] {
        assert_eq!(assess(&page, Some(bad), &[chart(CHILD)]).await.0, 401);
    }
}

#[actix_web::test]
async fn a_backend_service_of_the_sandbox_ehr_asks_about_everyone() {
    let folder = tempfile::tempdir().expect("a folder");
    KeyFolder::new(&folder.path().join("keys")).make(KeyKind::Es384).expect("a key");
    let keys = OwnKeys::open(&folder.path().join("keys")).expect("keys");
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, keys.public().to_string()).expect("written");
    let patients = folder.path().join("patients");
    std::fs::create_dir(&patients).expect("a folder");
    for id in [ELDERLY, CHILD] {
        let file = format!("{id}.ndjson.zst");
        std::fs::copy(format!("{SHIPPED}/{file}"), patients.join(&file)).expect("a shipped patient");
    }
    let page = Page::start_with_backend(Some(patients), Some(jwks.display().to_string())).await;
    let assertion = keys.assertion("prodrome-backend", &page.url("/token"), clock::now()).expect("signed");
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "system/*.rs"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &assertion),
    ];
    let token = given(&page, &form).await;
    for id in [ELDERLY, CHILD] {
        let (status, answer) = assess(&page, Some(&token), &[json!({"name": "patient", "valueId": id})]).await;
        assert_eq!((status, subject(&answer)), (200, &*format!("Patient/{id}")));
    }
}
