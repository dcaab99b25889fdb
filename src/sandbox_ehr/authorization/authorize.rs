//! `/authorize`: an app asks for leave (SMART App Launch 2.2, "Obtain authorization code"). Launched by the EHR it gets a
//! code at once, since its user is at work here already; by itself only after somebody chose user and patient.
//!
//! Sends nobody to an address that is not registered, letter by letter, for the client.

use super::super::SandboxEhr;
use super::super::practitioners::Practitioner;
use super::super::routes::is_from_elsewhere;
use super::clients::{Client, Clients};
use super::codes::{Challenge, Code};
use super::form::Form;
use super::scopes::{WITH_USER, has, needs_patient, negotiated};
use super::tokens::{Context, Grant};
use super::{latest_visit, pages};
use crate::platform::clock;
use crate::platform::expiring::secret;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use std::sync::Arc;
use std::time::Duration;
use url::form_urlencoded;

/// How long somebody may take to choose.
const CHOICE: Duration = Duration::from_secs(600);
/// The longest `state` and `nonce`, in bytes.
const LONGEST: usize = 2048;

type Ehr = web::Data<SandboxEhr>;

/// Where an answer goes, checked against the registration.
struct ReplyTo {
    redirect_uri: String,
    state: Option<String>,
    issuer: String,
}

impl ReplyTo {
    fn read<'a>(ehr: &'a SandboxEhr, form: &Form) -> Result<(&'a Client, Self), &'static str> {
        let clients: &Clients = &ehr.authorization.clients;
        let client = form.get("client_id").and_then(|id| clients.find(id)).ok_or("No app has this `client_id`.")?;
        let registered = |uri: &&str| client.redirect_uris.iter().any(|known| known == uri);
        let redirect_uri = form.get("redirect_uri").filter(registered);
        let redirect_uri = redirect_uri.ok_or("The `redirect_uri` is none of those registered for the app.")?;
        let state = form.get("state").filter(|state| state.len() <= LONGEST).map(str::to_owned);
        let issuer = ehr.authorization.issuer.clone();
        Ok((client, Self { redirect_uri: redirect_uri.to_owned(), state, issuer }))
    }

    /// Sends the browser there, with `state` and `iss` (RFC 9207).
    fn send(&self, parameters: &[(&str, &str)]) -> HttpResponse {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters).append_pair("iss", &self.issuer);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        let between = if self.redirect_uri.contains('?') { '&' } else { '?' };
        let address = format!("{}{between}{}", self.redirect_uri, query.finish());
        HttpResponse::SeeOther().insert_header((LOCATION, address)).finish()
    }

    fn refuse(&self, (error, why): Problem) -> HttpResponse {
        self.send(&[("error", error), ("error_description", why)])
    }
}

/// An OAuth error and what is wrong, in words of ours.
type Problem = (&'static str, &'static str);

const fn wrong(why: &'static str) -> Problem {
    ("invalid_request", why)
}

/// A request that can be granted.
pub struct Asked {
    reply: ReplyTo,
    pub client: String,
    /// What of the asked scopes is granted.
    pub scope: String,
    challenge: Challenge,
    nonce: Option<String>,
}

impl Asked {
    /// Where the answer goes.
    pub fn redirect_uri(&self) -> &str {
        &self.reply.redirect_uri
    }

    fn read(client: &Client, reply: ReplyTo, fhir: &str, form: &Form) -> Result<Self, (ReplyTo, Problem)> {
        match Self::check(client, &reply, fhir, form) {
            Ok((scope, challenge, nonce)) => Ok(Self { reply, client: client.id.clone(), scope, challenge, nonce }),
            Err(problem) => Err((reply, problem)),
        }
    }

    fn check(
        client: &Client,
        reply: &ReplyTo,
        fhir: &str,
        form: &Form,
    ) -> Result<(String, Challenge, Option<String>), Problem> {
        if form.get("response_type") != Some("code") {
            return Err(("unsupported_response_type", "`response_type` has to be `code`"));
        }
        if reply.state.is_none() {
            return Err(wrong("`state` is missing, or longer than 2048 bytes"));
        }
        if form.get("aud").or_else(|| form.get("resource")) != Some(fhir) {
            return Err(wrong("`aud` has to be the address of this FHIR server, letter by letter"));
        }
        if form.get("code_challenge_method") != Some("S256") {
            return Err(wrong("PKCE is needed: `code_challenge_method` has to be `S256`"));
        }
        let challenge = form.get("code_challenge").and_then(Challenge::read);
        let challenge = challenge.ok_or(wrong("`code_challenge` is no SHA-256 in base64url without padding"))?;
        let nonce = form.get("nonce").map(str::to_owned);
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST) {
            return Err(wrong("`nonce` is longer than 2048 bytes"));
        }
        let asked = form.get("scope").unwrap_or_default();
        if has(asked, "launch") != form.get("launch").is_some() {
            return Err(wrong("the scope `launch` and the parameter `launch` belong together"));
        }
        let scope = negotiated(asked, &client.scope, &WITH_USER);
        if scope.is_empty() || has(asked, "launch") && !has(&scope, "launch") {
            return Err(("invalid_scope", "the app is registered for none of these scopes, or not to be launched"));
        }
        Ok((scope, challenge, nonce))
    }

    /// Grants it: the browser goes back to the app with a code.
    fn grant(self, ehr: &SandboxEhr, context: Context, user: &'static Practitioner) -> HttpResponse {
        let Self { reply, client, scope, challenge, nonce } = self;
        let grant = Arc::new(Grant::new(&client, &scope, context, Some(user)));
        let code = Code { redirect_uri: reply.redirect_uri.clone(), challenge, nonce, grant };
        let server = &ehr.authorization;
        reply.send(&[("code", &server.codes.give(code, server.lives.code, clock::now()))])
    }
}

/// `GET`, parameters in the address.
pub async fn by_address(ehr: Ehr, request: HttpRequest) -> HttpResponse {
    authorize(&ehr, request.query_string().as_bytes())
}

/// `POST`, parameters in the body.
pub async fn by_form(ehr: Ehr, body: web::Bytes) -> HttpResponse {
    authorize(&ehr, &body)
}

fn authorize(ehr: &SandboxEhr, parameters: &[u8]) -> HttpResponse {
    let Some(form) = Form::read(parameters) else {
        return pages::refusal("A parameter is there twice, or the request is too long.");
    };
    let (client, reply) = match ReplyTo::read(ehr, &form) {
        Ok(found) => found,
        Err(why) => return pages::refusal(why),
    };
    let server = &ehr.authorization;
    let asked = match Asked::read(client, reply, &ehr.fhir_base(), &form) {
        Ok(asked) => asked,
        Err((reply, problem)) => return reply.refuse(problem),
    };
    let now = clock::now();
    match form.get("launch") {
        Some(handle) => match server.launches.redeem(handle, &asked.client, now) {
            Some(launch) => asked.grant(ehr, launch.context, launch.user),
            None => asked.reply.refuse(wrong("`launch` is over, was used, or is another app's; launch the app again")),
        },
        None => {
            let request = secret();
            let page = pages::choice(&ehr.charts, &asked, &request);
            server.choices.put(request, asked, now + CHOICE, now);
            page
        }
    }
}

/// What the user of an app that was not launched from here chose.
pub async fn choice(ehr: Ehr, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    if is_from_elsewhere(&request) {
        return pages::refusal("This form belongs to another site.");
    }
    let form = Form::read(&body);
    let chosen = |name: &str| form.as_ref().and_then(|form| form.get(name)).unwrap_or_default();
    let Some(asked) = ehr.authorization.choices.take(chosen("request"), clock::now()) else {
        return pages::refusal("The request is over, or was answered already; start the app again.");
    };
    if chosen("answer") != "allow" {
        return asked.reply.refuse(("access_denied", "the user said no"));
    }
    let Some(user) = Practitioner::find(chosen("user")) else {
        return pages::refusal("There is no such user; start the app again.");
    };
    let mut context = Context::default();
    if needs_patient(&asked.scope) {
        let Some(chart) = ehr.chart(chosen("patient")) else {
            return pages::refusal("There is no such patient; start the app again.");
        };
        context.patient = Some(chart.id.to_string());
        context.need_patient_banner = Some(true);
        context.encounter = has(&asked.scope, "launch/encounter").then(|| latest_visit(chart)).flatten();
    }
    asked.grant(&ehr, context, user)
}
