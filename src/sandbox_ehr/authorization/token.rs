//! `POST /token`: a code, a refresh token or a backend service's signature becomes an access token (SMART App Launch 2.2,
//! "Obtain access token", "Backend Services").

use super::super::SandboxEhr;
use super::clients::Client;
use super::codes::Presented;
use super::discovery::ANY_ORIGIN;
use super::form::Form;
use super::id_token::id_token;
use super::refused::{NO_CACHE, Refused};
use super::scopes::{has, negotiated};
use super::tokens::{Context, Grant};
use crate::platform::clock;
use crate::trust::Level;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long a backend service's token is good, at most.
const BACKEND: Duration = Duration::from_secs(300);

/// Answers a token request. Scripts of any origin may read the answer: what it takes is the code and its verifier.
pub async fn token(ehr: web::Data<SandboxEhr>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let mut answer = match granted(&ehr, &request, &body).await {
        Ok(response) => HttpResponse::Ok().insert_header(NO_CACHE).json(response),
        Err(refused) => refused.answer(),
    };
    let (name, value) = ANY_ORIGIN;
    answer.headers_mut().insert(name, actix_web::http::header::HeaderValue::from_static(value));
    answer
}

async fn granted(ehr: &SandboxEhr, request: &HttpRequest, body: &[u8]) -> Result<Value, Refused> {
    if request.content_type() != "application/x-www-form-urlencoded" {
        return Err(Refused::Request("the body has to be application/x-www-form-urlencoded"));
    }
    let form = Form::read(body).ok_or(Refused::Request("a parameter is there twice, or the body is too long"))?;
    let client = ehr.authorization.clients.authenticate(request.headers(), &form, request.path()).await?;
    match form.get("grant_type") {
        Some("authorization_code") => by_code(ehr, client, &form),
        Some("refresh_token") => by_refresh(ehr, client, &form),
        Some("client_credentials") => by_itself(ehr, client, &form),
        Some(_) => Err(Refused::GrantType),
        None => Err(Refused::Request("`grant_type` is missing")),
    }
}

fn by_code(ehr: &SandboxEhr, client: &Client, form: &Form) -> Result<Value, Refused> {
    let needed = |name, missing| form.get(name).ok_or(Refused::Request(missing));
    let code = needed("code", "`code` is missing")?;
    let presented = Presented {
        client: &client.id,
        redirect_uri: needed("redirect_uri", "`redirect_uri` is missing")?,
        verifier: needed("code_verifier", "`code_verifier` is missing")?,
    };
    let (server, now) = (&ehr.authorization, clock::now());
    let redeemed = server.codes.redeem(code, &presented, now).map_err(|not_good| {
        if let Some(family) = not_good.0 {
            server.tokens.end(family);
        }
        Refused::Grant("the code is over, was used, is another's, or does not fit `redirect_uri` and `code_verifier`")
    })?;
    let mut response = respond(ehr, &redeemed.grant, redeemed.family);
    let access = response["access_token"].as_str().unwrap_or_default();
    if let Some(id_token) = id_token(ehr, &redeemed.grant, access, redeemed.nonce.as_deref(), now) {
        response["id_token"] = id_token.into();
    }
    if has(&redeemed.grant.scope, "offline_access") || has(&redeemed.grant.scope, "online_access") {
        let refresh = server.tokens.give_refresh(redeemed.grant, redeemed.family, server.lives.refresh, now);
        response["refresh_token"] = refresh.into();
    }
    Ok(response)
}

/// Each refresh token is good once; the next one comes with the answer.
fn by_refresh(ehr: &SandboxEhr, client: &Client, form: &Form) -> Result<Value, Refused> {
    let token = form.get("refresh_token").ok_or(Refused::Request("`refresh_token` is missing"))?;
    let (server, now) = (&ehr.authorization, clock::now());
    let (grant, whole, family) = server.tokens.redeem(token, &client.id, form.get("scope"), now)?;
    let mut response = respond(ehr, &grant, family);
    response["refresh_token"] = server.tokens.give_refresh(whole, family, server.lives.refresh, now).into();
    Ok(response)
}

/// A backend service, which shows by its signature who it is and reads for itself.
fn by_itself(ehr: &SandboxEhr, client: &Client, form: &Form) -> Result<Value, Refused> {
    if !client.signs() {
        return Err(Refused::Unauthorized("only clients with keys get tokens for themselves"));
    }
    let scope = negotiated(form.get("scope").unwrap_or_default(), &client.scope, &[Level::System]);
    if scope.is_empty() {
        return Err(Refused::Scope("the client is registered for none of these as `system/` scopes"));
    }
    let grant = Arc::new(Grant::new(&client.id, &scope, Context::default(), None));
    Ok(respond(ehr, &grant, Uuid::new_v4()))
}

/// A token response with a new access token.
fn respond(ehr: &SandboxEhr, grant: &Arc<Grant>, family: Uuid) -> Value {
    let server = &ehr.authorization;
    let life = if grant.user.is_some() { server.lives.access } else { server.lives.access.min(BACKEND) };
    let access_token = server.tokens.give(grant.clone(), family, life, clock::now());
    let mut response = json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": life.as_secs(), "scope": grant.scope,
    });
    for (name, value) in grant.context.members() {
        response[name] = value;
    }
    response
}
