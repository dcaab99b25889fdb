//! `POST /fhir`: a batch of operations, answered one by one, each with a status of its own.
//!
//! The token was verified once; scopes are asked for each entry. A transaction is not served: nothing here is stored.

use super::access::ApiCaller;
use super::operations::{FHIR_JSON, Operation, perform};
use crate::decision_support::answer_hook::HookError;
use crate::prediction::predictor::AskError;
use crate::web::body::JsonBody;
use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Entries at most.
pub const MOST_ENTRIES: usize = 32;
/// After this, what is left is answered 503.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch<'a> {
    resource_type: Cow<'a, str>,
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    request: Request<'a>,
    #[serde(borrow)]
    resource: &'a RawValue,
}

#[derive(Deserialize)]
struct Request<'a> {
    method: Cow<'a, str>,
    url: Cow<'a, str>,
}

/// Answers every entry in its place.
pub async fn batch(state: Data<State>, caller: ApiCaller, body: JsonBody) -> Result<HttpResponse, Problem> {
    let text = std::str::from_utf8(&body.0).map_err(|_| Problem::NotABatch)?;
    let batch: Batch<'_> = serde_json::from_str(text).map_err(|_| Problem::NotABatch)?;
    if batch.resource_type != "Bundle" || batch.r#type != "batch" {
        return Err(Problem::NotABatch);
    }
    if batch.entry.len() > MOST_ENTRIES {
        return Err(Problem::TooManyEntries);
    }
    let end = Instant::now() + PATIENCE;
    let mut answers = Vec::with_capacity(batch.entry.len());
    for entry in batch.entry {
        answers.push(match answer(&state, &caller, entry, end).await {
            Ok(resource) => json!({"resource": resource, "response": {"status": "200 OK"}}),
            Err(problem) => refused(&problem),
        });
    }
    let bundle = json!({"resourceType": "Bundle", "type": "batch-response", "entry": answers});
    Ok(HttpResponse::Ok().content_type(FHIR_JSON).body(bundle.to_string()))
}

async fn answer(state: &State, caller: &ApiCaller, entry: &RawValue, end: Instant) -> Result<Value, Problem> {
    if Instant::now() >= end {
        return Err(Problem::Hook(HookError::Ask(AskError::TooLate)));
    }
    let entry: Entry<'_> = serde_json::from_str(entry.get()).map_err(|_| Problem::EntryNotServed)?;
    let named = entry.request.url.trim_start_matches('/');
    let operation = Operation::ALL.into_iter().find(|known| named.strip_prefix('$') == Some(known.code()));
    match operation.filter(|_| entry.request.method == "POST") {
        Some(operation) => perform(state, caller, operation, entry.resource.get().as_bytes()).await,
        None => Err(Problem::EntryNotServed),
    }
}

fn refused(problem: &Problem) -> Value {
    problem.report();
    json!({"response": {"status": problem.status_code().to_string(), "outcome": problem.outcome()}})
}
