//! A little CDS service that is right, and what makes it wrong: a real server on a port of its own.

use actix_web::dev::ServerHandle;
use actix_web::http::Method;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use std::net::TcpListener;
use uuid::Uuid;

/// Changes a right answer to a request into a wrong one.
pub type Fault = fn(&mut Value, &Value);

/// What the little server does.
#[derive(Clone, Default)]
pub struct Little {
    /// Entries of the discovery document.
    pub entries: Vec<Value>,
    /// For the service of this id, what is wrong with its answers.
    pub faults: Vec<(&'static str, Fault)>,
    /// Every POST and preflight is answered so instead.
    pub always: Option<(u16, &'static str)>,
    /// Headers of every answer.
    pub headers: Vec<(&'static str, &'static str)>,
}

pub struct Running {
    pub url: String,
    handle: ServerHandle,
}

impl Running {
    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

/// An entry of the discovery document with nothing wrong.
pub fn entry(id: &str) -> Value {
    json!({"id": id, "hook": "patient-view", "title": "A service", "description": "Says one thing.",
        "version": "2.0.1", "prefetch": {"patient": "Patient/{{context.patientId}}"}})
}

/// An answer with nothing wrong; its uuids are those of the call.
fn right(request: &Value) -> Value {
    let instance = request["hookInstance"].as_str().unwrap_or_default();
    let uuid = |what: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{instance}/{what}").as_bytes()).to_string();
    json!({"cards": [{
        "uuid": uuid("card"), "summary": "One thing", "detail": "*One* thing", "indicator": "info",
        "source": {"label": "Little", "url": "https://little.example/about",
            "topic": {"system": "https://little.example/topics", "code": "one"}},
        "selectionBehavior": "at-most-one",
        "overrideReasons": [{"system": "https://little.example/reasons", "code": "no", "display": "No"}],
        "links": [{"label": "More", "url": "https://little.example/more", "type": "absolute"}],
        "extension": {"example.little.figure": 1},
        "suggestions": [{"uuid": uuid("suggestion"), "label": "Do it", "isRecommended": true, "actions": [
            {"type": "create", "description": "Order it", "resource": {"resourceType": "ServiceRequest",
                "status": "draft", "intent": "proposal", "subject": {"reference": "Patient/x"}}}]}],
    }]})
}

async fn answer(request: HttpRequest, body: web::Bytes, little: web::Data<Little>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for header in &little.headers {
        response.insert_header(*header);
    }
    let path = request.path().trim_end_matches('/');
    if path == "/cds-services" && !little.entries.is_empty() {
        return response.json(json!({"services": little.entries}));
    }
    if let Some((status, body)) = little.always {
        let status = actix_web::http::StatusCode::from_u16(status).expect("a status");
        return response.status(status).content_type("application/json").body(body);
    }
    let request_body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if *request.method() != Method::POST || path.ends_with("/feedback") {
        return response.finish();
    }
    let mut said = right(&request_body);
    let id = path.rsplit('/').next().unwrap_or_default();
    little.faults.iter().filter(|(of, _)| *of == id).for_each(|(_, fault)| fault(&mut said, &request_body));
    response.json(said)
}

impl Little {
    pub fn start(self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::Data::new(self.clone()))
                .app_data(web::PayloadConfig::new(64 << 20))
                .default_service(web::to(answer))
        });
        let running = server.workers(1).disable_signals().listen(listener).expect("listening").run();
        let handle = running.handle();
        actix_web::rt::spawn(running);
        Running { url, handle }
    }
}
