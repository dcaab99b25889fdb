//! `GET /smart/patient`: the patient that this browser has open.

use super::page::{LaunchCard, PageContext, show};
use super::{Bearer, Refused, SmartSession, app, pages};
use crate::decision_support::assess::{Asker, ChartSource};
use crate::decision_support::read_back::FhirBase;
use crate::platform::clock;
use crate::web::state::State;
use actix_web::http::header::ContentType;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

/// Reads the chart with the session's token and shows it, as long as the EHR still lets it be read.
pub async fn patient(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Refused> {
    let session = app(&state)?.session(&request)?;
    let hooks = &state.parts().map_err(|_| Refused::NotReady)?.hooks;
    let base = FhirBase::parse(&session.launch.client.ehr.fhir_server).ok_or(Refused::UnknownEhr)?;
    let now = clock::now();
    let asker = Asker { arrived: now, client: Some(session.launch.client.ehr.fhir_server.clone()) };
    let context = context(&session, hooks.documentation_url.clone());
    let source = |bearer: Bearer| ChartSource::Server {
        base: base.clone(),
        token: bearer.token,
        until: bearer.until,
        patient: session.launch.patient.clone(),
    };
    let read = session.read(async |bearer| show(hooks, source(bearer), now.as_second(), &asker, &context).await);
    let page = read.await?;
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(page.0))
}

fn context(session: &SmartSession, documentation_url: Option<String>) -> PageContext {
    let card = session.launch.card.as_ref();
    PageContext {
        fhir_server: Some(session.launch.client.ehr.fhir_server.clone()),
        form_token: Some(session.form_token.clone()),
        card: card.map(|card| LaunchCard { service: card.service.clone(), uuid: card.card, phenotype: None }),
        documentation_url,
        session: Some(pages::opened(session)),
    }
}
