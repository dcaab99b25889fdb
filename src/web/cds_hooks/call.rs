//! `POST /cds-services/{id}`: one hook call, answered with cards.

use crate::decision_support::answer_hook::{CallFacts, answer_hook};
use crate::platform::clock;
use crate::web::body::JsonBody;
use crate::web::credentials::Caller;
use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::http::header::HeaderName;
use actix_web::web::{Data, Path};

/// Whether the assessment came from memory: `hit` or `miss`.
pub const CACHE: HeaderName = HeaderName::from_static("x-prodrome-cache");

/// Answers with the cards of one service. The audit row is written before this returns.
pub async fn call(
    state: Data<State>,
    caller: Caller,
    id: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let parts = state.parts()?;
    let facts = CallFacts {
        arrived: clock::now(),
        issuer: caller.issuer,
        client: caller.name,
        quirks: caller.quirks,
        fhir_servers: caller.fhir_servers,
        backend: caller.backend,
        development: state.development,
    };
    let answer = answer_hook(&parts.hooks, &id, body.0, facts).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE, answer.cache.as_str())).json(answer.response))
}
