//! Who asks the FHIR server, and whose resources they may have: by a bearer's token, or by the whole server standing open.
//! Refusals say what was wrong as RFC 6750, section 3, has it.

use super::super::SandboxEhr;
use super::super::authorization::Access;
use super::super::search::is_type;
use super::outcome;
use crate::trust::{Interaction, Level};
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse};

/// A caller that may ask something; what is told by its token.
pub enum Caller {
    /// Without a token, where the server asks for none.
    Anybody,
    Bearer(Box<Access>),
}

/// Whose resources of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    Everyone,
    Patient(String),
}

impl Reach {
    /// Whether this patient's are among them.
    pub fn holds(&self, patient: &str) -> bool {
        match self {
            Self::Everyone => true,
            Self::Patient(only) => only == patient,
        }
    }
}

impl Caller {
    /// Who sent a request.
    ///
    /// # Errors
    /// 401 without a token that is still good, where one is needed or one was brought.
    pub fn of(ehr: &SandboxEhr, request: &HttpRequest) -> Result<Self, Box<HttpResponse>> {
        let brings = request.headers().contains_key(AUTHORIZATION);
        if ehr.open && !brings {
            return Ok(Self::Anybody);
        }
        let access = bearer(request).and_then(|token| ehr.authorization.access(token));
        access.map(|access| Self::Bearer(Box::new(access))).ok_or_else(|| {
            let challenge = if brings { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            let refusal = outcome(StatusCode::UNAUTHORIZED, "login", "a token that is still good is needed");
            Box::new(challenging(refusal, challenge))
        })
    }

    /// Whose resources of a type they may have in this way; `None`: nobody's.
    pub fn reach(&self, resource_type: &str, interaction: Interaction) -> Option<Reach> {
        let Self::Bearer(access) = self else { return Some(Reach::Everyone) };
        let grant = &access.grant;
        match (grant.scopes.levels(resource_type, interaction).last()?, &grant.context.patient) {
            (Level::User | Level::System, _) => Some(Reach::Everyone),
            (Level::Patient, patient) => patient.clone().map(Reach::Patient),
        }
    }

    /// The same, or the answer that says what is missing.
    ///
    /// # Errors
    /// 403 where it is nobody's.
    pub fn must_reach(&self, resource_type: &str, interaction: Interaction) -> Result<Reach, Box<HttpResponse>> {
        self.reach(resource_type, interaction).ok_or_else(|| {
            let text = "the token's scope does not let this be read";
            Box::new(insufficient(text, Level::Patient, resource_type, interaction))
        })
    }
}

/// 403, with the scope that would do.
pub fn insufficient(text: &str, level: Level, resource_type: &str, interaction: Interaction) -> HttpResponse {
    let level = match level {
        Level::Patient => "patient",
        Level::User => "user",
        Level::System => "system",
    };
    let letter = if interaction == Interaction::Search { 's' } else { 'r' };
    // What came in an address goes into no header unless it can be a type.
    let scope =
        if is_type(resource_type) { format!(", scope=\"{level}/{resource_type}.{letter}\"") } else { String::new() };
    challenging(
        outcome(StatusCode::FORBIDDEN, "forbidden", text),
        &format!("Bearer error=\"insufficient_scope\"{scope}"),
    )
}

fn challenging(mut refusal: HttpResponse, challenge: &str) -> HttpResponse {
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    refusal
}

/// The token that a request brings in its one Authorization header.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next().filter(|_| headers.next().is_none())?.to_str().ok()?;
    let (_, token) = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
    Some(token.trim())
}
