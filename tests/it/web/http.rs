//! HTTP itself, over a bare socket: what a client library would not let through.

use super::app::TestApp;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends bytes as they are and reads until the server closes.
async fn raw(address: SocketAddr, request: Vec<u8>) -> String {
    let talk = move || {
        let mut socket = TcpStream::connect(address).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        socket.write_all(&request).expect("sent");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).expect("the server closes");
        String::from_utf8_lossy(&answer).into_owned()
    };
    actix_web::rt::task::spawn_blocking(talk).await.expect("an answer")
}

#[actix_web::test]
async fn both_content_length_and_transfer_encoding_answer_400_and_close() {
    let app = TestApp::start().await;
    let request = "POST /cds-services/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                   Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let answer = raw(app.running.address, request.into()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[actix_web::test]
async fn bytes_that_are_no_http_are_refused() {
    let app = TestApp::start().await;
    let answer = raw(app.running.address, b"\x16\x03\x01 hello\r\n\r\n".to_vec()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(app.get("/healthz").await.status, 200);
}
