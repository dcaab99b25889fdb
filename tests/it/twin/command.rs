//! `prodrome sandbox`, the real binary, against a service that is not ours.

use super::stage::{Recorder, Stage};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn sandbox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prodrome"));
    command.arg("sandbox").args(["--page", "127.0.0.1:0"]).args(arguments);
    command
}

#[actix_web::test]
async fn the_command_calls_the_services_that_it_is_given_as_the_profile_it_is_given_and_stops_when_told() {
    let (one, two) = (Recorder::start(), Recorder::start());
    let list = format!("{}/cds-services", two.base);
    let mut command = sandbox(&["--service", &one.base, "--service", &list, "--profile", "inferno"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let output = BufReader::new(child.stdout.take().expect("an output"));
    let address = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.trim().strip_prefix("Page").map(|rest| rest.trim().to_owned()));
    let stage = Stage { page: address.expect("an address"), service: one.clone(), second: Some(two.clone()) };
    let state = stage.get("/control").await;
    assert_eq!((&state["profile"], state["patients"].as_array().map(Vec::len)), (&json!("inferno"), Some(35)));
    stage.put("/control/desk", json!({"patient": "ea00034"})).await;
    stage.fire("patient-view").await;
    assert_eq!(one.last().body["fhirAuthorization"]["subject"], "cds-service");
    assert_eq!(two.last().body["fhirAuthorization"]["subject"], "cds-service-2");
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("told");
    assert!(told.success());
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

/// As after `| head`, or where a supervisor closed the other end.
#[test]
fn an_output_that_nobody_reads_any_more_stops_nothing() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|any| any.local_addr()).expect("a free port");
    let mut command = Command::new(env!("CARGO_BIN_EXE_prodrome"));
    command.args(["sandbox", "--service", "http://127.0.0.1:1", "--page", &free.to_string()]);
    let mut child = command.stdout(writer.try_clone().expect("a pipe")).stderr(writer).spawn().expect("it runs");
    while std::net::TcpStream::connect(free).is_err() {
        assert_eq!(child.try_wait().expect("a state"), None, "it ended before it served");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("told");
    assert!(told.success());
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

#[test]
fn what_is_no_base_address_or_profile_is_refused() {
    for (arguments, word) in [
        (&[][..], "--service"),
        (&["--service", "ftp://a"], "http://"),
        (&["--service", "http://a", "--profile", "paper"], "inferno"),
        (&["--service", "http://a", "--patients", "/nowhere/at/all"], "--patients"),
    ] {
        let output = sandbox(arguments).output().expect("it runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && message.contains(word), "{message}");
    }
}
