//! Who has which patient open. In the memory of this process, bounded, ended by idleness, by its time and by logging out;
//! replicas do not share sessions, so that a browser has to stay with one of them.

use super::Refused;
use crate::decision_support::assess::AssessError;
use crate::governance::card_handles::OpenedCard;
use crate::platform::expiring::{Expiring, secret};
use crate::trust::AccessToken;
use crate::trust::smart_client::{Endpoints, FinishError, SmartClient, Tokens};
use crate::trust::token_endpoint::TokenEndpointError;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long nobody may look.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// However long somebody looks.
const LONGEST: Duration = Duration::from_secs(8 * 3600);
/// A token is renewed, where that is possible, so long before it ends.
const MARGIN: Duration = Duration::from_secs(30);

/// What a launch settled: who has whose chart open, at which EHR (SMART App Launch 2.2, "Launch context").
pub struct LaunchContext {
    /// The app as this EHR knows it; its `ehr.fhir_server` is the only place for the token.
    pub client: Arc<SmartClient>,
    /// Logical id.
    pub patient: String,
    /// Logical id.
    pub encounter: Option<String>,
    /// `Practitioner/x`: who looks. Says nothing of what may be read.
    pub fhir_user: Option<String>,
    /// Granted scopes, separated by blanks.
    pub scope: String,
    /// The EHR does not show itself whose chart it is.
    pub need_patient_banner: bool,
    /// The card that opened it; `None`: none did.
    pub card: Option<OpenedCard>,
    /// Where the token was had, for renewing it.
    pub endpoints: Arc<Endpoints>,
}

/// One patient, opened by one user at one EHR. Cannot be printed.
pub struct SmartSession {
    pub launch: LaunchContext,
    /// Comes back with every form of its pages (`token`): a page of another site cannot know it.
    pub form_token: String,
    /// `None` once the EHR refused to renew, or they were ended. Locked while it renews.
    tokens: Arc<tokio::sync::Mutex<Option<Tokens>>>,
    ends: Timestamp,
}

/// Leave to read from the EHR's FHIR server until this moment.
pub struct Bearer {
    pub token: AccessToken,
    pub until: Instant,
}

impl SmartSession {
    fn new(launch: LaunchContext, tokens: Tokens, now: Timestamp) -> Self {
        let life = match tokens.refresh {
            Some(_) => LONGEST,
            None => LONGEST.min(tokens.until.saturating_duration_since(Instant::now())),
        };
        let tokens = Arc::new(tokio::sync::Mutex::new(Some(tokens)));
        Self { launch, form_token: secret(), tokens, ends: now + life }
    }

    /// Whether a form with this token is of one of its pages.
    pub fn sent(&self, token: &str) -> bool {
        verify_slices_are_equal(token.as_bytes(), self.form_token.as_bytes()).is_ok()
    }

    /// A token that can be used now, renewed if need be; `None` where the EHR has to launch the app again. Runs on a web
    /// worker, where the client library lives.
    pub async fn bearer(&self) -> Option<Bearer> {
        self.usable_unless(|tokens| tokens.until <= Instant::now() + MARGIN).await
    }

    /// Reads with a token that can be used now; where the FHIR server refuses it before its time, once more with another.
    ///
    /// # Errors
    /// Why it was not read, and [`Refused::NoSession`] where the EHR has to launch the app again.
    pub async fn read<T>(&self, reading: impl AsyncFn(Bearer) -> Result<T, AssessError>) -> Result<T, Refused> {
        let bearer = self.bearer().await.ok_or(Refused::NoSession)?;
        let refused = bearer.token.clone();
        match reading(bearer).await {
            Err(AssessError::TokenRefused) => {
                // Somebody else's request may have renewed it meanwhile.
                let other = self.usable_unless(|tokens| tokens.access == refused).await;
                let other = other.filter(|other| other.token != refused).ok_or(AssessError::TokenRefused)?;
                Ok(reading(other).await?)
            }
            read => Ok(read?),
        }
    }

    /// The token held, or a renewed one where it is not to be used and can be renewed.
    async fn usable_unless(&self, spent: impl FnOnce(&Tokens) -> bool) -> Option<Bearer> {
        let mut held = self.tokens.clone().lock_owned().await;
        let tokens = held.as_ref()?;
        let refresh = tokens.refresh.clone().filter(|_| spent(tokens));
        let Some(refresh) = refresh else { return usable(tokens) };
        let (client, endpoints) = (self.launch.client.clone(), self.launch.endpoints.clone());
        // It ends even when the request that needed it is gone: a refresh token is good for one use, and so is its answer.
        let renewing = tokio::task::spawn_local(async move {
            match client.renew(&endpoints, &refresh).await {
                Ok(renewed) => *held = Some(renewed),
                Err(error) => {
                    tracing::warn!(ehr = client.ehr.name, %error, "a session's token could not be renewed");
                    if matches!(error, FinishError::Endpoint(TokenEndpointError::Refused { .. })) {
                        *held = None;
                    }
                }
            }
            held.as_ref().and_then(usable)
        });
        renewing.await.ok()?
    }

    /// Ends its tokens at the EHR too. Goes on when nobody waits for it.
    pub fn end(self: Arc<Self>) -> JoinHandle<()> {
        tokio::task::spawn_local(async move {
            let held = self.tokens.lock().await.take();
            if let Some(tokens) = held {
                revoke(&self.launch.client, &self.launch.endpoints, &tokens).await;
            }
        })
    }
}

/// Ends tokens at the EHR, as far as it says how; what goes wrong is said in the log, and they end by themselves.
pub async fn revoke(client: &SmartClient, endpoints: &Endpoints, tokens: &Tokens) {
    if let Err(error) = client.revoke(endpoints, tokens).await {
        tracing::warn!(ehr = client.ehr.name, %error, "tokens could not be revoked");
    }
}

fn usable(tokens: &Tokens) -> Option<Bearer> {
    let Tokens { access, until, .. } = tokens;
    (Instant::now() < *until).then(|| Bearer { token: access.clone(), until: *until })
}

/// Every session of this process.
#[derive(Default)]
pub struct Sessions(Expiring<Arc<SmartSession>>);

impl Sessions {
    /// Opens one; its secret, for the browser's cookie.
    pub fn open(&self, launch: LaunchContext, tokens: Tokens, now: Timestamp) -> String {
        let (session, name) = (Arc::new(SmartSession::new(launch, tokens, now)), secret());
        let until = lasts(&session, now);
        self.0.put(name.clone(), session, until, now);
        name
    }

    /// The session of this secret, which lasts longer by being looked at.
    pub fn find(&self, name: &str, now: Timestamp) -> Option<Arc<SmartSession>> {
        self.0.with_prolonged(name, now, |session| lasts(session, now), Arc::clone)
    }

    /// Closes it for its browser; its tokens are still to be ended.
    pub fn close(&self, name: &str, now: Timestamp) -> Option<Arc<SmartSession>> {
        self.0.take(name, now)
    }
}

fn lasts(session: &SmartSession, now: Timestamp) -> Timestamp {
    session.ends.min(now + IDLE)
}
