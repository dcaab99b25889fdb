//! `GET /smart/callback/{registration}`: the browser comes back from the EHR. A launch is finished once, by the browser that
//! began it, at the address of the EHR where it began; only then does the code go to that EHR's token endpoint.

use super::cookies::Cookie;
use super::session::{LaunchContext, revoke};
use super::{Query, Refused, SmartApp, app};
use crate::decision_support::protocol::is_id_of;
use crate::governance::card_handles::{About, OpenedCard, Redeemed};
use crate::platform::clock;
use crate::platform::telemetry::signals::AppOpened;
use crate::trust::smart_client::{Attempt, Granted, SmartClient};
use crate::web::state::State;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::task::spawn_local;

/// The longest parameter, in bytes.
const LONGEST: usize = 4096;
/// The longest logical id; some EHRs go far beyond FHIR's 64.
const LONGEST_ID: usize = 512;

/// A launch under way.
pub struct Pending {
    client: Arc<SmartClient>,
    attempt: Attempt,
    /// SHA-256 of the browser's secret.
    browser: [u8; 32],
}

impl Pending {
    pub fn new(client: Arc<SmartClient>, attempt: Attempt, browser: &str) -> Self {
        Self { client, attempt, browser: Sha256::digest(browser).into() }
    }
}

/// Makes a session of what the EHR sends. Whatever comes of it, the browser is led on to a clean address; no other parameter
/// says where to go.
pub async fn callback(
    state: Data<State>,
    registration: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Refused> {
    let app = app(&state)?;
    let opened = opened(&state, app, &registration, &request).await;
    Ok(opened.unwrap_or_else(|refused| refused.shown_at(&app.refused_url)))
}

async fn opened(
    state: &State,
    app: &SmartApp,
    registration: &str,
    request: &HttpRequest,
) -> Result<HttpResponse, Refused> {
    let (query, now) = (Query::read(request)?, clock::now());
    let Pending { client, attempt, .. } = pending(app, &query, registration, request, now)?;
    let ehr = || client.ehr.name.clone();
    if query.get("error", LONGEST)?.is_some() {
        return Err(Refused::Denied { ehr: ehr() });
    }
    let code = query.get("code", LONGEST)?.ok_or(Refused::Request)?;
    let granted = client.finish(attempt, code).await.map_err(|error| Refused::Token { ehr: ehr(), error })?;
    let (patient, card) = match patient(state, &client, &granted).await {
        Ok(found) => found,
        Err(refused) => {
            // Nobody is shown anything by these tokens. They end by themselves where this comes to nothing.
            spawn_local(async move { revoke(&client, &granted.endpoints, &granted.tokens).await });
            return Err(refused);
        }
    };
    AppOpened { ehr: &client.ehr.name, from_card: card.is_some() }.emit();
    let before = app.cookies.get(request, Cookie::Session).and_then(|before| app.sessions.close(&before, now));
    if let Some(before) = before {
        drop(before.end()); // Goes on by itself: this patient does not wait for the one before.
    }
    let launch = LaunchContext {
        client,
        patient,
        encounter: granted.encounter.filter(|encounter| is_id_of(encounter, LONGEST_ID)),
        fhir_user: granted.fhir_user,
        scope: granted.scope,
        need_patient_banner: granted.need_patient_banner,
        card,
        endpoints: granted.endpoints,
    };
    let session = app.sessions.open(launch, granted.tokens, now);
    Ok(HttpResponse::SeeOther()
        .insert_header((SET_COOKIE, app.cookies.set(Cookie::Session, &session, None)))
        .insert_header((LOCATION, app.patient_url.clone()))
        .finish())
}

/// The launch that this answer finishes. Whatever else is wrong, its `state` is used up.
fn pending(
    app: &SmartApp,
    query: &Query,
    registration: &str,
    request: &HttpRequest,
    now: Timestamp,
) -> Result<Pending, Refused> {
    let state = query.get("state", LONGEST)?.ok_or(Refused::Request)?;
    let pending = app.pending.take(state, now).ok_or(Refused::NotBegunHere)?;
    let browser = app.cookies.get(request, Cookie::Browser).ok_or(Refused::NotBegunHere)?;
    let same_browser = Sha256::digest(browser)[..] == pending.browser[..];
    let same_ehr = pending.client.ehr.name == registration && pending.attempt.may_come_from(query.get("iss", LONGEST)?);
    if same_browser && same_ehr { Ok(pending) } else { Err(Refused::NotBegunHere) }
}

/// The patient that was granted, and the card that led to it, if one did.
async fn patient(
    state: &State,
    client: &SmartClient,
    granted: &Granted,
) -> Result<(String, Option<OpenedCard>), Refused> {
    let patient = granted.patient.clone().filter(|patient| is_id_of(patient, LONGEST_ID));
    let patient = patient.ok_or_else(|| Refused::NoPatient { ehr: client.ehr.name.clone() })?;
    let card = card(state, client, granted, &patient).await?;
    Ok((patient, card))
}

/// The card that the app was opened from, if it was; one about another patient, or none of ours, lets nothing be shown.
async fn card(
    state: &State,
    client: &SmartClient,
    granted: &Granted,
    patient: &str,
) -> Result<Option<OpenedCard>, Refused> {
    let Some(handle) = &granted.app_context else { return Ok(None) };
    let parts = state.parts().map_err(|_| Refused::NotReady)?;
    let about = About { fhir_server: &client.ehr.fhir_server, patient };
    let ehr = client.ehr.name.clone();
    match parts.card_handles.redeem(handle, about, clock::now()).await? {
        Redeemed::Card(card) => Ok(Some(card)),
        Redeemed::OfAnother => Err(Refused::OtherPatient { ehr }),
        Redeemed::Unknown => Err(Refused::UnknownCard { ehr }),
    }
}
