//! [`Stage`]: a twin over two little charts and the services that it calls.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use prodrome::sandbox_ehr::{Authentication, Registration, SandboxEhr, read_folder};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

pub const CARD: &str = "4e0a3a1e-8b0f-4a52-9d57-3f1b7a0a9e21";
pub const SUGGESTION: &str = "0f3f8a44-30a1-4d0c-8a3c-6a4b8f7c1d02";
pub const LAUNCH: &str = "http://127.0.0.1:3000/launch";
pub const HOOKS: [&str; 11] = [
    "patient-view",
    "order-select",
    "order-sign",
    "order-dispatch",
    "appointment-book",
    "encounter-start",
    "encounter-discharge",
    "medication-refill",
    "allergyintolerance-create",
    "problem-list-item-create",
    "medication-verify",
];

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub raw: Vec<u8>,
    pub body: Value,
    /// Status of a read with the call's own token while the call lasted.
    pub read: Option<u16>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub fn token(&self) -> &str {
        self.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).expect("a token")
    }
}

struct Script {
    discovery: Value,
    answer: (u16, Value),
    reads: Option<String>,
    /// Headers that pages of every origin may send; `None`: no page may call.
    pages: Option<String>,
}

/// A CDS service that answers as it is told and keeps what it gets.
#[derive(Clone)]
pub struct Recorder {
    pub base: String,
    received: Arc<Mutex<Vec<Received>>>,
    script: Arc<Mutex<Script>>,
}

impl Recorder {
    /// Below a path, as servers of several tenants are; with a service for each hook.
    pub fn start() -> Self {
        let entry = |hook: &&str| json!({"id": hook, "hook": hook, "description": "d"});
        let discovery = json!({"services": HOOKS.iter().map(entry).collect::<Vec<_>>()});
        let script = Script { discovery, answer: (200, json!({"cards": []})), reads: None, pages: None };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}/a/b", listener.local_addr().expect("an address"));
        let recorder = Self { base, received: Arc::default(), script: Arc::new(Mutex::new(script)) };
        let kept = recorder.clone();
        let server = HttpServer::new(move || {
            let kept = kept.clone();
            let take = move |request: HttpRequest, body: web::Bytes| {
                let kept = kept.clone();
                async move { kept.take(&request, &body).await }
            };
            App::new().app_data(web::PayloadConfig::new(16 << 20)).default_service(web::to(take))
        });
        actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).expect("a listener").run());
        recorder
    }

    async fn take(&self, request: &HttpRequest, raw: &[u8]) -> HttpResponse {
        let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body: Value = serde_json::from_slice(raw).unwrap_or_default();
        let reads = self.script.lock().expect("no panic").reads.clone();
        let read = match (reads, body["fhirAuthorization"]["access_token"].as_str()) {
            (Some(query), Some(token)) => {
                let url = format!("{}/{query}", body["fhirServer"].as_str().expect("a server"));
                let answer = awc::Client::default().get(url).bearer_auth(token).send().await.expect("an answer");
                Some(answer.status().as_u16())
            }
            _ => None,
        };
        let (method, path) = (request.method().to_string(), request.path().to_owned());
        let received = Received { method, path: path.clone(), headers, raw: raw.to_vec(), body, read };
        self.received.lock().expect("no panic").push(received);
        let script = self.script.lock().expect("no panic");
        let (status, said) = match (request.method().as_str(), path.ends_with("/feedback")) {
            ("GET" | "OPTIONS", _) => (200, script.discovery.clone()),
            (_, true) => (200, json!({})),
            _ => script.answer.clone(),
        };
        let mut answer = HttpResponse::build(actix_web::http::StatusCode::from_u16(status).expect("a status"));
        if let Some(pages) = &script.pages {
            answer.insert_header(("access-control-allow-origin", "*"));
            answer.insert_header(("access-control-allow-headers", pages.clone()));
        }
        answer.json(said)
    }

    /// Lets pages of every origin call with these headers.
    pub fn lets_pages_send(&self, headers: &str) {
        self.script.lock().expect("no panic").pages = Some(headers.to_owned());
    }

    pub fn lists(&self, services: Value) {
        self.script.lock().expect("no panic").discovery = json!({ "services": services });
    }

    pub fn answers(&self, status: u16, body: Value) {
        self.script.lock().expect("no panic").answer = (status, body);
    }

    /// Answers with one card, which is as it should be but for these members.
    pub fn shows(&self, changes: Value) {
        self.answers(200, json!({"cards": [card(changes)]}));
    }

    /// Reads this with the call's token while a call lasts.
    pub fn reads(&self, query: &str) {
        self.script.lock().expect("no panic").reads = Some(query.to_owned());
    }

    pub fn all(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    pub fn calls(&self) -> Vec<Received> {
        self.all().into_iter().filter(|one| one.method == "POST" && !one.path.ends_with("/feedback")).collect()
    }

    pub fn feedback(&self) -> Vec<Received> {
        self.all().into_iter().filter(|one| one.path.ends_with("/feedback")).collect()
    }

    /// The latest call.
    pub fn last(&self) -> Received {
        self.calls().pop().expect("a call")
    }
}

/// A card with one suggestion, changed.
pub fn card(changes: Value) -> Value {
    let mut card = json!({"uuid": CARD, "summary": "s", "indicator": "info", "source": {"label": "l"},
        "selectionBehavior": "any", "suggestions": [{"label": "do", "uuid": SUGGESTION, "actions": []}]});
    for (name, value) in changes.as_object().expect("members") {
        card[name] = value.clone();
    }
    card
}

/// A twin, its first service and its second.
pub struct Stage {
    pub page: String,
    pub service: Recorder,
    pub second: Option<Recorder>,
}

fn chart(id: &str) -> String {
    let about = json!({"reference": format!("Patient/{id}")});
    let code = |code: &str| json!({"coding": [{"system": "http://example.org", "code": code}]});
    let resources = [
        json!({"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1960-01-01"}),
        json!({"resourceType": "Encounter", "id": format!("{id}-old"), "status": "finished", "subject": about, "period": {"start": "2001-01-01"}}),
        json!({"resourceType": "Encounter", "id": format!("{id}-new"), "status": "in-progress", "subject": about, "period": {"start": "2020-01-01"}}),
        json!({"resourceType": "Observation", "id": format!("{id}-o1"), "status": "final", "subject": about, "code": code("o"), "effectiveDateTime": "2019-01-01",
            "category": [{"coding": [{"code": "laboratory"}]}]}),
        json!({"resourceType": "Observation", "id": format!("{id}-o2"), "status": "final", "subject": about, "code": code("o"), "effectiveDateTime": "2020-01-01",
            "category": [{"coding": [{"code": "laboratory"}]}]}),
        json!({"resourceType": "Condition", "id": format!("{id}-c"), "subject": about, "code": code("c")}),
        json!({"resourceType": "MedicationRequest", "id": format!("{id}-m"), "status": "active", "intent": "order", "subject": about,
            "medicationCodeableConcept": {"text": "warfarin"}, "authoredOn": "2020-01-01"}),
    ];
    resources.map(|resource| resource.to_string()).join("\n")
}

pub const LONG_ID: &str = "eAbc.DEF-ghi_0123456789eAbc.DEF-ghi_0123456789eAbc.DEF-ghi_0123456789eAbc.DEF-ghi_0123456789eAbc.DEF-ghi_0123456789eAbc.DEF-ghi_0123456789eAbc.DEF-ghi_0123456789eAbc.DEF-ghi_0123456789eAbc.DEF-ghi_01234";

impl Stage {
    /// Patient `ann` is chosen.
    pub async fn start() -> Self {
        Self::start_with(false).await
    }

    /// With a second service at another server.
    pub async fn with_two() -> Self {
        Self::start_with(true).await
    }

    async fn start_with(two: bool) -> Self {
        let (service, second) = (Recorder::start(), two.then(Recorder::start));
        let mut stage = Self { page: String::new(), service, second };
        stage.page = twin(&stage.service.base, |ehr| match &stage.second {
            Some(second) => ehr.calling_too(second.base.clone(), "cds-second".to_owned()),
            None => ehr,
        });
        stage.put("/control/desk", json!({"patient": "ann"})).await;
        stage
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let request = awc::Client::default().request(method, format!("{}{path}", self.page));
        let request = request.timeout(std::time::Duration::from_secs(20));
        let sent = match body {
            Some(body) => request.send_json(&body).await,
            None => request.send().await,
        };
        let mut answer = sent.expect("an answer");
        let text = answer.body().limit(16 << 20).await.expect("a whole body");
        (answer.status().as_u16(), serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Does something that has to succeed.
    pub async fn done(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, said) = self.send(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {said}");
        said
    }

    pub async fn get(&self, path: &str) -> Value {
        self.done("GET", path, None).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Value {
        self.done("PUT", path, Some(body)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.done("POST", path, Some(body)).await
    }

    pub async fn switch(&self, switches: Value) {
        self.put("/control/behavior", json!({ "switches": switches })).await;
    }

    pub async fn fire(&self, hook: &str) -> Value {
        self.post("/control/fire", json!({ "hook": hook })).await
    }

    /// The body of the call that this firing makes.
    pub async fn fired(&self, hook: &str) -> Value {
        self.fire(hook).await;
        self.service.last().body
    }

    pub async fn draft(&self, resource: Value) -> String {
        self.post("/control/drafts", resource).await["reference"].as_str().expect("a reference").to_owned()
    }

    pub async fn drug(&self, text: &str) -> String {
        self.draft(json!({"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": text}})).await
    }

    pub async fn drafts(&self) -> Vec<Value> {
        self.get("/control/drafts").await.as_array().expect("drafts").clone()
    }

    pub async fn accept(&self) -> (u16, Value) {
        self.send("POST", &format!("/control/cards/{CARD}/accept"), Some(json!({"suggestion": SUGGESTION}))).await
    }

    /// Status of a page of the twin, and what it says.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let client = awc::Client::builder().disable_redirects().finish();
        let mut answer = client.get(format!("{}{path}", self.page)).send().await.expect("an answer");
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = String::from_utf8(answer.body().await.expect("a body").to_vec()).expect("text");
        (answer.status().as_u16(), location.unwrap_or(text))
    }

    pub async fn form(&self, path: &str, form: &[(&str, &str)]) -> (u16, String) {
        let client = awc::Client::builder().disable_redirects().finish();
        let request = client.post(format!("{}{path}", self.page)).insert_header(("x-part", "1"));
        let mut answer = request.send_form(&form).await.expect("an answer");
        let text = answer.body().await.expect("a body").to_vec();
        (answer.status().as_u16(), String::from_utf8(text).expect("text"))
    }

    /// Reads FHIR: `Type/id`, `Type?name=value`, or `?name=value` at the base.
    pub async fn fhir(&self, query: &str, token: &str) -> (u16, Value) {
        let between = if query.starts_with('?') { "" } else { "/" };
        let request = awc::Client::default().get(format!("{}/fhir{between}{query}", self.page)).bearer_auth(token);
        let mut answer = request.send().await.expect("an answer");
        let text = answer.body().await.expect("a body");
        (answer.status().as_u16(), serde_json::from_slice(&text).unwrap_or_default())
    }
}

/// Starts a twin that calls this server, with patients `ann`, `bob` and one whose id is long: its address.
pub fn twin(cds: &str, change: impl FnOnce(SandboxEhr) -> SandboxEhr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let page = format!("http://{}", listener.local_addr().expect("an address"));
    twin_on(listener, cds, change);
    page
}

/// The same at an address that is known before.
pub fn twin_on(listener: TcpListener, cds: &str, change: impl FnOnce(SandboxEhr) -> SandboxEhr) {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, id) in [("ann", "ann"), ("bob", "bob"), ("long", LONG_ID)] {
        std::fs::write(folder.path().join(format!("{file}.ndjson")), chart(id)).expect("written");
    }
    let clients = vec![Registration {
        client_id: "app".into(),
        authentication: Authentication::Public,
        redirect_uris: vec!["http://127.0.0.1:3000/callback".into()],
        launch_url: Some(LAUNCH.into()),
        scope: "launch patient/*.rs".into(),
    }];
    let page = format!("http://{}", listener.local_addr().expect("an address"));
    let charts = read_folder(folder.path()).expect("patients");
    let ehr = SandboxEhr::new(charts, cds.to_owned(), page, clients).expect("an EHR");
    actix_web::rt::spawn(change(ehr).serve(listener).expect("a page"));
}
