//! `POST /fhir/$assess-risk` and `POST /fhir/$embed`: one call, one answer.

use super::access::{ApiCaller, Leave, Need};
use crate::decision_support::assess::{
    Asked, Asker, AssessError, ChartSource, ParameterError, assess, assessment_bundle, embed, read_parameters,
    state_parameters,
};
use crate::decision_support::read_back::FhirBase;
use crate::platform::clock;
use crate::trust::AccessToken;
use crate::web::body::JsonBody;
use crate::web::problem::Problem;
use crate::web::state::State;
use actix_web::HttpResponse;
use actix_web::web::Data;
use jiff::Timestamp;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The media type of every answer here.
pub const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    AssessRisk,
    Embed,
}

impl Operation {
    pub const ALL: [Self; 2] = [Self::AssessRisk, Self::Embed];

    /// Its code, without `$`.
    pub fn code(self) -> &'static str {
        match self {
            Self::AssessRisk => "assess-risk",
            Self::Embed => "embed",
        }
    }

    fn need(self) -> Need {
        match self {
            Self::AssessRisk => Need::Risk,
            Self::Embed => Need::State,
        }
    }
}

/// Risks of one chart, as a Bundle.
pub async fn assess_risk(state: Data<State>, caller: ApiCaller, body: JsonBody) -> Result<HttpResponse, Problem> {
    single(&state, &caller, Operation::AssessRisk, &body.0).await
}

/// The model's state of one chart, as Parameters.
pub async fn embed_chart(state: Data<State>, caller: ApiCaller, body: JsonBody) -> Result<HttpResponse, Problem> {
    single(&state, &caller, Operation::Embed, &body.0).await
}

async fn single(state: &State, caller: &ApiCaller, operation: Operation, body: &[u8]) -> Result<HttpResponse, Problem> {
    let answer = perform(state, caller, operation, body).await?;
    Ok(HttpResponse::Ok().content_type(FHIR_JSON).body(answer.to_string()))
}

/// Answers one operation; the audit row is written before this returns.
pub async fn perform(state: &State, caller: &ApiCaller, operation: Operation, body: &[u8]) -> Result<Value, Problem> {
    let parts = &state.parts()?.hooks;
    let now = clock::now();
    let leave = caller.permit(operation.need())?;
    let mut asked = read_parameters(body, operation == Operation::AssessRisk, now).map_err(AssessError::from)?;
    if let Leave::Patient(own) = &leave
        && *asked.patient.get_or_insert_with(|| own.clone()) != *own
    {
        return Err(Problem::OtherPatient);
    }
    let source = source(caller, &mut asked, now)?;
    let asker = Asker { arrived: now, client: caller.name() };
    let answer = match operation {
        Operation::AssessRisk => {
            let assessed = assess(parts, source, &asked.request, &asker).await;
            assessed.map(|assessment| assessment_bundle(&assessment, now))
        }
        Operation::Embed => {
            let read = embed(parts, source, asked.request.as_of, &asker).await;
            read.map(|read| state_parameters(&read, asked.decimal))
        }
    };
    answer.map_err(|error| match (error, leave) {
        // A chart without the token's patient is a chart of others.
        (AssessError::NoPatient, Leave::Patient(_)) => Problem::OtherPatient,
        (error, _) => Problem::Assess(error),
    })
}

/// The chart that was sent; else the FHIR server of those who gave the token, and no other, is read with it.
fn source(caller: &ApiCaller, asked: &mut Asked, now: Timestamp) -> Result<ChartSource, Problem> {
    if let Some(sent) = asked.sent() {
        return Ok(sent);
    }
    let no_chart = || Problem::Assess(ParameterError::NoChart.into());
    let ApiCaller::Token(access) = caller else { return Err(no_chart()) };
    let leave = caller.permit(Need::Record)?;
    let base = access.server.fhir_server.as_deref().and_then(FhirBase::parse).ok_or_else(no_chart)?;
    let patient = asked.patient.clone().or_else(|| access.patient.clone()).ok_or_else(no_chart)?;
    if matches!(leave, Leave::Patient(own) if own != patient) {
        return Err(Problem::OtherPatient);
    }
    let left = (access.expires - now.as_millisecond() as f64 / 1000.0).clamp(0.0, 3600.0);
    let until = Instant::now() + Duration::from_secs_f64(left);
    Ok(ChartSource::Server { base, token: AccessToken::of(access.token.clone()), until, patient })
}
