//! The real binary: exit codes and signals.

use super::http::exchange;
use crate::database::TestDatabase;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub fn prodrome(folder: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prodrome"));
    command.arg("serve").current_dir(folder).env("PRODROME__SERVER__BIND", "127.0.0.1:0");
    command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn refused(environment: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let Output { status, stderr, .. } = prodrome(folder.path(), environment).output().expect("it runs");
    let message = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(2), "{message}");
    message
}

#[test]
fn a_misspelt_setting_ends_the_start_with_code_2_and_the_nearest_key() {
    let message = refused(&[("PRODROME__SERVER__MOED", "development")]);
    assert!(message.contains("PRODROME__SERVER__MOED") && message.contains("PRODROME__SERVER__MODE"), "{message}");
}

#[test]
fn production_does_not_start_without_tls() {
    assert!(refused(&[]).contains("server.mode"));
    assert!(refused(&[("PRODROME__SERVER__PUBLIC_URL", "http://cds.example.org")]).contains("server.mode"));
}

#[test]
fn files_of_tls_that_cannot_be_used_end_the_start_with_code_2() {
    let file = |name: &str| format!("{}/tests/fixtures/trust/{name}", env!("CARGO_MANIFEST_DIR"));
    let (certificate, key, none) = (file("server.pem"), file("server.key.pem"), file("README.md"));
    for (certificate, key, authority, named) in [
        ("nowhere.pem", &*key, "", "server.tls.cert_file"),
        (&*none, &*key, "", "server.tls.cert_file"),
        (&*certificate, "nowhere.pem", "", "server.tls.key_file"),
        (&*certificate, &*file("client.key.pem"), "", "server.tls.key_file"),
        (&*certificate, &*none, "", "server.tls.key_file"),
        (&*certificate, &*key, "nowhere.pem", "server.tls.client_ca_file"),
        (&*certificate, &*key, &*none, "server.tls.client_ca_file"),
    ] {
        let message = refused(&[
            ("PRODROME__SERVER__TLS__CERT_FILE", certificate),
            ("PRODROME__SERVER__TLS__KEY_FILE", key),
            ("PRODROME__SERVER__TLS__CLIENT_CA_FILE", authority),
        ]);
        assert!(message.contains(named) && message.contains("; give "), "{message}");
    }
}

#[test]
fn a_client_that_cannot_be_used_ends_the_start_with_code_2() {
    for (client, named) in [
        ("issuer = 'https://e.org', jwks_file = 'nowhere.json'", "cds_client.jwks_file"),
        ("issuer = 'https://e.org', jwks_file = '/dev/null'", "cds_client.jwks_file"),
        ("issuer = 'https://e.org', jwks_url = 'not an address'", "cds_client.jwks_url"),
        ("issuer = 'https://sandbox.cds-hooks.org', jwks_url = 'https://e.org/jwks'", "cds_client.issuer"),
    ] {
        let client = format!("[{{ name = 'ehr', {client} }}]");
        let environment = [("PRODROME__SERVER__ALLOW_PLAIN_HTTP", "true"), ("PRODROME__CDS_CLIENT", &*client)];
        let message = refused(&environment);
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn a_database_that_cannot_be_opened_ends_the_start_with_code_2() {
    let environment = [("PRODROME__SERVER__MODE", "development"), ("PRODROME__DATABASE__URL", "sqlite:/dev/null/x")];
    assert!(refused(&environment).contains("database.url"));
}

/// A server that is stopped at the end of its test, whatever happens.
pub struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Served {
    /// Starts a server whose model never ends loading (its manifest is a pipe that nobody writes to).
    pub fn loading(folder: &Path, database: &TestDatabase) -> (Self, String) {
        let made = Command::new("mkfifo").arg(folder.join("manifest.json")).status().expect("mkfifo runs");
        assert!(made.success());
        let environment = [
            ("PRODROME__SERVER__MODE", "development"),
            ("PRODROME__MODEL__PATH", "."),
            ("PRODROME__DATABASE__URL", database.url()),
        ];
        Self::start(prodrome(folder, &environment))
    }

    /// Starts the server with the shipped model and services on this database, and waits until it is ready.
    pub fn ready(folder: &Path, database: &TestDatabase) -> (Self, String) {
        let root = env!("CARGO_MANIFEST_DIR");
        let (model, services) = (format!("{root}/models/prodrome-s"), format!("{root}/cds-services"));
        let environment = [
            ("PRODROME__SERVER__MODE", "development"),
            ("PRODROME__MODEL__PATH", &*model),
            ("PRODROME__SERVICES__PATH", &*services),
            ("PRODROME__DATABASE__URL", database.url()),
            // A debug build on a busy machine takes its time.
            ("PRODROME__ENGINE__DEADLINE", "60 s"),
        ];
        let (served, address) = Self::start(prodrome(folder, &environment));
        let asked = || exchange(address.parse().expect("an address"), get("/readyz"));
        for _ in 0..1_200 {
            if asked().starts_with("HTTP/1.1 200 ") {
                return (served, address);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the server is not ready: {}", asked());
    }

    /// Starts the server and waits until it says where it listens.
    pub fn start(mut command: Command) -> (Self, String) {
        let mut child = command.spawn().expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let address = line.trim().rsplit("http://").next().unwrap_or_default().to_string();
        (Self(child), address)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        let _already_ended = self.0.kill();
        let _already_waited_for = self.0.wait();
    }

    fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.0.wait().expect("it ends").code()
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

#[test]
fn an_accepted_call_is_finished_after_sigterm_and_new_ones_are_refused() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), TestDatabase::fresh());
    let (mut served, address) = Served::loading(folder.path(), &database);
    let mut call = TcpStream::connect(&address).expect("a connection");
    let body = "{\"feedback\": []}";
    let length = body.len();
    let head = format!(
        "POST /cds-services/x/feedback HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    );
    call.write_all(head.as_bytes()).expect("sent");
    // Only a call that was accepted is told to go on.
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    call.read_exact(&mut go_on).expect("an answer");
    assert!(go_on.starts_with(b"HTTP/1.1 100 "));
    call.write_all(&body.as_bytes()[..5]).expect("sent");
    let told = Instant::now();
    served.terminate();
    std::thread::sleep(Duration::from_millis(300));
    assert!(TcpStream::connect(&address).is_err(), "a new call was accepted");
    call.write_all(&body.as_bytes()[5..]).expect("sent");
    let mut answer = String::new();
    call.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    assert_eq!(served.exit_code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
}

#[test]
fn a_package_that_is_not_there_ends_the_start_with_code_2() {
    let environment = [("PRODROME__SERVER__MODE", "development"), ("PRODROME__MODEL__PATH", "nowhere")];
    let message = refused(&environment);
    assert!(message.contains("model.path") && message.contains("nowhere"), "{message}");
}

#[test]
fn an_idle_connection_does_not_delay_the_stop() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), TestDatabase::fresh());
    let (mut served, address) = Served::loading(folder.path(), &database);
    let mut idle = TcpStream::connect(&address).expect("a connection");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
    let mut start = [0; 12];
    idle.read_exact(&mut start).expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 200");
    let told = Instant::now();
    served.terminate();
    assert_eq!(served.exit_code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
}

#[test]
fn a_body_that_never_ends_does_not_delay_the_stop() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), TestDatabase::fresh());
    let (mut served, address) = Served::loading(folder.path(), &database);
    let mut stuck = TcpStream::connect(&address).expect("a connection");
    stuck.write_all(b"POST /cds-services/x/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{").expect("sent");
    std::thread::sleep(Duration::from_millis(300));
    let told = Instant::now();
    served.terminate();
    assert_eq!(served.exit_code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
}
