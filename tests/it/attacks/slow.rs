//! Senders who take their time, and many of them.

use super::{CALL, still_answers};
use crate::trust::ehr::{Ehr, production};
use crate::web::app::TestApp;
use crate::web::http::{parts, raw};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

#[actix_web::test]
async fn a_head_that_does_not_end_gets_408_and_the_connection_is_closed() {
    let app = TestApp::builder().setting("SERVER__HEAD_PATIENCE", "2 s").start().await;
    for head in ["GET /hea", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let answer = raw(app.running.address, head.into()).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{head}: {answer}");
    }
    still_answers(&app).await;
}

#[actix_web::test]
async fn a_connection_that_is_kept_and_asks_nothing_more_is_closed() {
    let app = TestApp::builder().setting("SERVER__KEEP_ALIVE", "500 ms").start().await;
    let answer = raw(app.running.address, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".into()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    still_answers(&app).await;
}

#[actix_web::test]
async fn a_body_that_does_not_end_gets_408_and_the_connection_is_closed() {
    let app = TestApp::builder().setting("SERVER__BODY_PATIENCE", "300 ms").start().await;
    for length in ["Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let request = format!("POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}");
        let answer = raw(app.running.address, request.into()).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("slow-body"), "{answer}");
    }
    still_answers(&app).await;
}

#[actix_web::test]
async fn a_stranger_s_body_that_does_not_end_holds_no_connection_either() {
    let ehr = Ehr::rs384();
    let app = production(&[ehr.in_file()]).setting("SERVER__BODY_PATIENCE", "300 ms").start().await;
    for length in ["Content-Length: 1000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"] {
        let request = format!("POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}");
        let answer = raw(app.running.address, request.into()).await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[actix_web::test]
async fn a_body_that_comes_byte_by_byte_does_not_start_its_time_anew() {
    let app = TestApp::builder().setting("SERVER__BODY_PATIENCE", "500 ms").start().await;
    let head = format!("POST {CALL} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    let pieces = std::iter::once((Duration::ZERO, head.into_bytes()));
    let bytes = (0..40).map(|_| (Duration::from_millis(100), b" ".to_vec()));
    let answer = parts(app.running.address, pieces.chain(bytes).collect()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    still_answers(&app).await;
}

#[actix_web::test]
async fn two_hundred_idle_connections_keep_nobody_out() {
    let app = TestApp::start().await;
    let mut idle = Vec::new();
    for number in 0..200 {
        let mut socket = TcpStream::connect(app.running.address).expect("a connection");
        if number % 2 == 0 {
            socket.write_all(b"POST /cds-services/early-detection HTTP/1.1\r\nHost: x\r\nContent-Le").expect("sent");
        }
        idle.push(socket);
    }
    still_answers(&app).await;
    drop(idle);
    still_answers(&app).await;
}
