//! Ids that want to be paths, templates or addresses.

use super::{CALL, INSTANCE, still_answers};
use crate::trust::ehr::Ehr;
use crate::web::app::TestApp;
use crate::web::charts::{call, one_bundle};
use crate::web::http::raw;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[actix_web::test]
async fn service_ids_reach_no_file_and_are_not_echoed() {
    let app = TestApp::start().await;
    for id in [
        "..%2f..%2fetc%2fpasswd",
        "..%2fearly-detection",
        "%2e%2e%2fcds-services%2fearly-detection",
        "%2e%2e",
        "early-detection%00",
        "early-detection%2f",
        "early-detection%0d%0aX-Evil:%201",
        "%ff%fe",
        "%",
        "early-detection;x=1",
        "{{context.patientId}}",
        "QUILLFEATHER",
    ] {
        let body = "{}";
        let request = format!(
            "POST /cds-services/{id} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = raw(app.running.address, request.into()).await;
        let told = answer.starts_with("HTTP/1.1 404 ") && answer.contains("OperationOutcome");
        assert!(told || answer.starts_with("HTTP/1.1 400 "), "{id}: {answer}");
        for echoed in ["QUILLFEATHER", "passwd", "X-Evil", "x-evil"] {
            assert!(!answer.contains(echoed), "{answer}");
        }
    }
    for path in
        ["/cds-services/../healthz", "/cds-services/early-detection/../../metrics", "/./healthz", "/..%2fhealthz"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = raw(app.running.address, request.into()).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    still_answers(&app).await;
}

#[actix_web::test]
async fn ids_of_the_context_are_ids_and_nothing_else() {
    let app = TestApp::start().await;
    let long = "x".repeat(65);
    let ids = [
        "../other",
        "a/../b",
        "..",
        "a..b",
        "{{context.userId}}",
        "{{today()}}",
        "a}}b{{c",
        "a?_count=1",
        "a&patient=b",
        "a#b",
        "a b",
        "a%2fb",
        "a\nb",
        "a\u{0}",
        "ä",
        "a'; drop table audit; --",
        "http://127.0.0.1/Patient/a",
        &*long,
    ];
    for id in ids {
        for member in ["patientId", "encounterId"] {
            let mut body = call(INSTANCE, one_bundle());
            body["context"][member] = id.into();
            let issue = app.post(CALL, body.to_string()).await.refuses_with(400, "invalid-request");
            assert_eq!(issue["expression"][0], format!("context.{member}"), "{id}");
        }
        // A user's reference may be absolute, so only its last part is an id.
        let mut body = call(INSTANCE, one_bundle());
        body["context"]["userId"] = format!("Practitioner/x-{}", id.replace('/', "?")).into();
        if id.len() < 65 {
            let issue = app.post(CALL, body.to_string()).await.refuses_with(400, "invalid-request");
            assert_eq!(issue["expression"][0], "context.userId", "{id}");
        }
    }
    still_answers(&app).await;
}

/// Counts who connects, and never answers.
fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let caught = Arc::new(AtomicUsize::new(0));
    let count = caught.clone();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(socket);
        }
    });
    (format!("127.0.0.1:{}", address.port()), caught)
}

#[actix_web::test]
async fn only_the_configured_fhir_server_is_ever_called() {
    let (trap, caught) = trap();
    let ehr = Ehr::rs384().with(&format!(r#"fhir_servers = ["http://{trap}/fhir"]"#));
    let clients = format!("[{}]", ehr.in_file());
    let app = TestApp::builder().setting("CDS_CLIENT", &clients).start().await;
    let ask = |server: Value| {
        let mut body = call(INSTANCE, json!({}));
        body["fhirServer"] = server;
        body["fhirAuthorization"] = json!({"access_token": "secret", "token_type": "Bearer", "expires_in": 300,
                                           "scope": "patient/*.read", "subject": "x"});
        body.to_string()
    };
    for server in [
        format!("http://{trap}"),
        format!("http://{trap}/fhir/../admin"),
        format!("http://{trap}/fhir%2f..%2fadmin"),
        format!("http://{trap}/fhirevil"),
        format!("http://{trap}/fhir?x=http://{trap}/fhir"),
        format!("http://{trap}/fhir#"),
        format!("http://user:password@{trap}/fhir"),
        format!("HTTP://{trap}/fhir"),
        format!("http://{trap}/fhir//"),
        "http://169.254.169.254/latest/meta-data".into(),
        "http://{{context.patientId}}/fhir".into(),
    ] {
        let status = app.post(CALL, ask(json!(server))).await.status;
        assert!([400, 412].contains(&status), "{server}: {status}");
    }
    for server in
        [json!("file:///etc/passwd"), json!("javascript:alert(1)"), json!("//x"), json!(["http://x"]), json!("")]
    {
        let issue = app.post(CALL, ask(server)).await.refuses_with(400, "invalid-request");
        assert_eq!(issue["expression"][0], "fhirServer");
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0, "a server was called that is not configured");
    app.post(CALL, ask(json!(format!("http://{trap}/fhir")))).await.refuses_with(412, "data-missing");
    assert!(caught.load(Ordering::SeqCst) > 0, "the trap catches nothing");
    still_answers(&app).await;
}
