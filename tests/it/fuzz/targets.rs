//! What is fed: every parser of bytes from outside, each through the door that the server uses. A run gives the name of
//! its outcome, in words that are few whatever the input; a panic or a broken promise is a finding.

use crate::oracle::AgeOracle;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use prodrome::decision_support::prefetch::{Arrived, PrefetchKey, standard};
use prodrome::decision_support::protocol::{Context, Edition, OpenedCall, Tolerance, read_feedback};
use prodrome::decision_support::read_back::{FhirBase, fill};
use prodrome::decision_support::service_definition::{Catalogue, Known};
use prodrome::patient_record::chart::ChartReader;
use prodrome::platform::settings::Settings;
use prodrome::trust::Trust;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub const TARGETS: [&str; 6] = ["request", "chart", "template", "service", "settings", "token"];

/// When every token of the corpus is good.
const NOW: i64 = 1_777_881_600;
const PATH: &str = "/cds-services/early-detection";
const AUDIENCE: &str = "https://cds.example.org/cds-services/early-detection";

/// One parser and what it needs.
pub struct Target {
    name: &'static str,
    folder: TempDir,
    oracle: AgeOracle,
    trust: Trust,
    runtime: tokio::runtime::Runtime,
}

impl Target {
    /// The target of a name.
    pub fn of(name: &str) -> Option<Self> {
        let name = TARGETS.into_iter().find(|known| *known == name)?;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("fuzzed")).expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let trust = trust(folder.path());
        Some(Self { name, folder, oracle: AgeOracle::new(Duration::ZERO), trust, runtime })
    }

    /// What real senders and files hold, and what was found before.
    pub fn corpus(&self, found: &Path) -> Vec<Vec<u8>> {
        let mut corpus = match self.name {
            "request" => requests(),
            "chart" => files("tests/fixtures/releases", "json"),
            "template" => templates(),
            "service" => files("cds-services", "toml"),
            "settings" => files("config", "toml"),
            _ => tokens(),
        };
        let mut kept: Vec<PathBuf> = match std::fs::read_dir(found.join(self.name)) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => Vec::new(),
        };
        kept.sort();
        corpus.extend(kept.iter().map(|path| std::fs::read(path).expect("a file")));
        corpus
    }

    /// Runs the parser once.
    ///
    /// # Errors
    /// What it panicked with.
    pub fn run(&self, input: &[u8]) -> Result<String, String> {
        let run = || match self.name {
            "request" => request(input),
            "chart" => chart(input),
            "template" => template(&String::from_utf8_lossy(input)),
            "service" => self.service(input),
            "settings" => self.settings(input),
            _ => self.token(input),
        };
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        })
    }

    fn service(&self, input: &[u8]) -> String {
        std::fs::write(self.folder.path().join("fuzzed/service.toml"), input).expect("written");
        match Catalogue::load(self.folder.path(), Known::of(&self.oracle)) {
            Err(error) => kind(&error.to_string()),
            Ok(catalogue) => {
                let listed = [Edition::Second, Edition::Third].map(|edition| {
                    serde_json::to_string(&catalogue.discovery(edition)).expect("a list that can be written").len()
                });
                format!("loaded {}", listed[0] <= listed[1])
            }
        }
    }

    fn settings(&self, input: &[u8]) -> String {
        let file = self.folder.path().join("fuzzed.toml");
        std::fs::write(&file, input).expect("written");
        let read = Settings::read(Some(&file), std::iter::empty());
        read.map_or_else(|error| kind(&error.to_string()), |settings| format!("read {:?}", settings.server.mode))
    }

    fn token(&self, input: &[u8]) -> String {
        let now = jiff::Timestamp::from_second(NOW).expect("a time");
        match self.runtime.block_on(self.trust.verify(&[input], PATH, now)) {
            Err(denied) => kind(&denied.to_string()),
            Ok(verified) => format!("verified {}", verified.is_some()),
        }
    }
}

fn request(input: &[u8]) -> String {
    let feedback = read_feedback(input).map_or_else(|error| kind(&error.to_string()), |_| "read".into());
    let call = OpenedCall::open(input).and_then(|call| call.read(Tolerance::default()));
    let call = match call {
        Err(error) => return format!("{} / {feedback}", kind(&error.to_string())),
        Ok(call) => call,
    };
    let arrived = match Arrived::look(&call.prefetch, &standard()) {
        Err(error) => return kind(&error.to_string()),
        Ok(arrived) => arrived,
    };
    let states: BTreeSet<String> = arrived.states.iter().map(|(_, state)| format!("{state:?}")).collect();
    let mut reader = ChartReader::new();
    let taken = arrived.documents.iter().filter(|document| reader.take_json(document.get().as_bytes()).is_ok()).count();
    let found = reader.finish_one(&call.context.patient_id).is_some();
    format!("call {states:?} {} {found}", taken == arrived.documents.len())
}

fn chart(input: &[u8]) -> String {
    let (mut whole, mut lines) = (ChartReader::new(), ChartReader::new());
    let taken = whole.take_json(input).map_or_else(|error| kind(&error.to_string()), |()| "taken".into());
    let by_line = lines.take_ndjson(input).is_ok();
    let (timelines, skipped) = whole.finish();
    let (_, skipped_lines) = lines.finish();
    let reasons: BTreeSet<String> =
        skipped.0.keys().chain(skipped_lines.0.keys()).map(|(_, reason)| format!("{reason:?}")).collect();
    format!("{taken} {by_line} {} {reasons:?}", timelines.len().min(2))
}

/// A template on the first line, the context's user, patient and encounter on the next ones.
fn template(input: &str) -> String {
    let mut lines = input.lines();
    let key = PrefetchKey { key: "k".into(), template: lines.next().unwrap_or_default().into(), required: false };
    let context = Context {
        user_id: lines.next().map(str::to_owned),
        patient_id: lines.next().unwrap_or_default().to_owned(),
        encounter_id: lines.next().map(str::to_owned),
    };
    let checked = key.check().map_or_else(|error| kind(&error.to_string()), |()| "good".into());
    let told = (key.is_simple(), key.limits().0.is_some(), key.limits().1.is_some(), key.resource_type().is_some());
    let filled = fill(&key.template, &context, jiff::civil::date(2026, 3, 31));
    let base = FhirBase::parse("https://ehr.example.org/fhir").expect("an address");
    if let Ok(query) = &filled {
        assert!(checked != "good" || !query.contains("{{"), "a token was left: {query}");
        let address = base.query(query);
        assert!(address.is_none_or(|url| url.as_str().starts_with("https://ehr.example.org/fhir")), "it left: {query}");
    }
    format!("{checked} {told:?} {}", filled.is_ok())
}

/// An outcome without what differs from input to input: numbers and whatever stands between marks.
fn kind(text: &str) -> String {
    let outside = text.split(['`', '"', '\'']).step_by(2).collect::<Vec<_>>().join("_");
    outside.lines().next().unwrap_or_default().chars().filter(|letter| !letter.is_ascii_digit()).take(100).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of a folder and of those below it, in order of their names.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// The calls of the services' examples, and a feedback batch.
fn requests() -> Vec<Vec<u8>> {
    let request = |example: &Vec<u8>| {
        let example: Value = serde_json::from_slice(example).expect("JSON");
        example["request"].to_string().into_bytes()
    };
    let mut requests: Vec<Vec<u8>> = files("cds-services", "json").iter().map(request).collect();
    let card = "6c5d3f0e-8b0f-4a52-9d57-3f1b7a0a9e21";
    let feedback = json!({"feedback": [
        {"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": card}],
         "outcomeTimestamp": "2026-05-04T08:15:30.120Z"},
        {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-05-04T08:16:00Z",
         "overrideReason": {"reason": {"system": "http://x.example", "code": "c"}, "userComment": "x"}}]});
    requests.push(feedback.to_string().into_bytes());
    requests
}

fn templates() -> Vec<Vec<u8>> {
    let context = "Practitioner/u-1\np-1\ne-1";
    let others = [
        "Observation?patient={{context.patientId}}&date=ge{{today() - 90 days}}&_count=50",
        "{{context.userId}}",
        "Practitioner/{{userPractitionerId}}",
        "Encounter?_id={{ context.encounterId }}",
    ];
    let standard = standard();
    let all = standard.iter().map(|key| key.template.as_str()).chain(others);
    all.map(|template| format!("{template}\n{context}").into_bytes()).collect()
}

fn key() -> EncodingKey {
    let pem = std::fs::read(root().join("tests/fixtures/trust/p-384.pem")).expect("a test key");
    EncodingKey::from_ec_pem(&pem).expect("a key")
}

/// One client with one key, in production.
fn trust(folder: &Path) -> Trust {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key(), Algorithm::ES384).expect("a key")).expect("JSON");
    jwk["kid"] = "k1".into();
    let file = folder.join("jwks.json");
    std::fs::write(&file, json!({"keys": [jwk]}).to_string()).expect("written");
    let client = format!("[{{ name = 'ehr', issuer = 'https://ehr.example.org', jwks_file = '{}' }}]", file.display());
    let settings = [("PRODROME__SERVER__PUBLIC_URL", "https://cds.example.org"), ("PRODROME__CDS_CLIENT", &client)];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Trust::new(&Settings::read(None, settings.into_iter()).expect("settings")).expect("keys")
}

/// A good token, and others that are signed as well.
fn tokens() -> Vec<Vec<u8>> {
    let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::ES384) };
    let good = json!({"iss": "https://ehr.example.org", "aud": AUDIENCE, "iat": NOW, "exp": NOW + 300, "jti": "j"});
    let changes = [
        ("aud", json!([AUDIENCE, "x"])),
        ("aud", json!("x")),
        ("exp", json!(1)),
        ("exp", json!(1e300)),
        ("iat", json!(NOW + 9_999)),
        ("nbf", json!("x")),
        ("jti", json!("")),
        ("iss", json!("x")),
    ];
    let changed = changes.into_iter().map(|(claim, value)| {
        let mut claims = good.clone();
        claims[claim] = value;
        claims
    });
    let sign = |claims: Value| {
        format!("Bearer {}", jsonwebtoken::encode(&header, &claims, &key()).expect("a token")).into_bytes()
    };
    std::iter::once(good.clone()).chain(changed).map(sign).collect()
}
