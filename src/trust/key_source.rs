//! Where a client's keys come from: a file, read at the start, or an address, fetched at first use and kept.
//!
//! Tokens with unknown keys cannot make us fetch at will: at most once in a minute, one at a time, and a place
//! that does not answer delays only the calls that need its keys.

use super::Refusal;
use super::fetch::{FetchError, fetch};
use super::key_set::{Key, KeySet};
use crate::platform::settings::{self, KeySource, SettingsError};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long after a fetch no unknown `kid` causes another one.
const PAUSE: Duration = Duration::from_secs(60);
/// A set older than this is fetched again while it still serves.
const FRESH: Duration = Duration::from_secs(3600);
/// A set that could not be fetched again serves this long.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// The keys of one client.
pub enum Keys {
    File(KeySet),
    Url(Arc<Published>),
}

impl Keys {
    /// Reads a file at once; an address is left for the first call that needs it.
    /// `client` is whom the log names: a client, or an authorization server, which `setting` tells.
    pub fn new(setting: &str, client: &str, source: &KeySource) -> Result<Self, SettingsError> {
        match source {
            KeySource::File(path) => Ok(Self::File(read(path, setting, client)?)),
            KeySource::Url(url) => Ok(Self::at(client, url)),
        }
    }

    /// Those at an address that settings led to; nothing is fetched yet. `owner`: whose they are, for the log.
    pub fn at(owner: &str, url: &str) -> Self {
        Self::Url(Arc::new(Published::new(owner, url)))
    }

    /// The address, which is the only `jku` that a token may name.
    pub fn url(&self) -> Option<&String> {
        match self {
            Self::File(_) => None,
            Self::Url(published) => Some(&published.url),
        }
    }

    /// The key of this `kid`, or the only one where a token names none; fetched if need be.
    pub async fn find(&self, kid: Option<&str>) -> Result<Arc<Key>, Refusal> {
        match self {
            Self::File(set) => set.find_or_sole(kid),
            Self::Url(published) => published.find(kid).await,
        }
    }
}

fn read(path: &Path, setting: &str, client: &str) -> Result<KeySet, SettingsError> {
    let shown = path.display().to_string();
    let unusable =
        |reason: &str, remedy: &str| settings::unusable(&format!("{setting}.jwks_file"), &shown, reason, remedy);
    let document = std::fs::read(path)
        .map_err(|error| unusable(&error.to_string(), "give the path of the client's JWK Set or use `jwks_url`"))?;
    let set = KeySet::read(&document)
        .ok_or_else(|| unusable("it is no JWK Set", "write a JSON object with a list `keys` of public keys"))?;
    report(client, &set);
    Ok(set)
}

fn report(client: &str, set: &KeySet) {
    let (keys, unusable) = set.counts();
    if unusable > 0 || keys == 0 {
        tracing::warn!(client, keys, unusable, "keys of a client were read; some cannot be used");
    } else {
        tracing::info!(client, keys, "keys of a client were read");
    }
}

/// A key set at an address.
pub struct Published {
    client: String,
    url: String,
    held: RwLock<Held>,
    /// Held by the one who fetches.
    turn: Arc<Mutex<()>>,
}

impl Published {
    fn new(client: &str, url: &str) -> Self {
        Self { client: client.into(), url: url.into(), held: RwLock::default(), turn: Arc::default() }
    }

    async fn find(self: &Arc<Self>, kid: Option<&str>) -> Result<Arc<Key>, Refusal> {
        let (found, wants_fetch) = self.look(kid);
        match (&found, wants_fetch) {
            (_, false) => return found,
            // A set that serves still is renewed behind the call.
            (Ok(_), true) => drop(tokio::task::spawn_local(self.clone().renew(kid.map(str::to_owned)))),
            (Err(_), true) => self.clone().renew(kid.map(str::to_owned)).await,
        }
        self.look(kid).0
    }

    /// What is known of this `kid` now, and whether a fetch may tell more.
    fn look(&self, kid: Option<&str>) -> (Result<Arc<Key>, Refusal>, bool) {
        let (held, now) = (self.held.read().unwrap_or_else(PoisonError::into_inner), Instant::now());
        (held.find(kid, now), held.wants_fetch(kid, now))
    }

    /// Fetches, unless someone else did meanwhile. The fetch ends even when the call that needed it is gone, so
    /// that a caller who hangs up cannot cause another one.
    async fn renew(self: Arc<Self>, kid: Option<String>) {
        let turn = self.turn.clone().lock_owned().await;
        if !self.look(kid.as_deref()).1 {
            return;
        }
        let fetching = tokio::task::spawn_local(async move {
            let fetched = fetch(&self.url).await;
            self.report(&fetched);
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.take(fetched.ok(), kid.as_deref(), Instant::now());
            drop(turn);
        });
        let _worker_stopped = fetching.await;
    }

    fn report(&self, fetched: &Result<KeySet, FetchError>) {
        match fetched {
            Ok(set) => report(&self.client, set),
            Err(error) => tracing::warn!(client = self.client, %error, "keys of a client could not be fetched"),
        }
    }
}

/// What was fetched, and when.
#[derive(Default)]
struct Held {
    set: Option<(KeySet, Instant)>,
    /// The last fetch that counts: all but a first one that brought what it was for.
    counted: Option<Instant>,
}

impl Held {
    fn set(&self, now: Instant) -> Option<&KeySet> {
        self.set.as_ref().filter(|(_, at)| now.duration_since(*at) < KEPT).map(|(set, _)| set)
    }

    fn find(&self, kid: Option<&str>, now: Instant) -> Result<Arc<Key>, Refusal> {
        self.set(now).map_or(Err(Refusal::KeysAway), |set| set.find_or_sole(kid))
    }

    fn wants_fetch(&self, kid: Option<&str>, now: Instant) -> bool {
        let paused = self.counted.is_some_and(|at| now.duration_since(at) < PAUSE);
        let fresh = self.set.as_ref().is_some_and(|(_, at)| now.duration_since(*at) < FRESH);
        !(paused || fresh && self.find(kid, now).is_ok())
    }

    /// Takes what was fetched for this `kid`; an old set outlives a failed fetch.
    fn take(&mut self, fetched: Option<KeySet>, kid: Option<&str>, now: Instant) {
        let first = self.set.is_none();
        let brought = fetched.as_ref().is_some_and(|set| set.find_or_sole(kid).is_ok());
        if let Some(set) = fetched {
            self.set = Some((set, now));
        }
        if !(first && brought) {
            self.counted = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set with one key of this `kid`.
    fn set(kid: &str) -> Option<KeySet> {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"; // RFC 8037, appendix A.2
        KeySet::read(
            format!(r#"{{"keys": [{{"kid": "{kid}", "kty": "OKP", "crv": "Ed25519", "x": "{x}"}}]}}"#).as_bytes(),
        )
    }

    #[test]
    fn an_unknown_key_causes_one_fetch_a_minute_and_a_rotated_one_is_found() {
        let (mut held, start) = (Held::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(held.wants_fetch(Some("a"), at(0)));
        held.take(set("a"), Some("a"), at(0));
        assert!(!held.wants_fetch(Some("a"), at(1)) && held.find(Some("a"), at(1)).is_ok());
        // Rotated right after the first use.
        assert!(held.wants_fetch(Some("b"), at(1)));
        held.take(set("b"), Some("b"), at(1));
        assert!(held.find(Some("b"), at(2)).is_ok());
        assert!(!held.wants_fetch(Some("c"), at(2)) && !held.wants_fetch(Some("c"), at(60)));
        assert!(held.wants_fetch(Some("c"), at(61)));
    }

    #[test]
    fn a_place_that_does_not_answer_is_asked_once_a_minute_and_old_keys_serve_a_day() {
        let (mut held, start) = (Held::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        held.take(None, Some("a"), at(0));
        assert_eq!(held.find(Some("a"), at(1)).map(drop), Err(Refusal::KeysAway));
        assert!(!held.wants_fetch(Some("a"), at(59)) && held.wants_fetch(Some("a"), at(60)));
        held.take(set("a"), Some("a"), at(60));
        assert!(!held.wants_fetch(Some("a"), at(3659)) && held.wants_fetch(Some("a"), at(3660)));
        held.take(None, Some("a"), at(3660));
        assert!(!held.wants_fetch(Some("a"), at(3719)) && held.wants_fetch(Some("a"), at(3720)));
        assert!(held.find(Some("a"), at(24 * 3600)).is_ok());
        assert_eq!(held.find(Some("a"), at(24 * 3600 + 60)).map(drop), Err(Refusal::KeysAway));
    }
}
