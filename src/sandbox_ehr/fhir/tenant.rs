//! The FHIR server of one tenant among several: its address says whose it is, and another tenant's is refused.

use super::super::SandboxEhr;
use super::browser::is_of_fhir;
use super::outcome;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::uri::PathAndQuery;
use actix_web::middleware::Next;
use actix_web::{Error, web};

/// Where this EHR has a tenant, leads `/fhir/TENANT/…` to `/fhir/…` and answers 403 to any other address there.
pub async fn tenants(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let ehr = request.app_data::<web::Data<SandboxEhr>>();
    let tenant = ehr.and_then(|ehr| ehr.desk().switches.tenant.clone());
    if let Some(tenant) = tenant.filter(|_| is_of_fhir(request.path())) {
        let rest = request.path().strip_prefix(&format!("/fhir/{tenant}"));
        let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let Some(address) = rest.and_then(|rest| within(&request, rest)) else {
            let refused = outcome(StatusCode::FORBIDDEN, "forbidden", "the address is not of this tenant");
            return Ok(request.into_response(refused).map_into_boxed_body());
        };
        request.match_info_mut().get_mut().update(&address);
        request.head_mut().uri = address;
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// The address without the tenant.
fn within(request: &ServiceRequest, rest: &str) -> Option<actix_web::http::Uri> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(format!("/fhir{rest}{query}").parse::<PathAndQuery>().ok()?);
    actix_web::http::Uri::from_parts(parts).ok()
}
