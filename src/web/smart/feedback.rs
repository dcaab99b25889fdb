//! `POST /smart/feedback`: what a clinician says of an outcome on the page.

use super::page::feedback::{FeedbackForm, take, thanks};
use super::{Refused, app};
use crate::platform::clock;
use crate::platform::telemetry::signals::FeedbackStored;
use crate::web::state::State;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Form};
use actix_web::{HttpRequest, HttpResponse};

/// Stores a form of this session's page before it answers. A page of another site has no token to send.
pub async fn feedback(
    state: Data<State>,
    request: HttpRequest,
    form: Result<Form<FeedbackForm>, actix_web::Error>,
) -> Result<HttpResponse, Refused> {
    let session = app(&state)?.session(&request)?;
    let form = form.map_err(|_| Refused::Request)?.0;
    if !form.token.as_deref().is_some_and(|token| session.sent(token)) {
        return Err(Refused::FromElsewhere);
    }
    let parts = state.parts().map_err(|_| Refused::NotReady)?;
    let client = session.launch.client.ehr.fhir_server.as_str();
    let taken = take(&parts.feedback, &parts.hooks.catalogue, Some(client), clock::now(), &form).await?;
    let (stored, unknown_cards) = (taken.stored, taken.unknown_cards);
    FeedbackStored { service: &form.service, entries: 1, stored, unknown_cards }.emit();
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(thanks(form.outcome, "/smart/patient").0))
}
