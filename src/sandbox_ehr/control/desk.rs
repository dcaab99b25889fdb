//! Who is chosen, what lies on the desk, and how the EHR behaves.

use super::{Answer, Ehr, body, chosen, from_here, unknown, unusable};
use crate::platform::clock;
use crate::sandbox_ehr::SandboxEhr;
use crate::sandbox_ehr::chart::Resource;
use crate::sandbox_ehr::deciding::own_reason;
use crate::sandbox_ehr::hook_call::Service;
use crate::sandbox_ehr::twin::{Faults, Hook, Profile, is_bare};
use actix_web::{HttpRequest, HttpResponse, web};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Everything that the EHR can say of itself.
pub async fn state(ehr: Ehr) -> Answer {
    Ok(told(&ehr))
}

fn told(ehr: &SandboxEhr) -> HttpResponse {
    let patients: Vec<Value> = ehr.charts.iter().map(|one| json!({"id": one.id, "name": one.name})).collect();
    let servers: Vec<Value> =
        ehr.servers.iter().map(|one| json!({"base": one.base, "client_id": one.client_id})).collect();
    let fhir_server = ehr.fhir_base();
    let desk = ehr.desk();
    let basket = desk.patient.as_deref().map(|patient| desk.basket(patient)).unwrap_or_default();
    let signed: Vec<String> = basket.signed.iter().map(|one| format!("{}/{}", one.resource_type, one.id)).collect();
    HttpResponse::Ok().json(json!({
        "patient": desk.patient, "user": desk.user, "encounter": desk.encounter, "as_of": desk.as_of.map(|day| day.to_string()),
        "profile": desk.profile, "switches": desk.switches, "faults": desk.faults,
        "drafts": basket.drafts, "signed": signed, "waiting_feedback": desk.unsent.len(),
        "patients": patients, "servers": servers, "fhir_server": fhir_server,
        "own_reasons": desk.switches.own_reasons.iter().map(|code| own_reason(code)).collect::<Vec<_>>(),
        "capabilities": {
            "hooks": Hook::ALL, "profiles": Profile::ALL,
            "actionSelectionBehavior": ["all", "any", "at-most-one"],
            "selectionBehavior": ["at-most-one", "any"], "systemActions": true, "autolaunchable": true,
        },
    }))
}

/// Chooses patient, user, visit and day; what is not named stays, null clears.
pub async fn choose(ehr: Ehr, request: HttpRequest, bytes: web::Bytes) -> Answer {
    let wanted: Map<String, Value> = body(&request, &bytes)?;
    if let Some(odd) = wanted.keys().find(|key| !["patient", "user", "encounter", "as_of"].contains(&key.as_str())) {
        return Err(unusable(format!("`{odd}` cannot be chosen")));
    }
    let text = |name: &str| match wanted.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(Value::String(text)) => Ok(Some(Some(text.clone()))),
        Some(_) => Err(unusable(format!("`{name}` is a text or null"))),
    };
    let (patient, user, encounter, as_of) = (text("patient")?, text("user")?, text("encounter")?, text("as_of")?);
    if let Some(Some(id)) = &patient {
        ehr.chart(id).ok_or_else(|| unknown("patient"))?;
    }
    let as_of = as_of.map(|day| day.map(|day| day.parse::<Date>()).transpose()).transpose();
    let as_of = as_of.map_err(|_| unusable("`as_of` is a day, such as 2019-03-04"))?;
    let mut desk = ehr.desk();
    // The choice is judged as it would stand: a day or a visit is one of the patient's.
    let chart = patient.clone().unwrap_or_else(|| desk.patient.clone()).and_then(|patient| ehr.chart(&patient));
    let today = clock::now().to_zoned(TimeZone::UTC).date();
    let reached = |day: Date| chart.map_or(day < today, |chart| chart.reaches_back_to(day, today));
    if as_of.unwrap_or(desk.as_of).is_some_and(|day| !reached(day)) {
        return Err(unusable("`as_of` lies between the patient's birth and yesterday, or is null"));
    }
    if let Some(id) = encounter.as_ref().and_then(Option::as_ref) {
        chart
            .ok_or_else(|| unusable("choose a patient first"))?
            .of_type("Encounter")
            .find(|visit| *visit.id == **id)
            .ok_or_else(|| unknown("encounter of this patient"))?;
    }
    if let Some(user) = user {
        let user = user.unwrap_or_else(|| crate::sandbox_ehr::practitioners::ON_DUTY.reference.to_owned());
        if !is_here(&ehr, &user) {
            return Err(unusable(
                "`user` is somebody of this EHR: a Practitioner or PractitionerRole of its staff, such as \
                 Practitioner/sandbox, or a Patient or RelatedPerson of its charts",
            ));
        }
        desk.user = user;
    }
    if let Some(patient) = patient
        && desk.patient != patient
    {
        if let Some(before) = desk.patient.take() {
            ehr.decisions.close(&before);
        }
        (desk.patient, desk.encounter) = (patient, None);
    }
    if let Some(encounter) = encounter {
        desk.encounter = encounter;
    }
    if let Some(as_of) = as_of {
        desk.as_of = as_of;
    }
    drop(desk);
    Ok(told(&ehr))
}

/// Whether a reference leads to somebody who can use this EHR.
fn is_here(ehr: &SandboxEhr, user: &str) -> bool {
    let Some((kind, id)) = user.split_once('/') else { return false };
    let is_it = |one: &Resource| *one.resource_type == *kind && *one.id == *id;
    let employed = ehr.staff.iter().any(|one| is_it(one));
    let known = ["Patient", "RelatedPerson"].contains(&kind);
    employed || known && ehr.charts.iter().any(|chart| chart.of_type(kind).any(is_it))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Behavior {
    profile: Option<Profile>,
    #[serde(default)]
    switches: Map<String, Value>,
}

/// Takes a profile, and then single switches. Without a profile the switches are changed as they stand.
pub async fn behave(ehr: Ehr, request: HttpRequest, bytes: web::Bytes) -> Answer {
    let Behavior { profile, switches } = body(&request, &bytes)?;
    let mut desk = ehr.desk();
    let base = profile.map_or_else(|| desk.switches.clone(), Profile::switches);
    desk.switches = base.with(switches).map_err(unusable)?;
    desk.profile = profile.unwrap_or(desk.profile);
    Ok(HttpResponse::Ok().json(json!({"profile": desk.profile, "switches": desk.switches})))
}

/// Sets every fault; what is not named is well.
pub async fn fail(ehr: Ehr, request: HttpRequest, bytes: web::Bytes) -> Answer {
    let faults: Faults = body(&request, &bytes)?;
    ehr.desk().faults = faults.clone();
    Ok(HttpResponse::Ok().json(faults))
}

#[derive(Deserialize)]
struct Advisory {
    /// The first server where none is named.
    base: Option<String>,
    #[serde(flatten)]
    service: Service,
}

/// Types services in by hand, in place of those typed in before.
pub async fn type_in(ehr: Ehr, request: HttpRequest, bytes: web::Bytes) -> Answer {
    let advisories: Vec<Advisory> = body(&request, &bytes)?;
    let mut typed = Vec::new();
    for Advisory { base, service } in advisories {
        let server = ehr.servers.iter().find(|server| base.as_ref().is_none_or(|base| *base == server.base));
        let server = server.ok_or_else(|| not_vetted(base.as_deref().unwrap_or_default()))?;
        let at_server = service.url.as_ref().is_none_or(|url| url.starts_with(&format!("{}/", server.base)));
        if !at_server {
            return Err(not_vetted(service.url.as_deref().unwrap_or_default()));
        }
        typed.push((server.base.clone(), service));
    }
    ehr.desk().advisories = typed;
    Ok(HttpResponse::NoContent().finish())
}

/// This EHR calls the servers that it was started with.
pub fn not_vetted(base: &str) -> super::Problem {
    let why = format!("{base} is none of the servers that this EHR was started with: `--service` names more");
    super::Problem(actix_web::http::StatusCode::FORBIDDEN, why)
}

pub async fn rotate_keys(ehr: Ehr, request: HttpRequest) -> Answer {
    from_here(&request)?;
    ehr.rotate_keys().map_err(unusable)?;
    Ok(HttpResponse::Ok().json(ehr.published_keys()))
}

/// The chosen patient's drafts.
pub async fn drafts(ehr: Ehr) -> Answer {
    let chart = chosen(&ehr)?;
    Ok(HttpResponse::Ok().json(ehr.desk().basket(&chart.id).drafts))
}

/// Adds a resource to the drafts.
pub async fn add_draft(ehr: Ehr, request: HttpRequest, bytes: web::Bytes) -> Answer {
    let resource: Value = body(&request, &bytes)?;
    let chart = chosen(&ehr)?;
    let reference = ehr.desk().add_draft(&chart.id, resource).map_err(unusable)?;
    Ok(HttpResponse::Created().json(json!({ "reference": reference })))
}

/// Puts another resource in the place of a draft, with the same type and id.
pub async fn change_draft(
    ehr: Ehr,
    path: web::Path<(String, String)>,
    request: HttpRequest,
    bytes: web::Bytes,
) -> Answer {
    let mut resource: Value = body(&request, &bytes)?;
    let (kind, id) = path.into_inner();
    if !resource.is_object() || is_bare(&resource) {
        return Err(unusable("a draft is a resource without null and empty values"));
    }
    (resource["resourceType"], resource["id"]) = (kind.clone().into(), id.clone().into());
    let chart = chosen(&ehr)?;
    let mut desk = ehr.desk();
    let basket = desk.basket_mut(&chart.id);
    let mut changed = basket.clone();
    changed.remove(&format!("{kind}/{id}")).map_err(|_| unknown("draft"))?;
    changed.add(resource, &chart.id).map_err(unusable)?;
    *basket = changed;
    Ok(HttpResponse::NoContent().finish())
}

pub async fn remove_draft(ehr: Ehr, path: web::Path<(String, String)>, request: HttpRequest) -> Answer {
    from_here(&request)?;
    let (chart, (kind, id)) = (chosen(&ehr)?, path.into_inner());
    ehr.desk().basket_mut(&chart.id).remove(&format!("{kind}/{id}")).map_err(|_| unknown("draft"))?;
    Ok(HttpResponse::NoContent().finish())
}

/// Signs every draft order.
pub async fn sign(ehr: Ehr, request: HttpRequest) -> Answer {
    from_here(&request)?;
    let chart = chosen(&ehr)?;
    let signed = ehr.desk().basket_mut(&chart.id).sign();
    Ok(HttpResponse::Ok().json(json!({ "signed": signed })))
}
