//! Access tokens that are signed JWTs (RFC 9068), verified by the keys of the server that gives them.

use super::super::key_source::Keys;
use super::super::refusal::Refusal;
use super::super::scopes::Scopes;
use super::super::token::{self, Claims, Kind};
use super::Said;
use crate::platform::settings::{KeySource, SettingsError};
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde::Deserialize;

/// The keys of one authorization server.
pub struct Jwt {
    keys: Keys,
    algorithms: Vec<Algorithm>,
}

/// What a token grants, beside its times and its audience.
#[derive(Deserialize)]
struct Grants {
    client_id: Option<String>,
    scope: Option<ScopeClaim>,
    patient: Option<String>,
}

/// A text, as the RFC has it; some servers write a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum ScopeClaim {
    Text(String),
    List(Vec<String>),
}

impl Jwt {
    pub fn new(server: &str, source: &KeySource, algorithms: Vec<Algorithm>) -> Result<Self, SettingsError> {
        Ok(Self { keys: Keys::new("authorization_server", server, source)?, algorithms })
    }

    pub async fn verify(&self, bearer: &str, audience: &str, now: Timestamp) -> Result<Said, Refusal> {
        let header = token::header(bearer, Kind::Access, &self.algorithms)?;
        if header.jku.is_some_and(|jku| self.keys.url() != Some(&jku)) {
            return Err(Refusal::ForeignKeyUrl);
        }
        let key = self.keys.find(header.kid.as_deref()).await?;
        if !key.verifies(header.algorithm) {
            return Err(Refusal::KeyNotForAlgorithm);
        }
        let claims: Claims = token::claims(bearer, &key.key, header.algorithm)?;
        let expires = claims.expiry(now)?;
        if !claims.audience()?.any(|named| named == audience) {
            return Err(Refusal::AccessAudience);
        }
        let grants: Grants = token::claims(bearer, &key.key, header.algorithm)?;
        let scopes = match grants.scope {
            None => Scopes::default(),
            Some(ScopeClaim::Text(text)) => Scopes::parse(&text),
            Some(ScopeClaim::List(list)) => Scopes::parse(&list.join(" ")),
        };
        let client_id = grants.client_id.ok_or(Refusal::Missing("client_id"))?;
        Ok(Said { client_id, scopes, patient: grants.patient, expires })
    }
}
