//! `POST {fhir}/_services/smart/Launch`: a launch handle for an EHR client that is not this page. The shape is what the public
//! CDS Hooks sandbox sends (github.com/cds-hooks/sandbox, `src/retrieve-data-helpers/launch-context-retrieval.js`), in either
//! spelling of `launchUrl`; other members are ignored.
//!
//! Needs no token, as open FHIR servers of that sandbox do not: whoever asks is the user on duty.

use super::super::SandboxEhr;
use super::super::fhir::outcome;
use super::tokens::Context;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

/// The longest text that a handle carries, in bytes.
const LONGEST: usize = 4096;

#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "launchUrl", alias = "launch_url")]
    launch_url: String,
    parameters: Parameters,
}

#[derive(Deserialize)]
struct Parameters {
    patient: String,
    encounter: Option<String>,
    intent: Option<String>,
    need_patient_banner: Option<bool>,
    #[serde(rename = "appContext")]
    app_context: Option<String>,
}

/// Answers with `launch_id`.
pub async fn launch(ehr: web::Data<SandboxEhr>, body: web::Bytes) -> HttpResponse {
    match handle(&ehr, &body) {
        Ok(handle) => HttpResponse::Ok().json(json!({ "launch_id": handle })),
        Err(why) => outcome(StatusCode::BAD_REQUEST, "invalid", why),
    }
}

fn handle(ehr: &SandboxEhr, body: &[u8]) -> Result<String, &'static str> {
    let wanted: Wanted = serde_json::from_slice(body)
        .map_err(|_| "the body has to be JSON with `launchUrl` and `parameters`, in which `patient` is a text")?;
    let Parameters { patient, encounter, intent, need_patient_banner, app_context } = wanted.parameters;
    let client = ehr.authorization.clients.launched_at(&wanted.launch_url);
    let client = client.ok_or("no app is registered with this launch address")?;
    let chart = ehr.chart(&patient).ok_or("there is no such patient")?;
    let known = |id: &String| chart.of_type("Encounter").any(|one| *one.id == **id);
    if encounter.as_ref().is_some_and(|id| !known(id)) {
        return Err("the patient has no such encounter");
    }
    if [&intent, &app_context].into_iter().flatten().any(|text| text.len() > LONGEST) {
        return Err("`intent` and `appContext` may have 4096 bytes");
    }
    let context = Context { patient: Some(patient), encounter, intent, app_context, need_patient_banner };
    Ok(ehr.authorization.give_launch(&client.id, context))
}
