//! `prodrome keys`, and what of the keys is published.

use crate::web::app::TestApp;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Runs `prodrome keys` on a folder.
pub fn keys(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prodrome"));
    command.arg("keys").arg(arguments[0]).arg("--folder").arg(folder).args(&arguments[1..]).output().expect("it runs")
}

/// Lines of `keys list`: name, algorithm, what it is for.
fn listed(folder: &Path) -> Vec<[String; 3]> {
    let output = keys(folder, &["list"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let line = |line: &str| {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        words.try_into().expect("three words")
    };
    text.lines().map(line).collect()
}

#[test]
fn keys_are_made_listed_rotated_and_retired() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(keys(folder.path(), &["new"]).status.success());
    let first = listed(folder.path());
    assert_eq!((first.len(), first[0][1].as_str(), first[0][2].as_str()), (1, "ES384", "signs"));
    let old = first[0][0].clone();
    assert!(keys(folder.path(), &["rotate"]).status.success());
    let both = listed(folder.path());
    assert_eq!(both.len(), 2);
    assert!(both.iter().all(|[kid, _, use_]| (*kid == old) == (use_ == "published")), "{both:?}");
    let signer = both.iter().find(|[kid, ..]| *kid != old).expect("the new one")[0].clone();
    let refused = keys(folder.path(), &["retire", &signer]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("rotate"), "the remedy is named");
    assert!(keys(folder.path(), &["retire", &old]).status.success());
    assert_eq!(listed(folder.path()).len(), 1);
}

#[actix_web::test]
async fn the_public_halves_of_all_keys_are_published_and_nothing_private() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(keys(folder.path(), &["new"]).status.success());
    assert!(keys(folder.path(), &["new", "--algorithm", "RS384"]).status.success());
    let app = TestApp::builder().setting("KEYS__FOLDER", &folder.path().display().to_string()).start().await;
    let answer = app.get("/.well-known/jwks.json").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("public, max-age=3600")));
    let set = answer.json();
    let published = set["keys"].as_array().expect("keys");
    assert_eq!(published.len(), 2);
    for key in published {
        let members: Vec<&String> = key.as_object().expect("an object").keys().collect();
        let public = ["kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e"];
        assert!(members.iter().all(|member| public.contains(&member.as_str())), "{members:?}");
        assert_eq!(key["use"], "sig");
    }
    let mut kids: Vec<&Value> = published.iter().map(|key| &key["kid"]).collect();
    kids.dedup();
    assert_eq!(kids.len(), 2);
}

#[actix_web::test]
async fn without_keys_there_is_nothing_at_their_address() {
    let app = TestApp::start().await;
    app.get("/.well-known/jwks.json").await.refuses_with(404, "unknown-route");
}

#[test]
fn a_folder_without_keys_stops_the_start_with_a_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_prodrome"))
        .arg("serve")
        .env("PRODROME__SERVER__MODE", "development")
        .env("PRODROME__SERVER__BIND", "127.0.0.1:0")
        .env("PRODROME__KEYS__FOLDER", folder.path())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("keys.folder") && said.contains("prodrome keys new"), "{said}");
}
