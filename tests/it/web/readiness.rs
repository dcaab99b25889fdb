//! `prodrome ready`, the real binary, asking a real server.

use super::app::TestApp;
use std::process::{Command, Output};

/// Asks on another thread, since the server answers on this one: exit code and what was said.
async fn ask(url: String) -> (Option<i32>, String) {
    let asked = actix_web::rt::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_prodrome")).args(["ready", &url]).output().expect("it runs")
    });
    let Output { status, stdout, stderr } = asked.await.expect("it ends");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

#[actix_web::test]
async fn a_server_that_serves_calls_is_ready() {
    let app = TestApp::start().await;
    assert_eq!(ask(app.url("")).await, (Some(0), "ready\n".into()));
    assert_eq!(ask(app.url("/")).await.0, Some(0));
}

#[actix_web::test]
async fn a_server_that_lost_its_database_is_not_ready() {
    let app = TestApp::start().await;
    app.running.close_database().await;
    let (code, said) = ask(app.url("")).await;
    assert!(code == Some(1) && said.contains("503") && said.contains("not ready"), "{code:?}: {said}");
}

#[actix_web::test]
async fn where_nothing_listens_nothing_is_ready() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let (code, said) = ask(format!("http://{free}")).await;
    assert!(code == Some(1) && said.contains("does not answer") && said.contains(&free.to_string()), "{said}");
    assert_eq!(ask("not an address".into()).await.0, Some(1));
}
