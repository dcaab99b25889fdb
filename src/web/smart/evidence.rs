//! `GET /smart/evidence/{type}/{id}`: the resource behind a piece of evidence, of the open patient's chart and no other.
//!
//! Read with the session's token, which stays here: the browser could only have asked the FHIR server without one.

use super::page::resource;
use super::{Refused, app, chart};
use crate::decision_support::prefetch::standard;
use crate::decision_support::protocol::is_fhir_id;
use crate::decision_support::read_back::Unread;
use crate::patient_record::chart::ChartReader;
use crate::patient_record::timeline::SkipReason;
use crate::web::state::State;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

/// Below this the page links to `Type/id`.
pub const ADDRESS: &str = "/smart/evidence";

/// Reads the resource and shows it. Types that no chart is made of are not asked for.
pub async fn evidence(
    state: Data<State>,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Refused> {
    let session = app(&state)?.session(&request)?;
    let (resource_type, id) = path.into_inner();
    if !is_fhir_id(&id) || !is_of_charts(&resource_type) {
        return Err(Refused::NotInChart);
    }
    let hooks = &state.parts().map_err(|_| Refused::NotReady)?.hooks;
    let (base, address) = (chart::base(&session)?, format!("{resource_type}/{id}"));
    let read = session.read(
        |unread: &Unread| *unread == Unread::Refused,
        async |bearer| chart::resource(hooks, &base, &bearer, address.clone()).await,
    );
    let json = read.await?;
    let found: Value = serde_json::from_str(&json).map_err(|_| Unread::Misshapen)?;
    let same = found["resourceType"] == *resource_type && found["id"] == *id;
    if !same || !is_about(&session.launch.patient, &json) {
        return Err(Refused::NotInChart);
    }
    let address = format!("{}/{address}", session.launch.client.ehr.fhir_server);
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(resource::page(&found, &address).0))
}

/// Whether a chart's events come from resources of this type.
fn is_of_charts(resource_type: &str) -> bool {
    resource_type != "Patient" && standard().iter().any(|key| key.resource_type() == Some(resource_type))
}

/// Whether a chart of this patient has the resource, by the rule of the chart reader itself.
fn is_about(patient: &str, resource: &str) -> bool {
    let mut reader = ChartReader::new();
    let whose = json!({"resourceType": "Patient", "id": patient}).to_string();
    let taken = [whose.as_str(), resource].iter().all(|json| reader.take_json(json.as_bytes()).is_ok());
    let foreign = |reason: &SkipReason| {
        matches!(
            reason,
            SkipReason::OtherPatient | SkipReason::NoPatient | SkipReason::Unreadable | SkipReason::TypeNotRead
        )
    };
    let timeline = reader.finish_one(patient).filter(|_| taken);
    timeline.is_some_and(|timeline| !timeline.skipped.0.keys().any(|(_, reason)| foreign(reason)))
}
