//! The real binary: what it refuses to start with.

use std::net::TcpListener;
use std::process::{Command, Output};

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } =
        Command::new(env!("CARGO_BIN_EXE_prodrome")).arg("demo").args(arguments).output().expect("it runs");
    let message = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(2), "{message}");
    message
}

#[test]
fn a_port_in_use_is_named_with_the_option_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for (option, other) in [("--bind", "--page"), ("--page", "--bind")] {
        let message = refused(&[option, &address, other, "127.0.0.1:0"]);
        assert!(message.contains(&address) && message.contains(option), "{message}");
    }
}

#[test]
fn a_folder_without_patients_is_named_with_the_option_that_changes_it() {
    let empty = tempfile::tempdir().expect("a folder");
    let folder = empty.path().display().to_string();
    let message = refused(&["--bind", "127.0.0.1:0", "--page", "127.0.0.1:0", "--patients", &folder]);
    assert!(message.contains(&folder) && message.contains("--patients"), "{message}");
}

#[test]
fn a_file_that_is_no_patient_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("odd.ndjson"), "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n{}\n")
        .expect("written");
    let path = folder.path().display().to_string();
    let message = refused(&["--bind", "127.0.0.1:0", "--page", "127.0.0.1:0", "--patients", &path]);
    assert!(message.contains("odd.ndjson") && message.contains("line 2"), "{message}");
}
