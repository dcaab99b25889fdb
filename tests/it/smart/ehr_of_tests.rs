//! [`TestEhr`]: an authorization server that says what a test tells it to, beside a FHIR server of what it is told, and [`Server`]: ours, registered at such EHRs.

use super::browser::{Browser, Page};
use crate::database::TestDatabase;
use crate::oracle::AgeOracle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use prodrome::cli::serve::{Running, start_on};
use prodrome::platform::clock;
use prodrome::platform::settings::Settings;
use prodrome::trust::{KeyFolder, KeyKind};
use prodrome::web::server::bind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// One request to the token endpoint.
#[derive(Clone)]
pub struct TokenRequest {
    pub path: String,
    pub authorization: String,
    pub form: BTreeMap<String, String>,
}

#[derive(Default)]
struct Told {
    discovery: Value,
    answers: Vec<(u16, Value)>,
    asked: Vec<TokenRequest>,
    /// Tokens that its FHIR server takes no more.
    refused: Vec<String>,
    /// For how many seconds discovery may be kept.
    kept: u32,
    /// What its FHIR server holds.
    resources: Vec<Value>,
    /// Types that its FHIR server lets nobody read.
    withheld: Vec<&'static str>,
    /// What its FHIR server was asked for, and by what right.
    read: Vec<(String, String)>,
}

/// An EHR whose key is that of the fixtures, by RS256.
pub struct TestEhr {
    pub base: String,
    told: Arc<Mutex<Told>>,
}

impl TestEhr {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let discovery = json!({
            "issuer": base, "jwks_uri": format!("{base}/jwks"),
            "authorization_endpoint": format!("{base}/authorize?tenant=a"), "token_endpoint": format!("{base}/token"),
            "capabilities": ["launch-ehr", "permission-v2", "sso-openid-connect"],
        });
        let told = Arc::new(Mutex::new(Told { discovery, ..Told::default() }));
        let kept = told.clone();
        let server = HttpServer::new(move || {
            let kept = kept.clone();
            let answer = move |request: HttpRequest, body: web::Bytes| {
                let answer = respond(&kept, &request, &body);
                async move { answer }
            };
            App::new().default_service(web::to(answer))
        });
        actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).expect("a listener").run());
        Self { base, told }
    }

    pub fn fhir(&self) -> String {
        format!("{}/fhir", self.base)
    }

    /// Changes what discovery says.
    pub fn says(&self, name: &str, value: Value) {
        self.told.lock().expect("no panic").discovery[name] = value;
    }

    /// What the next token request is answered with.
    pub fn answers(&self, status: u16, answer: Value) {
        self.told.lock().expect("no panic").answers.push((status, answer));
    }

    /// Its FHIR server takes this token no more.
    pub fn refuses(&self, token: &str) {
        self.told.lock().expect("no panic").refused.push(format!("Bearer {token}"));
    }

    /// Discovery may be kept from now on.
    pub fn lets_keep(&self) {
        self.told.lock().expect("no panic").kept = 600;
    }

    /// Its FHIR server has this resource, whoever it is about; searches find it by its type alone.
    pub fn holds(&self, resource: Value) {
        self.told.lock().expect("no panic").resources.push(resource);
    }

    /// Its FHIR server lets nobody read resources of this type.
    pub fn withholds(&self, resource_type: &'static str) {
        self.told.lock().expect("no panic").withheld.push(resource_type);
    }

    /// Paths below its FHIR base that were read, each with the `Authorization` that came with it.
    pub fn read(&self) -> Vec<(String, String)> {
        self.told.lock().expect("no panic").read.clone()
    }

    pub fn asked(&self) -> Vec<TokenRequest> {
        self.told.lock().expect("no panic").asked.clone()
    }

    /// Good claims of an `id_token` for the app.
    pub fn claims(&self, nonce: &str) -> Value {
        let now = clock::now().as_second();
        json!({"iss": self.base, "aud": "app", "sub": "u", "iat": now, "exp": now + 300, "nonce": nonce,
               "fhirUser": "Practitioner/u-1"})
    }
}

/// A good token response.
pub fn tokens() -> Value {
    json!({"access_token": "access-1", "token_type": "Bearer", "expires_in": 900, "scope": "launch patient/*.rs",
           "patient": "p-1", "encounter": "e-1"})
}

pub fn rsa() -> EncodingKey {
    EncodingKey::from_rsa_pem(&std::fs::read(crate::trust::ehr::fixture("rsa-2048.pem")).expect("a key"))
        .expect("a key")
}

/// Claims signed with the EHR's key.
pub fn signed(claims: &Value) -> String {
    let header = Header { kid: Some("k1".into()), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, claims, &rsa()).expect("signed")
}

/// The EHR's public key.
pub fn public_key() -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&rsa(), Algorithm::RS256).expect("a key")).expect("JSON");
    jwk["kid"] = "k1".into();
    jwk
}

fn respond(told: &Mutex<Told>, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let mut told = told.lock().expect("no panic");
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let authorization = authorization.unwrap_or_default().to_owned();
    match request.path() {
        // Not kept unless told, so that a change is seen at the next launch.
        "/fhir/.well-known/smart-configuration" => {
            let kept = ("cache-control", format!("max-age={}", told.kept));
            HttpResponse::Ok().insert_header(kept).json(&told.discovery)
        }
        "/jwks" => HttpResponse::Ok().json(json!({"keys": [public_key()]})),
        path if request.method() == "POST" => {
            told.asked.push(TokenRequest {
                path: path.to_owned(),
                authorization,
                form: url::form_urlencoded::parse(body).into_owned().collect(),
            });
            match told.answers.is_empty() {
                true => HttpResponse::BadRequest().json(json!({"error": "invalid_grant"})),
                false => {
                    let (status, answer) = told.answers.remove(0);
                    HttpResponse::build(status.try_into().expect("a status")).json(answer)
                }
            }
        }
        _ if told.refused.contains(&authorization) => HttpResponse::Unauthorized().finish(),
        path => match path.strip_prefix("/fhir/") {
            Some(query) => {
                told.read.push((query.to_owned(), authorization));
                record(&told, query)
            }
            None => HttpResponse::NotFound().finish(),
        },
    }
}

/// What the FHIR server holds. A patient whom it was not told of is a woman of whom nothing else is known.
fn record(told: &Told, query: &str) -> HttpResponse {
    let address =
        |one: &Value| format!("{}/{}", one["resourceType"].as_str().unwrap_or(""), one["id"].as_str().unwrap_or(""));
    let (resource_type, id) = query.split_once('/').map_or((query, None), |(kind, id)| (kind, Some(id)));
    let found = match (told.resources.iter().find(|one| address(one) == query), id) {
        _ if told.withheld.contains(&resource_type) => return HttpResponse::Forbidden().finish(),
        (Some(resource), _) => resource.clone(),
        (None, Some(id)) if resource_type == "Patient" => {
            json!({"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1960-01-01"})
        }
        (None, Some(_)) => return HttpResponse::NotFound().finish(),
        (None, None) => {
            let of_type = told.resources.iter().filter(|one| one["resourceType"] == resource_type);
            let entries: Vec<Value> = of_type.map(|one| json!({"resource": one})).collect();
            json!({"resourceType": "Bundle", "type": "searchset", "total": entries.len(), "entry": entries})
        }
    };
    HttpResponse::Ok().content_type("application/fhir+json").body(found.to_string())
}

/// Our server at a free port, which is its public address too.
pub struct Server {
    pub url: String,
    _running: Running,
    _database: TestDatabase,
    _folder: TempDir,
}

impl Server {
    /// Registered as `app`, with own keys, at these EHRs: name and FHIR base, and what else stands in the table.
    pub async fn at(ehrs: &[(&str, &str, &str)]) -> Self {
        Self::with(ehrs, &[]).await
    }

    pub async fn with(ehrs: &[(&str, &str, &str)], settings: &[(&str, &str)]) -> Self {
        crate::web::logs::keep();
        let (database, folder) = (TestDatabase::fresh(), tempfile::tempdir().expect("a folder"));
        let keys = folder.path().join("keys");
        KeyFolder::new(&keys).make(KeyKind::Es384).expect("a key");
        let bound = bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let url = format!("http://{}", bound.address);
        let table = |(name, fhir, more): &(&str, &str, &str)| {
            format!(r#"{{ name = "{name}", fhir_server = "{fhir}", client_id = "app"{more} }}"#)
        };
        let tables = format!("[{}]", ehrs.iter().map(table).collect::<Vec<_>>().join(", "));
        let keys = keys.display().to_string();
        let mut environment: BTreeMap<&str, &str> = BTreeMap::from([
            ("SERVER__MODE", "development"),
            ("SERVER__PUBLIC_URL", &*url),
            ("DATABASE__URL", database.url()),
            ("KEYS__FOLDER", &keys),
            ("EHR", &tables),
        ]);
        environment.extend(settings.iter().copied());
        let environment = environment.iter().map(|(key, value)| (format!("PRODROME__{key}"), (*value).to_owned()));
        let settings = Settings::read(None, environment).expect("usable settings");
        let load = |_: &_| Ok(Arc::new(AgeOracle::new(Duration::ZERO)) as Arc<_>);
        let mut running = start_on(bound, settings, load).expect("a server");
        running.ready().await.expect("ready");
        Self { url, _running: running, _database: database, _folder: folder }
    }

    /// The EHR at this base opens the app; where the browser is sent.
    pub async fn launch(&self, browser: &Browser, fhir: &str) -> Page {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("iss", fhir), ("launch", "handle-of-the-ehr")])
            .finish();
        browser.get(&format!("{}/smart/launch?{query}", self.url)).await
    }

    /// The browser comes back to a registration's address; where the launch ends there, the page that says why.
    pub async fn come_back(&self, browser: &Browser, registration: &str, query: &[(&str, &str)]) -> Page {
        let back = browser.get(&self.back(registration, query)).await;
        match back.header("location").strip_prefix(&format!("{}/smart/refused/", self.url)) {
            Some(_) => browser.get(&back.location()).await,
            None => back,
        }
    }

    /// The address to which the EHR sends the browser back.
    pub fn back(&self, registration: &str, query: &[(&str, &str)]) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{}/smart/callback/{registration}?{query}", self.url)
    }

    /// A whole launch at `ehr`, registered as `name`, that is answered with these tokens; what the browser then sees.
    pub async fn launched(&self, browser: &Browser, ehr: &TestEhr, name: &str, tokens: Value) -> Page {
        let sent = self.launch(browser, &ehr.fhir()).await;
        ehr.answers(200, tokens);
        self.come_back(browser, name, &[("code", "code-1"), ("state", &sent.parameter("state"))]).await
    }

    pub async fn patient(&self, browser: &Browser) -> Page {
        browser.get(&format!("{}/smart/patient", self.url)).await
    }
}
