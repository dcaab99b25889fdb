//! HTTP itself, over a bare socket: what a client library would not let through.

use super::app::TestApp;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends bytes as they are and reads until the server closes, as long as that takes.
pub fn exchange(address: SocketAddr, request: Vec<u8>) -> String {
    exchange_parts(address, vec![(Duration::ZERO, request)])
}

/// The same in pieces, each after a pause; a server that closes in between is sent no more.
fn exchange_parts(address: SocketAddr, pieces: Vec<(Duration, Vec<u8>)>) -> String {
    let mut socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    for (pause, piece) in pieces {
        std::thread::sleep(pause);
        if socket.write_all(&piece).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // A server that stops reading may also reset the connection once it has answered.
    if let Err(error) = socket.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the server does not close");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// [`exchange`] beside other calls.
pub async fn raw(address: SocketAddr, request: Vec<u8>) -> String {
    parts(address, vec![(Duration::ZERO, request)]).await
}

/// Pieces with pauses before them, beside other calls.
pub async fn parts(address: SocketAddr, pieces: Vec<(Duration, Vec<u8>)>) -> String {
    actix_web::rt::task::spawn_blocking(move || exchange_parts(address, pieces)).await.expect("an answer")
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
