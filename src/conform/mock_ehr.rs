//! The EHR of a run, on loopback: a small FHIR server over the run's chart that can be told to misbehave, and a
//! second address that stands for everybody else; both publish keys where the run signs its calls. Notes who asked
//! for what, and refuses to be called from elsewhere.

use super::chart::Chart;
use actix_web::dev::ServerHandle;
use actix_web::http::header::{AUTHORIZATION, LOCATION};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where keys are published.
const KEYS: &str = "/jwks";

/// How the FHIR server answers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    Serving,
    /// This status and an OperationOutcome.
    Refusing(u16),
    Slow(Duration),
    /// 302 to this address.
    Redirecting(String),
    /// This document, whatever is asked.
    Saying(Value),
}

/// One FHIR request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path below the FHIR base with its query, `Patient/x`.
    pub query: String,
    pub authorization: Option<String>,
    /// It came to the address that nobody registered.
    pub elsewhere: bool,
}

/// Key sets that are published: the registered one, and one under the address of somebody else.
#[derive(Clone, Default)]
pub(crate) struct Published {
    pub own: Option<Value>,
    pub foreign: Option<Value>,
}

struct Shared {
    keys: Published,
    chart: Mutex<Chart>,
    manner: Mutex<Manner>,
    asked: Mutex<Vec<Asked>>,
}

/// A running EHR.
pub(crate) struct MockEhr {
    shared: Arc<Shared>,
    /// FHIR base, without a final slash.
    pub fhir: String,
    /// FHIR base of somebody else.
    pub elsewhere: String,
    /// Where keys of somebody else are published.
    pub foreign_keys: String,
    handles: [ServerHandle; 2],
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MockEhr {
    /// Serves on `own`, and on a second loopback port for what nobody registered.
    ///
    /// # Errors
    /// When there is no second port.
    pub fn start(own: TcpListener, chart: Chart, keys: Published) -> std::io::Result<Self> {
        let (chart, manner) = (Mutex::new(chart), Mutex::new(Manner::Serving));
        let shared = Arc::new(Shared { keys, chart, manner, asked: Mutex::default() });
        let other = TcpListener::bind(("127.0.0.1", 0))?;
        let base = |listener: &TcpListener| listener.local_addr().map(|address| format!("http://{address}/fhir"));
        let (fhir, elsewhere) = (base(&own)?, base(&other)?);
        let handles = [serve(own, shared.clone(), false)?, serve(other, shared.clone(), true)?];
        let foreign_keys = elsewhere.replace("/fhir", KEYS);
        Ok(Self { shared, fhir, elsewhere, foreign_keys, handles })
    }

    /// From now on answers so, from this chart; what was noted before is forgotten.
    pub fn behave(&self, manner: Manner, chart: &Chart) {
        *locked(&self.shared.manner) = manner;
        *locked(&self.shared.chart) = chart.clone();
        locked(&self.shared.asked).clear();
    }

    /// What was asked for since [`Self::behave`].
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }

    pub async fn stop(self) {
        for handle in self.handles {
            handle.stop(false).await;
        }
    }
}

fn serve(listener: TcpListener, shared: Arc<Shared>, elsewhere: bool) -> std::io::Result<ServerHandle> {
    let server = HttpServer::new(move || {
        App::new().app_data(web::Data::new((shared.clone(), elsewhere))).default_service(web::to(answer))
    });
    let running = server.workers(1).shutdown_timeout(0).disable_signals().listen(listener)?.run();
    let handle = running.handle();
    actix_web::rt::spawn(running);
    Ok(handle)
}

async fn answer(request: HttpRequest, body: web::Bytes, state: web::Data<(Arc<Shared>, bool)>) -> HttpResponse {
    let (shared, elsewhere) = &**state;
    if request.path() == KEYS {
        return key_set(shared, *elsewhere);
    }
    let Some(path) = request.path().strip_prefix("/fhir/") else { return HttpResponse::NotFound().finish() };
    if path == "metadata" {
        return HttpResponse::Ok().json(json!({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}));
    }
    let query = query_of(path, request.query_string(), &body);
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    locked(&shared.asked).push(Asked { query: query.clone(), authorization, elsewhere: *elsewhere });
    let manner = locked(&shared.manner).clone();
    match manner {
        Manner::Serving => {}
        Manner::Refusing(status) => return outcome(status, "forbidden"),
        Manner::Slow(delay) => actix_web::rt::time::sleep(delay).await,
        Manner::Saying(document) => return HttpResponse::Ok().json(document),
        Manner::Redirecting(to) => {
            return HttpResponse::Found().insert_header((LOCATION, format!("{to}/{path}"))).finish();
        }
    }
    let found = locked(&shared.chart).answer(&query);
    match found {
        None => outcome(400, "not-supported"),
        Some(found) if found.is_null() => outcome(404, "not-found"),
        Some(found) => HttpResponse::Ok().content_type("application/fhir+json").body(found.to_string()),
    }
}

/// Only who asks for keys at the address that nobody registered is noted.
fn key_set(shared: &Shared, elsewhere: bool) -> HttpResponse {
    if elsewhere {
        locked(&shared.asked).push(Asked { query: KEYS.to_owned(), authorization: None, elsewhere });
    }
    match if elsewhere { &shared.keys.foreign } else { &shared.keys.own } {
        Some(keys) => HttpResponse::Ok().json(keys),
        None => HttpResponse::NotFound().finish(),
    }
}

/// One spelling for reads, searches and searches by POST.
fn query_of(path: &str, query: &str, body: &[u8]) -> String {
    let form = String::from_utf8_lossy(body).replace("%2F", "/").replace("%7C", "|").replace("%3A", ":");
    let query = query.replace("%2F", "/").replace("%7C", "|").replace("%3A", ":");
    match (path.strip_suffix("/_search"), &*query) {
        (Some(kind), "") => format!("{kind}?{form}"),
        (Some(kind), query) => format!("{kind}?{query}&{form}"),
        (None, "") => path.to_owned(),
        (None, query) => format!("{path}?{query}"),
    }
}

fn outcome(status: u16, code: &str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]});
    HttpResponse::build(status).content_type("application/fhir+json").body(outcome.to_string())
}
