//! Access tokens that only their authorization server can read (RFC 7662): it is asked, and its answer kept shortly.
//!
//! A yes is kept for a minute at most and never past the token's end, a no for five seconds. No answer is never a yes: the
//! call is told to come again, and after a failure nobody is asked for a second.

use super::super::own_keys::OwnKeys;
use super::super::refusal::Refusal;
use super::super::scopes::Scopes;
use super::super::token::{self, SKEW};
use super::Said;
use crate::platform::clock;
use crate::platform::settings::{self, AuthorizationServer, IntrospectionClient, IntrospectionEndpoint, SettingsError};
use awc::http::StatusCode;
use awc::http::header::ACCEPT;
use jiff::Timestamp;
use moka::Expiry;
use moka::future::Cache;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A yes is believed so long, which is how long a revoked token may still be used.
const YES_HOLDS: f64 = 60.0;
/// A no is believed so long.
const NO_HOLDS: Duration = Duration::from_secs(5);
/// After a failure nobody is asked.
const PAUSE: Duration = Duration::from_secs(1);
/// Scopes can be long.
const MOST_BYTES: usize = 256 * 1024;
/// Answers kept.
const MOST_ANSWERS: u64 = 10_000;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// One authorization server that can be asked.
pub struct Introspection {
    url: String,
    client: Client,
    answers: Cache<[u8; 32], Answer>,
    /// Until then nobody is asked.
    paused: Mutex<Option<Instant>>,
}

/// How we show who we are.
enum Client {
    Secret { id: String, secret: String },
    Keys { id: String, keys: Arc<OwnKeys> },
}

#[derive(Clone)]
enum Answer {
    Active { said: Arc<Said>, holds: Duration },
    Refused(Refusal),
}

struct Holds;

impl Expiry<[u8; 32], Answer> for Holds {
    fn expire_after_create(&self, _: &[u8; 32], answer: &Answer, _: Instant) -> Option<Duration> {
        Some(match answer {
            Answer::Active { holds, .. } => *holds,
            Answer::Refused(_) => NO_HOLDS,
        })
    }
}

#[derive(Deserialize)]
struct IsActive {
    active: bool,
}

/// The members of an active token that matter here. Of launch context only the patient does.
#[derive(Deserialize)]
struct Active {
    scope: Option<String>,
    client_id: Option<String>,
    patient: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iss: Option<String>,
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Introspection {
    pub fn new(endpoint: &IntrospectionEndpoint, own_keys: Option<Arc<OwnKeys>>) -> Result<Self, SettingsError> {
        let client = match &endpoint.client {
            IntrospectionClient::Secret { id, file } => Client::Secret { id: id.clone(), secret: secret(file)? },
            IntrospectionClient::Keys { id } => Client::Keys { id: id.clone(), keys: own_keys.ok_or_else(no_keys)? },
        };
        let answers = Cache::builder().max_capacity(MOST_ANSWERS).expire_after(Holds).build();
        Ok(Self { url: endpoint.url.clone(), client, answers, paused: Mutex::default() })
    }

    pub async fn verify(&self, bearer: &str, server: &AuthorizationServer, now: Timestamp) -> Result<Said, Refusal> {
        let key: [u8; 32] = Sha256::digest(bearer).into();
        let ask = async {
            let answer = self.ask(bearer).await?;
            Ok::<Answer, Refusal>(judge(&answer, server, now))
        };
        let answer = self.answers.try_get_with(key, ask).await.map_err(|refusal| *refusal)?;
        match answer {
            Answer::Active { said, .. } if said.expires <= token::seconds(now) => Err(Refusal::Expired),
            Answer::Active { said, .. } => Ok((*said).clone()),
            Answer::Refused(refusal) => Err(refusal),
        }
    }

    /// One request; the caller chose the token, the settings the place.
    async fn ask(&self, bearer: &str) -> Result<Vec<u8>, Refusal> {
        if self.paused().is_some_and(|until| Instant::now() < until) {
            return Err(Refusal::IntrospectionAway);
        }
        let asked = tokio::time::timeout(PATIENCE, self.request(bearer)).await;
        let failed = match asked {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(why)) => why,
            Err(_) => "it gave no whole answer within 2 s".to_owned(),
        };
        tracing::warn!(url = self.url, failed, "an authorization server could not be asked about a token");
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
        Err(Refusal::IntrospectionAway)
    }

    fn paused(&self) -> Option<Instant> {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn request(&self, bearer: &str) -> Result<Vec<u8>, String> {
        let client = awc::Client::builder().disable_redirects().timeout(PATIENCE).finish();
        let mut request = client.post(&self.url).insert_header((ACCEPT, "application/json"));
        let mut form = vec![("token", bearer.to_owned()), ("token_type_hint", "access_token".to_owned())];
        match &self.client {
            Client::Secret { id, secret } => request = request.basic_auth(form_encoded(id), form_encoded(secret)),
            Client::Keys { id, keys } => {
                let assertion = keys.assertion(id, &self.url, clock::now()).map_err(|error| error.to_string())?;
                form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
                form.push(("client_assertion", assertion));
            }
        }
        let mut answer = request.send_form(&form).await.map_err(|_| "it cannot be reached".to_owned())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answered {} instead of 200", answer.status().as_u16()));
        }
        let body =
            answer.body().limit(MOST_BYTES).await.map_err(|_| "its answer is too large or broke off".to_owned())?;
        Ok(body.to_vec())
    }
}

/// What an answer means for a token. Whatever is not said clearly is a no.
fn judge(answer: &[u8], server: &AuthorizationServer, now: Timestamp) -> Answer {
    read(answer, server, now).map_or_else(Answer::Refused, |said| {
        let holds = holds(said.expires, now);
        Answer::Active { said: Arc::new(said), holds }
    })
}

fn holds(expires: f64, now: Timestamp) -> Duration {
    Duration::from_secs_f64((expires - token::seconds(now)).clamp(0.0, YES_HOLDS))
}

fn read(answer: &[u8], server: &AuthorizationServer, now: Timestamp) -> Result<Said, Refusal> {
    match serde_json::from_slice::<IsActive>(answer) {
        Ok(IsActive { active: true }) => {}
        _ => return Err(Refusal::Inactive),
    }
    let active: Active = serde_json::from_slice(answer).map_err(|_| Refusal::Claims)?;
    let expires = active.exp.filter(|exp| exp.is_finite()).ok_or(Refusal::Missing("exp"))?;
    if expires <= token::seconds(now) {
        return Err(Refusal::Expired);
    }
    if active.nbf.is_some_and(|begins| begins > token::seconds(now) + SKEW) {
        return Err(Refusal::Future);
    }
    if active.iss.is_some_and(|issuer| issuer != server.issuer) {
        return Err(Refusal::UnknownIssuer);
    }
    let here = match &active.aud {
        None => true,
        Some(Audience::One(one)) => *one == server.audience,
        Some(Audience::Several(several)) => several.contains(&server.audience),
    };
    if !here {
        return Err(Refusal::AccessAudience);
    }
    let client_id = active.client_id.ok_or(Refusal::Missing("client_id"))?;
    let scopes = Scopes::parse(active.scope.as_deref().unwrap_or_default());
    Ok(Said { client_id, scopes, patient: active.patient, expires })
}

/// RFC 6749, section 2.3.1: id and secret are form-encoded before they are joined.
fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn secret(file: &std::path::Path) -> Result<String, SettingsError> {
    let unusable = |reason: &str| {
        let remedy = "name a file that holds the secret alone";
        settings::unusable("authorization_server.client_secret_file", file.display().to_string(), reason, remedy)
    };
    let text = std::fs::read_to_string(file).map_err(|error| unusable(&error.to_string()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() { Err(unusable("it is empty")) } else { Ok(secret.to_owned()) }
}

fn no_keys() -> SettingsError {
    let remedy = "set `keys.folder`, or give a `client_secret_file`";
    settings::unusable("authorization_server.client_id", "", "we have no keys to show who we are", remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::settings::Vouching;
    use serde_json::{Value, json};

    const NOW: i64 = 1_777_881_600;

    fn judged(answer: Value) -> Result<Said, Refusal> {
        let server = AuthorizationServer {
            name: "north".into(),
            issuer: "https://as.example.org".into(),
            audience: "https://cds.example.org/fhir".into(),
            fhir_server: None,
            token_url: None,
            authorize_url: None,
            vouching: Vouching::Introspection(IntrospectionEndpoint {
                url: "https://as.example.org/introspect".into(),
                client: IntrospectionClient::Keys { id: "x".into() },
            }),
        };
        read(answer.to_string().as_bytes(), &server, Timestamp::from_second(NOW).expect("a time"))
    }

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        let yes = json!({"active": true, "client_id": "c", "scope": "patient/*.rs", "exp": NOW + 30, "patient": "p"});
        assert_eq!(judged(yes.clone()).expect("active").patient.as_deref(), Some("p"));
        let with = |name: &str, value: Value| {
            let mut changed = yes.clone();
            changed[name] = value;
            judged(changed).map(drop)
        };
        for odd in [json!("true"), json!(1), json!("yes"), json!(null), json!(false), json!([true])] {
            assert_eq!(with("active", odd.clone()), Err(Refusal::Inactive), "{odd}");
        }
        assert_eq!(judged(json!({"client_id": "c", "exp": NOW + 30})).map(drop), Err(Refusal::Inactive));
        assert_eq!(judged(json!([])).map(drop), Err(Refusal::Inactive));
        assert_eq!(with("exp", json!(NOW)), Err(Refusal::Expired));
        assert_eq!(with("exp", json!(null)), Err(Refusal::Missing("exp")));
        assert_eq!(with("nbf", json!(NOW + 61)), Err(Refusal::Future));
        assert_eq!(with("iss", json!("https://other.example.org")), Err(Refusal::UnknownIssuer));
        assert_eq!(with("aud", json!("https://ehr.example.org/fhir")), Err(Refusal::AccessAudience));
        assert_eq!(with("aud", json!(["x", "https://cds.example.org/fhir"])), Ok(()));
        assert_eq!(with("client_id", json!(null)), Err(Refusal::Missing("client_id")));
    }

    #[test]
    fn a_yes_holds_a_minute_at_most_and_never_past_the_tokens_end() {
        let now = Timestamp::from_second(NOW).expect("a time");
        assert_eq!(holds(NOW as f64 + 10.0, now), Duration::from_secs(10));
        assert_eq!(holds(NOW as f64 + 600.0, now), Duration::from_secs(60));
        assert_eq!(holds(NOW as f64 - 1.0, now), Duration::ZERO);
        let no = Answer::Refused(Refusal::Inactive);
        assert_eq!(Holds.expire_after_create(&[0; 32], &no, Instant::now()), Some(Duration::from_secs(5)));
    }
}
