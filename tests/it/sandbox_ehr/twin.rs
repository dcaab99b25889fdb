//! [`Twin`]: a sandbox EHR over two little charts, with a client of each kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;
use prodrome::platform::settings::KeySource;
use prodrome::sandbox_ehr::{Authentication, Lives, Registration, SandboxEhr, read_folder};
use prodrome::trust::{KeyFolder, KeyKind, OwnKeys, Signature};
use serde_json::{Value, json};
use std::net::TcpListener;
use tempfile::TempDir;

pub const REDIRECT: &str = "http://127.0.0.1:3000/callback";
pub const LAUNCH: &str = "http://127.0.0.1:3000/launch";
/// Another server that accepts the tokens.
pub const RESOURCE: &str = "http://127.0.0.1:3001";
const SECRET: &str = "s:e/c r+t%";
const SCOPE: &str = "launch launch/patient launch/encounter openid fhirUser offline_access patient/*.rs user/*.rs";

/// A sandbox EHR and the keys of its signing clients.
pub struct Twin {
    pub page: String,
    pub keys: OwnKeys,
    folder: TempDir,
}

pub struct Answer {
    pub status: u16,
    pub headers: awc::http::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Status and OAuth error.
    pub fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

fn chart(id: &str) -> String {
    let about = json!({"reference": format!("Patient/{id}")});
    let code = |code: &str| json!({"coding": [{"system": "http://example.org", "code": code}]});
    [
        json!({"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1960-01-01"}),
        json!({"resourceType": "Encounter", "id": format!("{id}-old"), "subject": about, "period": {"start": "2001-01-01"}}),
        json!({"resourceType": "Encounter", "id": format!("{id}-new"), "subject": about, "period": {"start": "2020-01-01"}}),
        json!({"resourceType": "Observation", "id": format!("{id}-o"), "status": "final", "subject": about, "code": code("o")}),
        json!({"resourceType": "Condition", "id": format!("{id}-c"), "subject": about, "code": code("c")}),
    ]
    .map(|resource| resource.to_string())
    .join("\n")
}

fn client(id: &str, authentication: Authentication, launch_url: Option<&str>, scope: &str) -> Registration {
    Registration {
        client_id: id.into(),
        authentication,
        redirect_uris: vec![REDIRECT.into(), "http://127.0.0.1:3000/callback/other?a=b".into()],
        launch_url: launch_url.map(str::to_owned),
        scope: scope.into(),
    }
}

impl Twin {
    pub fn start() -> Self {
        Self::living(Lives::default())
    }

    pub fn living(lives: Lives) -> Self {
        Self::start_with(SCOPE, "", |ehr| ehr.living(lives))
    }

    /// With an app `public` that may ask for no more than this.
    pub fn letting(scope: &str) -> Self {
        Self::start_with(scope, "", |ehr| ehr)
    }

    /// With charts that are opened with calls to this CDS server.
    pub fn calling(cds: &str, signature: Signature) -> Self {
        Self::start_with(SCOPE, cds, |ehr| ehr.signing_with(signature))
    }

    fn start_with(scope: &str, cds: &str, change: impl FnOnce(SandboxEhr) -> SandboxEhr) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        KeyFolder::new(&folder.path().join("keys")).make(KeyKind::Es384).expect("a key");
        let keys = OwnKeys::open(&folder.path().join("keys")).expect("keys");
        let jwks = folder.path().join("jwks.json");
        std::fs::write(&jwks, keys.public().to_string()).expect("written");
        let charts = folder.path().join("charts");
        std::fs::create_dir(&charts).expect("a folder");
        for id in ["ann", "bob"] {
            std::fs::write(charts.join(format!("{id}.ndjson")), chart(id)).expect("written");
        }
        let clients = vec![
            client("public", Authentication::Public, Some(LAUNCH), scope),
            client("other", Authentication::Public, Some("http://127.0.0.1:3000/other"), SCOPE),
            client("secret", Authentication::Secret(SECRET.into()), None, SCOPE),
            client("signing", Authentication::Keys(KeySource::File(jwks.clone())), None, SCOPE),
            Registration::backend("backend", KeySource::File(jwks), "system/*.rs"),
        ];
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let page = format!("http://{}", listener.local_addr().expect("an address"));
        let charts = read_folder(&charts).expect("patients");
        let ehr = SandboxEhr::new(charts, cds.to_owned(), page.clone(), clients).expect("an EHR");
        actix_web::rt::spawn(change(ehr).accepted_by(RESOURCE).serve(listener).expect("a page"));
        Self { page, keys, folder }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.page)
    }

    pub async fn get(&self, path: &str) -> Answer {
        read(client_of().get(self.url(path)).send()).await
    }

    /// Changes single switches of its behavior.
    pub async fn switch(&self, switches: Value) {
        let request = client_of().put(self.url("/control/behavior"));
        let answer = read(request.send_json(&json!({ "switches": switches }))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Reads FHIR with a token.
    pub async fn fhir(&self, path: &str, token: &str) -> Answer {
        read(client_of().get(self.url(&format!("/fhir/{path}"))).bearer_auth(token).send()).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        read(client_of().post(self.url(path)).send_form(&form)).await
    }

    pub async fn post_with(&self, path: &str, authorization: &str, form: &[(&str, &str)]) -> Answer {
        let request = client_of().post(self.url(path)).insert_header(("authorization", authorization));
        read(request.send_form(&form)).await
    }

    /// A form as the client `secret` sends it.
    pub async fn with_secret(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        self.post_with(path, &format!("Basic {}", STANDARD.encode(format!("secret:{encoded}"))), form).await
    }

    /// A handle from the launch service.
    pub async fn launch(&self, body: &Value) -> Answer {
        read(client_of().post(self.url("/fhir/_services/smart/Launch")).send_json(body)).await
    }

    /// A handle for the app `public` and patient `ann`.
    pub async fn handle(&self) -> String {
        let answer = self.launch(&json!({"launchUrl": LAUNCH, "parameters": {"patient": "ann"}})).await;
        answer.json()["launch_id"].as_str().expect("a handle").to_owned()
    }

    /// Where the private key of the clients that sign is.
    pub fn keys_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("keys")
    }

    /// The private key of the clients that sign, and its name.
    pub fn private_key(&self) -> (EncodingKey, String) {
        let kid = self.keys.public()["keys"][0]["kid"].as_str().expect("a kid").to_owned();
        let pem = std::fs::read(self.folder.path().join(format!("keys/{kid}.pem"))).expect("a key");
        (EncodingKey::from_ec_pem(&pem).expect("a key"), kid)
    }

    /// An assertion of a client that signs.
    pub fn assertion(&self, client: &str) -> String {
        self.keys.assertion(client, &self.url("/token"), prodrome::platform::clock::now()).expect("signed")
    }
}

/// A client that shows redirections instead of following them.
fn client_of() -> awc::Client {
    awc::Client::builder().disable_redirects().finish()
}

async fn read(request: awc::SendClientRequest) -> Answer {
    let mut answer = request.await.expect("an answer");
    let body = answer.body().await.expect("a whole body").to_vec();
    Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
}
