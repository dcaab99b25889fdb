//! Access and refresh tokens that were given out: what each lets its bearer do, and until when. They are opaque: what is
//! revoked is over at once, and a long list of scopes makes no long header. Who is given one asks `introspect` about it.
//!
//! Tokens that come of one authorization are a family: a code or refresh token that is used twice was stolen from somebody,
//! and all of its family ends.

use super::super::practitioners::Practitioner;
use super::refused::Refused;
use super::scopes::{is_within, reading};
use crate::platform::expiring::{Expiring, secret};
use crate::trust::Scopes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What an app is told of the place from which it was launched (SMART App Launch 2.2, "Launch context").
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub patient: Option<String>,
    pub encounter: Option<String>,
    pub intent: Option<String>,
    /// What a card's link said to its app, unchanged.
    pub app_context: Option<String>,
    /// Whether the app has to say who the patient is, since no banner of ours is beside it.
    pub need_patient_banner: Option<bool>,
}

impl Context {
    /// As members of a token response and of an introspection.
    pub fn members(&self) -> Map<String, Value> {
        let texts = [
            ("patient", &self.patient),
            ("encounter", &self.encounter),
            ("intent", &self.intent),
            ("appContext", &self.app_context),
        ];
        let texts = texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
        let banner = self.need_patient_banner.map(|needed| ("need_patient_banner".to_owned(), json!(needed)));
        texts.chain(banner).collect()
    }
}

/// What was granted, to whom, about whom.
#[derive(Clone, Debug)]
pub struct Grant {
    pub client: String,
    /// Every scope, as it was told.
    pub scope: String,
    /// Those of them that let resources be read.
    pub scopes: Scopes,
    pub context: Context,
    /// On whose behalf; `None`: a backend service.
    pub user: Option<&'static Practitioner>,
}

impl Grant {
    pub fn new(client: &str, scope: &str, context: Context, user: Option<&'static Practitioner>) -> Self {
        Self { client: client.to_owned(), scope: scope.to_owned(), scopes: reading(scope), context, user }
    }

    /// The same with less.
    fn narrowed(&self, scope: &str) -> Self {
        Self::new(&self.client, scope, self.context.clone(), self.user)
    }
}

/// One access token.
#[derive(Clone, Debug)]
pub struct Access {
    pub grant: Arc<Grant>,
    pub issued: Timestamp,
    pub expires: Timestamp,
    family: Uuid,
}

struct Refresh {
    grant: Arc<Grant>,
    family: Uuid,
    used: bool,
}

/// The moment so much later; the last there is where that lies beyond it.
fn after(now: Timestamp, life: Duration) -> Timestamp {
    now.checked_add(life).unwrap_or(Timestamp::MAX)
}

/// Every token that is still good.
#[derive(Default)]
pub struct Tokens {
    access: Expiring<Access>,
    refresh: Expiring<Refresh>,
}

impl Tokens {
    /// A new access token.
    pub fn give(&self, grant: Arc<Grant>, family: Uuid, life: Duration, now: Timestamp) -> String {
        let (token, expires) = (secret(), after(now, life));
        self.access.put(token.clone(), Access { grant, issued: now, expires, family }, expires, now);
        token
    }

    /// What a token lets now.
    pub fn find(&self, token: &str, now: Timestamp) -> Option<Access> {
        self.access.with(token, now, |access| access.clone())
    }

    /// A new refresh token.
    pub fn give_refresh(&self, grant: Arc<Grant>, family: Uuid, life: Duration, now: Timestamp) -> String {
        let token = secret();
        self.refresh.put(token.clone(), Refresh { grant, family, used: false }, after(now, life), now);
        token
    }

    /// Uses a refresh token up: what may be granted anew, and its family. With `scope`, no more than that.
    ///
    /// # Errors
    /// When it is nobody's, another client's, over, or used before, which ends its family; or when more is asked for than
    /// was granted, which leaves it good.
    pub fn redeem(
        &self,
        token: &str,
        client: &str,
        scope: Option<&str>,
        now: Timestamp,
    ) -> Result<(Arc<Grant>, Arc<Grant>, Uuid), Refused> {
        const NOT_GOOD: Refused = Refused::Grant("the refresh token is not this client's, over, or used before");
        let redeemed = self.refresh.with(token, now, |refresh| {
            if refresh.grant.client != client {
                return Err(NOT_GOOD);
            }
            if refresh.used {
                return Ok(Err(refresh.family));
            }
            let grant = match scope {
                None => refresh.grant.clone(),
                Some(asked) if is_within(asked, &refresh.grant.scope) => Arc::new(refresh.grant.narrowed(asked)),
                Some(_) => return Err(Refused::Scope("more is asked for than was granted")),
            };
            refresh.used = true;
            Ok(Ok((grant, refresh.grant.clone(), refresh.family)))
        });
        match redeemed.unwrap_or(Err(NOT_GOOD))? {
            Ok(granted) => Ok(granted),
            Err(stolen) => {
                self.end(stolen);
                Err(NOT_GOOD)
            }
        }
    }

    /// Ends every token of one authorization.
    pub fn end(&self, family: Uuid) {
        self.access.forget(|access| access.family == family);
        self.refresh.forget(|refresh| refresh.family == family);
    }

    /// Ends a token of this client; a refresh token with all of its family (RFC 7009). Another's is left alone.
    pub fn revoke(&self, token: &str, client: &str, now: Timestamp) {
        let own = self.refresh.with(token, now, |refresh| (refresh.grant.client == client).then_some(refresh.family));
        if let Some(family) = own.flatten() {
            self.end(family);
        }
        if self.access.with(token, now, |access| access.grant.client == client) == Some(true) {
            self.access.take(token, now);
        }
    }
}
