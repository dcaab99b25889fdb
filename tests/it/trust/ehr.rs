//! [`Ehr`]: a signing EHR with a name of its own, so that its lines in the common log can be told from others'.

use crate::web::app::{Answer, Builder, TestApp};
use crate::web::charts::{call, one_bundle};
use crate::web::logs;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;
use uuid::Uuid;

/// Where the apps of these tests say they are.
pub const PUBLIC_URL: &str = "https://cds.example.org";
pub const CALL: &str = "/cds-services/early-detection";

pub struct Ehr {
    pub name: String,
    pub issuer: String,
    pub key: EncodingKey,
    pub algorithm: Algorithm,
    /// Lines of its `[[cds_client]]` table beside name, issuer and keys.
    pub settings: String,
    folder: TempDir,
}

/// A file of `tests/fixtures/trust`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trust").join(name)
}

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).expect("a test key")
}

pub fn now() -> i64 {
    prodrome::platform::clock::now().as_second()
}

impl Ehr {
    pub fn rs384() -> Self {
        Self::new(EncodingKey::from_rsa_pem(&pem("rsa-2048.pem")).expect("a key"), Algorithm::RS384)
    }

    pub fn es384() -> Self {
        Self::new(EncodingKey::from_ec_pem(&pem("p-384.pem")).expect("a key"), Algorithm::ES384)
    }

    fn new(key: EncodingKey, algorithm: Algorithm) -> Self {
        let id = Uuid::new_v4();
        let (name, issuer) = (format!("ehr-{id}"), format!("https://{id}.example.org"));
        Self { name, issuer, key, algorithm, settings: String::new(), folder: tempfile::tempdir().expect("a folder") }
    }

    /// Adds to its table, such as `tenants = ["north"]`.
    pub fn with(mut self, settings: &str) -> Self {
        self.settings = format!(", {settings}");
        self
    }

    /// Its public key.
    pub fn jwk(&self, kid: &str) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public key"))
            .expect("JSON");
        jwk["kid"] = kid.into();
        jwk
    }

    /// Its key set, with the one key `k1`.
    pub fn key_set(&self) -> Value {
        json!({"keys": [self.jwk("k1")]})
    }

    /// Its table, with keys at an address.
    pub fn at_url(&self, url: &str) -> String {
        self.table(&format!("jwks_url = \"{url}\""))
    }

    /// Its table, with its own key in a file.
    pub fn in_file(&self) -> String {
        self.in_file_of(&self.key_set())
    }

    /// Its table, with these keys in a file.
    pub fn in_file_of(&self, keys: &Value) -> String {
        let path = self.folder.path().join("jwks.json");
        std::fs::write(&path, keys.to_string()).expect("written");
        self.table(&format!("jwks_file = \"{}\"", path.display()))
    }

    fn table(&self, keys: &str) -> String {
        format!("{{ name = \"{}\", issuer = \"{}\", {keys}{} }}", self.name, self.issuer, self.settings)
    }

    pub fn header(&self) -> Value {
        json!({"alg": self.algorithm, "typ": "JWT", "kid": "k1"})
    }

    /// Claims of a token for `path`, each time another `jti`.
    pub fn claims(&self, path: &str) -> Value {
        json!({"iss": self.issuer, "aud": format!("{PUBLIC_URL}{path}"), "iat": now(), "exp": now() + 300,
               "jti": Uuid::new_v4().to_string()})
    }

    /// A token of these parts, whatever they say, signed with the key of this EHR.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = unsigned(header, claims);
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).expect("a signature");
        format!("{message}.{signature}")
    }

    /// A good token for `path`.
    pub fn token(&self, path: &str) -> String {
        self.sign(&self.header(), &self.claims(path))
    }

    /// Makes a good call, which must be answered.
    pub async fn calls(&self, app: &TestApp) {
        let answer = call_with(app, &self.token(CALL)).await;
        assert_eq!(answer.status, 200, "a good call was refused: {}: {:?}", answer.text(), self.last_cause());
    }

    /// Sends a token that must be refused for this cause, which only the log may tell.
    #[track_caller]
    pub fn refused(&self, answer: &Answer, cause: &str) {
        assert_eq!(bare(answer), (401, Vec::new(), REFUSED.map(str::to_string).to_vec()), "{cause}");
        let logged = self.last_cause().unwrap_or_default();
        assert!(logged.contains(cause), "`{cause}` was expected in the log, which says `{logged}`");
    }

    /// The last cause that the log names for this client.
    pub fn last_cause(&self) -> Option<String> {
        let log = logs::read();
        let line = log.lines().rev().find(|line| line.contains("call refused") && line.contains(&self.name))?;
        let line: Value = serde_json::from_str(line).expect("JSON lines");
        Some(line["cause"].as_str()?.to_string())
    }
}

/// Header and claims as they are signed.
pub fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// What every refusal carries beside its own id and the date, and nothing else.
const REFUSED: [&str; 2] = ["content-length: 0", "www-authenticate: Bearer"];

/// Status, body and headers, without the two that differ in every answer.
pub fn bare(answer: &Answer) -> (u16, Vec<u8>, Vec<String>) {
    let shown = |(name, value): (&awc::http::header::HeaderName, &awc::http::header::HeaderValue)| {
        format!("{name}: {}", value.to_str().unwrap_or("?"))
    };
    let mut headers: Vec<String> = answer.headers.iter().map(shown).collect();
    headers.retain(|header| !header.starts_with("date: ") && !header.starts_with("x-request-id: "));
    headers.sort();
    (answer.status, answer.body.clone(), headers)
}

/// An app in production mode, in a closed network, that knows these clients.
pub fn production(clients: &[String]) -> Builder {
    TestApp::builder()
        .setting("SERVER__MODE", "production")
        .setting("SERVER__ALLOW_PLAIN_HTTP", "true")
        .setting("SERVER__PUBLIC_URL", PUBLIC_URL)
        .setting("CDS_CLIENT", &format!("[{}]", clients.join(", ")))
}

/// Calls the service with this token.
pub async fn call_with(app: &TestApp, token: &str) -> Answer {
    call_as(app, &format!("Bearer {token}")).await
}

/// Calls the service with this Authorization header.
pub async fn call_as(app: &TestApp, authorization: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("authorization", authorization)];
    app.post_with(CALL, &headers, body()).await
}

/// The body of a call with a whole chart.
pub fn body() -> Vec<u8> {
    call(&Uuid::new_v4().to_string(), one_bundle()).to_string().into_bytes()
}
