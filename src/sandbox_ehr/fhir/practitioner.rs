//! `Practitioner/id`: who an app's user is. Outside every patient's compartment: read by `user/` and `system/` scopes, and by
//! an app that was given `fhirUser`, its own user alone.

use super::super::SandboxEhr;
use super::super::practitioners::Practitioner;
use super::{access, fhir, outcome};
use crate::trust::{Interaction, Level};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

/// Answers a read.
pub async fn read(ehr: web::Data<SandboxEhr>, id: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let grant = match access(&ehr, &request) {
        Ok(access) => access.grant,
        Err(refusal) => return *refusal,
    };
    let widest = grant.scopes.levels("Practitioner", Interaction::Read).pop();
    let everyone = matches!(widest, Some(Level::User | Level::System));
    let itself = grant.scope.split(' ').any(|scope| scope == "fhirUser")
        && grant.user.is_some_and(|user| user.id == id.as_str());
    if !everyone && !itself {
        return outcome(StatusCode::FORBIDDEN, "forbidden", "the token's scope does not let this be read");
    }
    match Practitioner::find(&id) {
        Some(practitioner) => fhir(practitioner.resource().to_string()),
        None => outcome(StatusCode::NOT_FOUND, "not-found", "there is no such resource"),
    }
}
