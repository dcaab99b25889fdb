//! The real binary, and the page made from the list.

use super::little::{Little, entry};
use crate::trust::ehr::fixture;
use std::process::{Command, Output};

fn conform(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prodrome")).arg("conform").args(arguments).output().expect("it runs")
}

#[test]
fn an_address_where_nothing_answers_ends_with_code_2_and_what_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for url in [format!("http://{free}"), "nonsense".to_owned()] {
        let output = conform(&["--url", &url]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(&url), "{message}");
    }
    assert_eq!(conform(&["--url", "http://127.0.0.1:1", "--ehr-bind", "0.0.0.0:0"]).status.code(), Some(2));
    assert_eq!(conform(&[]).status.code(), Some(2));
}

#[actix_web::test]
async fn a_service_that_fails_a_shall_ends_with_code_1_and_written_reports() {
    let little = Little { entries: vec![entry("good")], always: Some((200, "{}")), ..Little::default() }.start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (json, junit) = (file("a.json"), file("a.xml"));
    let arguments = ["--url", &little.url, "--calls", "1", "--json", &json, "--junit", &junit].map(str::to_owned);
    let run = move || conform(&arguments.each_ref().map(|argument| &**argument));
    let output = actix_web::rt::task::spawn_blocking(run).await.expect("it ends");
    let page = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{page}");
    assert!(page.contains("FAILED   CH-151"), "{page}");
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(file("a.json")).expect("written")).expect("JSON");
    assert!(json["totals"]["failed_shall"].as_u64() > Some(0));
    assert!(std::fs::read_to_string(file("a.xml")).expect("written").contains("<failure"));
    little.stop().await;
}

#[test]
fn the_page_in_the_documentation_is_the_list() {
    let items = prodrome::conform::items().expect("the list");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/conformance.md");
    let page = std::fs::read_to_string(path).expect("docs/reference/conformance.md");
    let remedy = "run `prodrome conform --list --markdown > docs/reference/conformance.md`";
    assert!(page == prodrome::conform::markdown(&items), "{remedy}");
}

#[test]
fn keys_are_written_for_a_service_to_know_and_nothing_is_judged_without_an_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let (keys, pem) = (folder.path().join("jwks.json").display().to_string(), fixture("p-384.pem"));
    let pem = pem.display().to_string();
    let signed = ["--issuer", "https://ehr.example", "--key", &*pem, "--write-jwks", &*keys];
    let output = conform(&[&signed[..], &["--kid", "mine"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&keys).expect("written")).expect("JSON");
    assert!(written["keys"][0]["kid"] == "mine" && written["keys"][0]["d"].is_null(), "{written}");
    for (wrong, told) in [
        (&["--kid", "a", "--kid", "b"][..], "one `--kid` for each key"),
        (&["--key", "Cargo.toml"][..], "openssl genpkey"),
        (&["--key", "no-such.pem"][..], "cannot be read"),
    ] {
        let output = conform(&[&signed[..], wrong].concat());
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && message.contains(told), "{message}");
    }
    assert_eq!(conform(&["--url", "http://127.0.0.1:1", "--issuer", "https://ehr.example"]).status.code(), Some(2));
}
