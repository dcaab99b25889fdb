//! Tokens of our own for EHRs' FHIR servers (SMART App Launch 2.2, "Backend Services"): asked for when a call brings none
//! that can be used, kept until shortly before they end, one request at a time for each client and server.
//!
//! Never shows a token, never keeps one past its end, never asks anyone but the token endpoint of the settings, and never
//! takes the place of a token that the FHIR server refused.

use super::address::FhirBase;
use crate::platform::clock;
use crate::platform::settings::Backend;
use crate::trust::token_endpoint::{self, ASSERTION_TYPE, TokenEndpointError};
use crate::trust::{AccessToken, OwnKeys, OwnKeysError};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// After a refusal or a failure nothing is asked for so long.
const PAUSE: Duration = Duration::from_secs(30);
/// A token is not used in its last seconds: it must still be good when it arrives. Of a short life, a fifth.
const MARGIN: Duration = Duration::from_secs(30);
/// However long a server says that its token lives.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
enum NoToken {
    #[error(transparent)]
    Keys(#[from] OwnKeysError),
    #[error(transparent)]
    Endpoint(#[from] TokenEndpointError),
    #[error("the token endpoint's answer is no bearer token")]
    Misshapen,
}

/// All tokens of our own, each for one client and one of its servers.
#[derive(Default)]
pub(super) struct BackendTokens {
    /// `None`: no keys, so no tokens.
    pub keys: Option<Arc<OwnKeys>>,
    slots: Mutex<HashMap<(Arc<Backend>, FhirBase), Slot>>,
}

/// Locked while a token is asked for, so that others wait for the same.
type Slot = Arc<tokio::sync::Mutex<Held>>;

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Token {
        token: AccessToken,
        until: Instant,
    },
    Paused {
        until: Instant,
    },
}

impl BackendTokens {
    /// A token that can be used now; `None` where there is none by the deadline. Runs on a web worker, where the client
    /// library lives.
    pub async fn token(&self, backend: &Arc<Backend>, base: &FhirBase, deadline: Instant) -> Option<AccessToken> {
        let keys = self.keys.clone()?;
        let mut held = timeout_at(deadline.into(), self.slot(backend, base).lock_owned()).await.ok()?;
        match held.look(Instant::now()) {
            Held::Token { token, .. } => return Some(token.clone()),
            Held::Paused { .. } => return None,
            Held::Nothing => {}
        }
        let backend = backend.clone();
        // It ends even when the call that needed it is gone, so that a slow endpoint serves the next call.
        let asking = tokio::task::spawn_local(async move {
            let asked = Instant::now();
            let granted = ask(&keys, &backend).await;
            if let Err(error) = &granted {
                tracing::warn!(client_id = backend.client_id, %error, "no token of our own could be had");
            }
            *held = Held::of(granted, asked);
            match held.look(Instant::now()) {
                Held::Token { token, .. } => Some(token.clone()),
                Held::Nothing | Held::Paused { .. } => None,
            }
        });
        timeout_at(deadline.into(), asking).await.ok()?.ok()?
    }

    /// The FHIR server did not take this token, so that it is not sent again.
    pub fn forget(&self, backend: &Arc<Backend>, base: &FhirBase, refused: &AccessToken) {
        if let Ok(mut held) = self.slot(backend, base).try_lock()
            && matches!(&*held, Held::Token { token, .. } if token == refused)
        {
            *held = Held::Paused { until: Instant::now() + PAUSE };
        }
    }

    fn slot(&self, backend: &Arc<Backend>, base: &FhirBase) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry((backend.clone(), base.clone())).or_default().clone()
    }
}

impl Held {
    /// What was had, from the moment of asking on.
    fn of(granted: Result<Granted, NoToken>, asked: Instant) -> Self {
        match granted {
            Ok(Granted { token, life }) => {
                let life = life.min(LONGEST_LIFE);
                Self::Token { token, until: asked + life - MARGIN.min(life / 5) }
            }
            Err(_) => Self::Paused { until: asked + PAUSE },
        }
    }

    /// What holds now: what is over is nothing.
    fn look(&mut self, now: Instant) -> &Self {
        if matches!(self, Self::Token { until, .. } | Self::Paused { until } if *until <= now) {
            *self = Self::Nothing;
        }
        self
    }
}

struct Granted {
    token: AccessToken,
    life: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    expires_in: u64,
}

/// One request, with an assertion of its own.
async fn ask(keys: &OwnKeys, backend: &Backend) -> Result<Granted, NoToken> {
    let assertion = keys.assertion(&backend.client_id, &backend.token_url, clock::now())?;
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", &backend.scope),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
    ];
    let said: TokenAnswer = token_endpoint::ask(&backend.token_url, &form, None).await?;
    let token = AccessToken::read(said.access_token).filter(|_| said.token_type.eq_ignore_ascii_case("bearer"));
    Ok(Granted { token: token.ok_or(NoToken::Misshapen)?, life: Duration::from_secs(said.expires_in) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(seconds: u64) -> Result<Granted, NoToken> {
        Ok(Granted { token: AccessToken::of("t".into()), life: Duration::from_secs(seconds) })
    }

    #[test]
    fn a_token_is_kept_until_shortly_before_its_end_and_never_past_it() {
        let start = Instant::now();
        let usable = |seconds: u64, after: u64| {
            let mut held = Held::of(granted(seconds), start);
            matches!(held.look(start + Duration::from_secs(after)), Held::Token { .. })
        };
        assert!(usable(300, 0) && usable(300, 269) && !usable(300, 270));
        assert!(usable(10, 7) && !usable(10, 8));
        assert!(!usable(0, 0), "a token that is over when it comes");
        assert!(usable(u64::MAX, 3569) && !usable(u64::MAX, 3570));
    }

    #[test]
    fn a_refusal_is_followed_by_a_pause() {
        let start = Instant::now();
        let mut held = Held::of(Err(TokenEndpointError::TooSlow.into()), start);
        assert!(matches!(held.look(start + Duration::from_secs(29)), Held::Paused { .. }));
        assert!(matches!(held.look(start + Duration::from_secs(30)), Held::Nothing));
    }
}
