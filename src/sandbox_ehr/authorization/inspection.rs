//! What a token is good for (`POST /introspect`, RFC 7662; SMART App Launch 2.2, "Token introspection"), and its end before
//! its time (`POST /revoke`, RFC 7009).

use super::super::SandboxEhr;
use super::super::fhir::bearer;
use super::form::Form;
use super::refused::{NO_CACHE, Refused};
use super::scopes::has;
use super::tokens::Access;
use super::user_address;
use crate::platform::clock;
use crate::trust::Level;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

type Ehr = web::Data<SandboxEhr>;

/// Tells clients that can keep a secret, and bearers of a token of `system/` scope, of any access token. Of what is over,
/// revoked or unknown, a refresh token too, it says only that it is not active.
pub async fn introspect(ehr: Ehr, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    match asked_of(&ehr, &request, &body).await {
        Ok(access) => HttpResponse::Ok().insert_header(NO_CACHE).json(described(&ehr, access)),
        Err(refused) => refused.answer(),
    }
}

async fn asked_of(ehr: &SandboxEhr, request: &HttpRequest, body: &[u8]) -> Result<Option<Access>, Refused> {
    let form = Form::read(body).ok_or(Refused::Request("a parameter is there twice, or the body is too long"))?;
    match bearer(request) {
        Some(own) => {
            let own = ehr.authorization.access(own).ok_or(Refused::Client)?;
            if !own.grant.scopes.has(Level::System) {
                return Err(Refused::Client);
            }
        }
        None => {
            let client = ehr.authorization.clients.authenticate(request.headers(), &form, request.path()).await?;
            if !client.is_confidential() {
                return Err(Refused::Client);
            }
        }
    }
    let token = form.get("token").ok_or(Refused::Request("`token` is missing"))?;
    Ok(ehr.authorization.access(token))
}

fn described(ehr: &SandboxEhr, access: Option<Access>) -> Value {
    let Some(Access { grant, issued, expires, .. }) = access else { return json!({"active": false}) };
    let server = &ehr.authorization;
    let audiences: Vec<String> = [ehr.fhir_base()].into_iter().chain(server.accepted_by.iter().cloned()).collect();
    let mut described = json!({
        "active": true, "scope": grant.scope, "client_id": grant.client, "token_type": "Bearer",
        "iss": server.issuer, "aud": audiences, "iat": issued.as_second(), "exp": expires.as_second(),
        "sub": grant.user.map_or(grant.client.as_str(), |user| user.subject),
    });
    if let Some(user) = grant.user.filter(|_| has(&grant.scope, "fhirUser")) {
        described["fhirUser"] = user_address(ehr, user).into();
    }
    for (name, value) in grant.context.members() {
        described[name] = value;
    }
    described
}

/// Ends a token of the client's own. The answer is the same where there was none.
pub async fn revoke(ehr: Ehr, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let Some(form) = Form::read(&body) else {
        return Refused::Request("a parameter is there twice, or the body is too long").answer();
    };
    match ehr.authorization.clients.authenticate(request.headers(), &form, request.path()).await {
        Ok(client) => {
            ehr.authorization.tokens.revoke(form.get("token").unwrap_or_default(), &client.id, clock::now());
            HttpResponse::Ok().insert_header(NO_CACHE).finish()
        }
        Err(refused) => refused.answer(),
    }
}
