//! `POST /smart/feedback`: what the clinician says of an outcome on the page, stored where feedback on cards is.

use super::page::feedback::{FeedbackError, FeedbackForm, take, thanks};
use super::{Refused, app};
use crate::platform::clock;
use crate::platform::telemetry::signals::FeedbackStored;
use crate::web::state::State;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Form};
use actix_web::{Error, HttpRequest, HttpResponse};

/// Takes a form of a page of this browser's session, and of no other.
pub async fn feedback(
    state: Data<State>,
    request: HttpRequest,
    form: Result<Form<FeedbackForm>, Error>,
) -> Result<HttpResponse, Refused> {
    let app = app(&state)?;
    let session = app.session(&request)?;
    let form = form.map_err(|_| Refused::Request)?;
    if !form.token.as_deref().is_some_and(|token| session.sent(token)) {
        return Err(Refused::FromElsewhere);
    }
    let parts = state.parts().map_err(|_| Refused::NotReady)?;
    let taken = take(&parts.feedback, &parts.hooks.catalogue, Some(session.issuer()), clock::now(), &form);
    let taken = taken.await.map_err(|error| match error {
        FeedbackError::Unknown => Refused::Request,
        FeedbackError::NotStored(error) => Refused::NotRecorded(error),
    })?;
    let (stored, unknown_cards) = (taken.stored, taken.unknown_cards);
    FeedbackStored { service: &form.service, entries: 1, stored, unknown_cards }.emit();
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(thanks(form.outcome, &app.patient_url).0))
}
