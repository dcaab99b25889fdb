//! `Practitioner/id`: who an app's user is. Outside every patient's compartment: read by `user/` and `system/` scopes, and by
//! an app that was given `fhirUser`, its own user alone.

use super::super::SandboxEhr;
use super::super::authorization::Access;
use super::super::practitioners::Practitioner;
use super::access::{Caller, Reach, insufficient};
use super::{fhir, outcome};
use crate::trust::{Interaction, Level};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

/// Answers a read.
pub async fn read(ehr: web::Data<SandboxEhr>, id: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let caller = match Caller::of(&ehr, &request) {
        Ok(caller) => caller,
        Err(refusal) => return *refusal,
    };
    let everyone = caller.reach("Practitioner", Interaction::Read) == Some(Reach::Everyone);
    let itself = matches!(&caller, Caller::Bearer(access) if is_itself(access, &id));
    if !everyone && !itself {
        let text = "the token's scope does not let this be read";
        return insufficient(text, Level::User, "Practitioner", Interaction::Read);
    }
    match Practitioner::find(&id) {
        Some(practitioner) => fhir(practitioner.resource().to_string()),
        None => outcome(StatusCode::NOT_FOUND, "not-found", "there is no such resource"),
    }
}

/// Whether an app's user is this one, and the app may know it.
fn is_itself(access: &Access, id: &str) -> bool {
    let grant = &access.grant;
    grant.scope.split(' ').any(|scope| scope == "fhirUser") && grant.user.is_some_and(|user| user.id == id)
}
