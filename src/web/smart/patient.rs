//! `GET /smart/patient`: the patient that this browser has open, read from the EHR with the session's token.

use super::page::{LaunchCard, PageContext, show};
use super::{Refused, SmartSession, app, pages};
use crate::decision_support::assess::{Asker, AssessError, ChartSource};
use crate::decision_support::read_back::FhirBase;
use crate::platform::clock;
use crate::web::state::State;
use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

/// Shows whose chart is open, as long as the EHR still lets it be read.
pub async fn patient(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let session = app(&state)?.session(&request)?;
    let hooks = &state.parts().map_err(|_| Refused::NotReady)?.hooks;
    let bearer = session.bearer().await.ok_or(Refused::NoSession)?;
    let unreadable = |error| Refused::Chart { ehr: session.client.ehr.name.clone(), error };
    let fhir_server = &session.client.ehr.fhir_server;
    let base = FhirBase::parse(fhir_server).ok_or_else(|| unreadable(AssessError::FhirServerAway))?;
    let source =
        ChartSource::Server { base, token: bearer.token, until: bearer.until, patient: session.patient.clone() };
    let asker = Asker { arrived: clock::now(), client: Some(session.issuer().to_owned()) };
    let context = PageContext {
        fhir_server: Some(fhir_server.clone()),
        form_token: Some(session.form_token.clone()),
        card: launched(&session),
        documentation_url: hooks.documentation_url.clone(),
        session: Some(pages::session(&session)),
    };
    let page = show(hooks, source, asker.arrived.as_second(), &asker, &context).await.map_err(unreadable)?;
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(page.0))
}

fn launched(session: &SmartSession) -> Option<LaunchCard> {
    let card = session.card.as_ref()?;
    Some(LaunchCard { service: card.service.clone(), uuid: card.card, phenotype: card.phenotype.clone() })
}
