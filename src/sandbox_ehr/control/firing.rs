//! Hooks fired by hand, and the services that there are for them.

use super::desk::not_vetted;
use super::{Answer, Ehr, body, chosen, unusable};
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::hook_call::{self, Call, Manner, Wanted};
use crate::sandbox_ehr::twin::{Asked, Hook, Recorded};
use actix_web::{HttpRequest, HttpResponse, web};
use awc::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The services of every server, asked for now.
pub async fn services(ehr: Ehr, client: web::Data<Client>) -> Answer {
    let switches = ehr.desk().switches.clone();
    let mut servers = Vec::new();
    for server in &ehr.servers {
        servers.push(match hook_call::list(&ehr, &client, server, &switches).await {
            Ok((services, problems)) => json!({"base": server.base, "services": services, "problems": problems}),
            Err(error) => json!({"base": server.base, "services": [], "problems": [error.to_string()]}),
        });
    }
    Ok(HttpResponse::Ok().json(json!({ "servers": servers })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Firing {
    hook: Hook,
    service: Option<String>,
    /// Only a server that this EHR was started with.
    server: Option<String>,
    #[serde(default)]
    selections: Vec<String>,
    #[serde(default)]
    orders: Vec<String>,
    performer: Option<String>,
    #[serde(default)]
    tasks: bool,
    medication: Option<String>,
}

/// Fires a hook for the chosen patient at every service that wants it.
pub async fn fire(ehr: Ehr, client: web::Data<Client>, request: HttpRequest, bytes: web::Bytes) -> Answer {
    let Firing { hook, service, server, selections, orders, performer, tasks, medication } = body(&request, &bytes)?;
    if let Some(base) = server.filter(|base| !ehr.servers.iter().any(|server| server.base == *base)) {
        return Err(not_vetted(&base));
    }
    let chart = chosen(&ehr)?;
    let asked = Asked { selections, orders, performer, tasks, medication };
    let as_of = ehr.desk().as_of;
    let manner = Manner { as_of, asked, ..Manner::default() };
    let wanted = Wanted { hook, manner, service };
    let round = hook_call::fire(&ehr, &client, chart, &wanted).await.map_err(unusable)?;
    let calls: Vec<Value> = round.calls.iter().map(|call| told(&ehr, call)).collect();
    let mut problems = round.problems;
    if calls.is_empty() {
        problems.push(nobody(hook, wanted.service.is_some()));
    }
    Ok(HttpResponse::Ok().json(json!({"calls": calls, "problems": problems})))
}

/// Why nobody was called: whoever tests a service wants to hear of it.
fn nobody(hook: Hook, named: bool) -> String {
    let whom = if named { "no service named so is listed" } else { "no service is listed" };
    let hook = hook.name();
    format!("nobody was called: {whom} for {hook}, see `GET /control/services`, or the switch `hooks` lacks {hook}")
}

/// One call, as the API tells it. A failed one has its exchange and status too, as far as there was an answer.
fn told(ehr: &SandboxEhr, call: &Call) -> Value {
    let prefetch =
        call.prefetch.iter().map(|one| json!({"key": one.key, "query": one.query, "said": one.said.in_words()}));
    let mut told = json!({
        "service": call.service.id, "url": call.url, "prefetch": prefetch.collect::<Vec<_>>(), "applied": call.applied,
    });
    match &call.outcome {
        Ok(exchange) => {
            told["exchange"] = exchange.number.into();
            told["status"] = exchange.status.into();
            told["cards"] = json!(exchange.cards);
            told["problems"] = json!(exchange.problems);
        }
        Err(error) => {
            (told["cards"], told["problems"]) = (json!([]), json!([error]));
            let recorded = recorded(ehr, call);
            if let Some(recorded) = &recorded {
                told["exchange"] = recorded.number.into();
            }
            if let Some(response) = recorded.as_ref().and_then(|recorded| recorded.response.as_ref()) {
                told["status"] = response.status.into();
            }
        }
    }
    told
}

/// What the journal has of a call: the latest exchange at its address, which may end in a slash, with its body, which has a
/// `hookInstance` of its own.
fn recorded(ehr: &SandboxEhr, call: &Call) -> Option<Arc<Recorded>> {
    let at = |url: &str| matches!(url.strip_prefix(&*call.url), Some("" | "/"));
    let is_it = |one: &&Arc<Recorded>| at(&one.url) && one.body == call.body;
    ehr.journal.all().iter().rfind(is_it).cloned()
}
