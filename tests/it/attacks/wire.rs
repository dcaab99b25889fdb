//! HTTP that two readers may understand differently, and heads that lie.

use super::{CALL, INSTANCE, still_answers};
use crate::web::app::TestApp;
use crate::web::charts::{call, one_bundle};
use crate::web::http::raw;

/// How many answers came, and whether the connection ended after a 400.
fn only_400(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 400 ") && answer.matches("HTTP/1.1 ").count() == 1
}

#[actix_web::test]
async fn no_second_request_is_smuggled_within_a_first_one() {
    let app = TestApp::start().await;
    let hidden = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nX: ";
    for lengths in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked", hidden.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}", hidden.len()),
        format!("Content-Length: 0\r\nContent-Length: {}", hidden.len()),
        format!("Content-Length: {0}\r\nContent-Length: {0}", hidden.len()),
        format!("Content-Length: {}, 0", hidden.len()),
        "Content-Length: +5".into(),
        "Content-Length: -1".into(),
        "Content-Length: 0x5".into(),
        "Content-Length: 99999999999999999999999".into(),
        "Content-Length : 5".into(),
        "Transfer-Encoding: xchunked".into(),
        "Transfer-Encoding: chunked, identity".into(),
        "Transfer-Encoding: gzip, chunked".into(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity".into(),
        "Transfer-Encoding : chunked".into(),
        "Transfer-Encoding:\r\n chunked".into(),
        "Host: other\r\nContent-Length: 5".into(),
    ] {
        let request =
            format!("POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lengths}\r\n\r\n{hidden}");
        let answer = raw(app.running.address, request.into()).await;
        assert!(only_400(&answer), "{lengths}: {answer}");
    }
    still_answers(&app).await;
}

#[actix_web::test]
async fn chunks_that_lie_about_their_length_are_refused() {
    let app = TestApp::start().await;
    for chunks in
        ["zz\r\n{}\r\n0\r\n\r\n", "-1\r\n{}\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFFF\r\n{}\r\n", "2\r\n{}}}\r\n0\r\n\r\n"]
    {
        let request = format!(
            "POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        );
        let answer = raw(app.running.address, request.into()).await;
        assert!(only_400(&answer), "{chunks}: {answer}");
    }
    still_answers(&app).await;
}

#[actix_web::test]
async fn a_body_in_chunks_of_one_byte_is_read() {
    let app = TestApp::start().await;
    let body = call(INSTANCE, one_bundle()).to_string();
    let mut request = format!(
        "POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for byte in body.bytes() {
        request.extend_from_slice(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']);
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = raw(app.running.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"uuid\""), "{answer}");
    still_answers(&app).await;
}

#[actix_web::test]
async fn requests_in_one_piece_are_answered_in_their_order() {
    let app = TestApp::start().await;
    let request = |path: &str, last: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{last}\r\n");
    let all = [request("/healthz", ""), request("/nothing", ""), request("/readyz", "Connection: close\r\n")].concat();
    let answer = raw(app.running.address, all.into()).await;
    let statuses: Vec<&str> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "404", "200"], "{answer}");
    still_answers(&app).await;
}

#[actix_web::test]
async fn a_host_header_and_an_absolute_address_change_nothing_and_are_not_echoed() {
    let app = TestApp::start().await;
    let expected = app.get("/cds-services").await.text();
    for target in ["/cds-services", "http://evil.example/cds-services", "https://evil.example:8443/cds-services"] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n\
             Forwarded: host=evil.example\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(app.running.address, request.into()).await;
        assert!(!answer.contains("evil"), "{target}: {answer}");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&expected), "{target}: {answer}");
    }
    for target in ["evil.example:443", "*", "//evil.example/cds-services/x", "cds-services"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = raw(app.running.address, request.into()).await;
        assert!(!answer.contains("evil"), "{target}: {answer}");
        assert!(answer.starts_with("HTTP/1.1 4"), "{target}: {answer}");
    }
    still_answers(&app).await;
}

#[actix_web::test]
async fn heads_without_measure_are_refused() {
    let app = TestApp::start().await;
    let path = format!("GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "a".repeat(200_000));
    let header = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\nConnection: close\r\n\r\n", "a".repeat(200_000));
    let headers = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}Connection: close\r\n\r\n", "X: a\r\n".repeat(10_000));
    for request in [path, header, headers] {
        let answer = raw(app.running.address, request.into()).await;
        assert!(answer.is_empty() || only_400(&answer.replacen("431", "400", 1)), "{answer:.300}");
    }
    still_answers(&app).await;
}

#[actix_web::test]
async fn no_line_of_a_request_becomes_a_line_of_an_answer() {
    let app = TestApp::start().await;
    for (method, target) in
        [("GET", "/x%0d%0aX-Evil:%201"), ("GET", "/healthz?a=%0d%0aX-Evil:%201"), ("EVIL", "/healthz")]
    {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nX-Request-Id: evil\r\nOrigin: https://evil.example\r\n\
             Cookie: evil=1\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(app.running.address, request.into()).await;
        assert!(!answer.to_ascii_lowercase().contains("evil"), "{target}: {answer}");
    }
    still_answers(&app).await;
}
