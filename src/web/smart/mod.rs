//! Our SMART app as browsers meet it (SMART App Launch 2.2, EHR and standalone launch): from an EHR's link to a session with
//! one patient open. What is said to the EHR is the business of `trust::smart_client`.
//!
//! Owns addresses, cookies, launches under way and sessions. Refuses to be sent anywhere by a parameter, and never lets a
//! token, a code or a launch handle reach a page, a cookie, an address of ours or the log.

mod callback;
mod chart;
mod cookies;
mod evidence;
mod feedback;
mod frame;
mod launch;
mod logout;
pub mod page;
mod pages;
mod patient;
mod reasons;
mod refused;
mod session;

pub use refused::Refused;
pub use session::{Bearer, SmartSession};

use super::router::{open, read, submit};
use super::state::State;
use crate::platform::clock;
use crate::platform::expiring::Expiring;
use crate::platform::settings::{Mode, Settings, SettingsError};
use crate::trust::OwnKeys;
use crate::trust::smart_client::SmartClient;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{Error, HttpRequest};
use callback::Pending;
use cookies::{Cookie, Cookies};
use session::Sessions;
use std::collections::HashSet;
use std::sync::Arc;
use url::form_urlencoded;

/// Nothing inline, nothing from elsewhere. Who may show it in a frame is added.
pub const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors";

/// What the app works with.
pub struct SmartApp {
    clients: Vec<Arc<SmartClient>>,
    /// Launches under way, by their `state`.
    pending: Expiring<Pending>,
    sessions: Sessions,
    cookies: Cookies,
    policy: HeaderValue,
    /// Where a patient is shown.
    patient_url: String,
    /// Below it, why none is.
    refused_url: String,
}

/// Where EHRs launch the app; `None` where none knows it.
pub fn launch_url(settings: &Settings) -> Option<String> {
    let public = settings.server.public_url.as_ref().filter(|_| !settings.ehrs.is_empty())?;
    Some(format!("{public}/smart/launch"))
}

impl SmartApp {
    /// `None` where no EHR is configured.
    ///
    /// # Errors
    /// A secret that cannot be read.
    pub fn of(settings: &Settings, own_keys: Option<&Arc<OwnKeys>>) -> Result<Option<Self>, SettingsError> {
        let Some(public) = settings.server.public_url.as_ref().filter(|_| !settings.ehrs.is_empty()) else {
            return Ok(None);
        };
        let plain = settings.server.mode == Mode::Development || settings.server.allow_plain_http;
        let redirect_base = format!("{public}/smart/callback");
        let clients = settings.ehrs.iter().map(|ehr| SmartClient::new(ehr, &redirect_base, own_keys, plain));
        let ancestors = &settings.smart.frame_ancestors;
        let framing = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
        Ok(Some(Self {
            clients: clients.map(|client| client.map(Arc::new)).collect::<Result<_, _>>()?,
            pending: Expiring::default(),
            sessions: Sessions::default(),
            cookies: Cookies { secure: public.starts_with("https://"), framed: !ancestors.is_empty() },
            policy: HeaderValue::from_str(&format!("{CONTENT_POLICY} {framing}"))
                .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
            patient_url: format!("{public}/smart/patient"),
            refused_url: format!("{public}/smart/refused"),
        }))
    }

    /// The session of this browser, which lasts longer by being looked at.
    fn session(&self, request: &HttpRequest) -> Result<Arc<SmartSession>, Refused> {
        let secret = self.cookies.get(request, Cookie::Session).ok_or(Refused::NoSession)?;
        self.sessions.find(&secret, clock::now()).ok_or(Refused::NoSession)
    }

    fn client(&self, name: &str) -> Option<&Arc<SmartClient>> {
        self.clients.iter().find(|client| client.ehr.name == name)
    }
}

/// The addresses below `/smart`.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(open("", launch::standalone))
        .service(open("/standalone", launch::standalone))
        .service(open("/launch", launch::launch))
        .service(open("/callback/{registration}", callback::callback))
        .service(open("/refused/{reason}", reasons::page))
        .service(open("/patient", patient::patient))
        .service(open("/evidence/{type}/{id}", evidence::evidence))
        .service(submit("/feedback", feedback::feedback))
        .service(submit("/logout", logout::logout))
        .service(read("/assets/{edition}/{name}", page::assets::asset));
}

fn app(state: &State) -> Result<&SmartApp, Refused> {
    state.smart.as_ref().ok_or(Refused::Off)
}

/// What every answer below `/smart` tells the browser: keep nothing but styles and scripts, tell nobody where you come from, run nothing that is
/// not ours, be shown in no frame but an EHR's.
pub async fn protect(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let policy = request.app_data::<Data<State>>().and_then(|state| Some(state.smart.as_ref()?.policy.clone()));
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        policy.unwrap_or_else(|| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    );
    Ok(response)
}

/// The parameters of an address, each there once.
struct Query(Vec<(String, String)>);

impl Query {
    fn read(request: &HttpRequest) -> Result<Self, Refused> {
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
        let names: HashSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        if names.len() == pairs.len() { Ok(Self(pairs)) } else { Err(Refused::Request) }
    }

    /// The value of a parameter, of at most this many bytes.
    fn get(&self, name: &str, longest: usize) -> Result<Option<&str>, Refused> {
        match self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()) {
            Some(value) if value.is_empty() || value.len() > longest => Err(Refused::Request),
            value => Ok(value),
        }
    }
}
