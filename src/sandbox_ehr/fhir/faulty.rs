//! A FHIR server that fails when it is told to: late, with an error, or with an answer that never ends.

use super::super::SandboxEhr;
use super::super::twin::FhirFault;
use super::browser::serves_resources;
use super::outcome;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};
use futures_util::{StreamExt, stream};
use std::time::Duration;

/// Lets the fault that is on happen to requests for resources; who asks for discovery or a launch is spared.
pub async fn faults(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let ehr = request.app_data::<web::Data<SandboxEhr>>().filter(|_| serves_resources(request.path()));
    match ehr.and_then(|ehr| ehr.desk().faults.fhir.clone()) {
        Some(FhirFault::Slow { millis }) => actix_web::rt::time::sleep(Duration::from_millis(millis)).await,
        Some(FhirFault::Failing { status }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let answer = outcome(status, "exception", "this FHIR server was told to fail");
            return Ok(request.into_response(answer).map_into_boxed_body());
        }
        Some(FhirFault::HalfOpen) => {
            let beginning = stream::once(async { Ok::<_, Error>(web::Bytes::from_static(b"{\"resourceType\":")) });
            let answer =
                HttpResponse::Ok().content_type("application/fhir+json").streaming(beginning.chain(stream::pending()));
            return Ok(request.into_response(answer).map_into_boxed_body());
        }
        None => {}
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}
