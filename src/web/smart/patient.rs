//! `GET /smart/patient`: the patient that this browser has open.

use super::page::{Banner, LaunchCard, PageContext, Person, page};
use super::{Bearer, Refused, SmartSession, app, chart, evidence, pages};
use crate::decision_support::answer_hook::HookParts;
use crate::decision_support::assess::{Asker, AssessError, ChartSource, assess_course};
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
    let (base, now) = (chart::base(&session)?, clock::now());
    let asker = Asker { arrived: now, client: Some(session.launch.client.ehr.fhir_server.clone()) };
    let source = |bearer: Bearer| ChartSource::Server {
        base: base.clone(),
        token: bearer.token,
        until: bearer.until,
        patient: session.launch.patient.clone(),
    };
    let read = session.read(
        |error| matches!(error, AssessError::TokenRefused),
        async |bearer| {
            // The banner first: it is one read, and the page must not be without it because the chart is long.
            let banner = banner(hooks, &base, &session, bearer.clone());
            let (banner, course) = tokio::join!(banner, assess_course(hooks, source(bearer), now.as_second(), &asker));
            Ok((banner, course?))
        },
    );
    let (banner, course) = read.await?;
    let context = context(&session, banner, hooks.documentation_url.clone());
    let page = page(&course, &hooks.catalogue, &context);
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(page.0))
}

/// Whose chart it is, unless the EHR shows that itself.
async fn banner(hooks: &HookParts, base: &FhirBase, session: &SmartSession, bearer: Bearer) -> Banner {
    let patient = &session.launch.patient;
    if !session.launch.need_patient_banner {
        return Banner::AtTheEhr;
    }
    let read = chart::resource(hooks, base, &bearer, format!("Patient/{patient}")).await;
    read.ok().and_then(|json| Person::read(&json, patient)).map_or(Banner::NotRead, Banner::Of)
}

fn context(session: &SmartSession, banner: Banner, documentation_url: Option<String>) -> PageContext {
    let card = session.launch.card.as_ref();
    PageContext {
        banner,
        resources_at: Some(evidence::ADDRESS.to_owned()),
        form_token: Some(session.form_token.clone()),
        card: card.map(|card| LaunchCard { service: card.service.clone(), uuid: card.card, phenotype: None }),
        documentation_url,
        session: Some(pages::opened(session)),
    }
}
